"""The ring of frames."""

from __future__ import annotations

import json

from laddvakt_sim.trace import CAPACITY, Trace


def _filled(frames: int) -> Trace:
    trace = Trace(("a", "b"))
    for index in range(frames):
        trace.add(
            line="ab"[index % 2],
            direction="request",
            raw=bytes((1, 3, 0)),
            unit_at=0,
            times_s=(float(index), index + 0.5),
            shows=("power_lost",),
        )
    return trace


def test_frame_as_json() -> None:
    """A frame carries everything a check needs."""
    (text,), following = _filled(1).since(1, line=None, limit=10)
    assert json.loads(text) == {
        "seq": 1, "line": "a", "dir": "request", "unit": 1, "fc": 3, "hex": "010300",
        "first_s": 0.0, "last_s": 0.5, "shows": ["power_lost"], "note": "",
    }  # fmt: skip
    assert following == 2


def test_pages_of_one_line_join() -> None:
    """`next` of a filtered page continues where it ended."""
    trace, seen, following = _filled(25), [], 1
    while True:
        page, following = trace.since(following, line="b", limit=5)
        if not page:
            break
        seen += [json.loads(text)["seq"] for text in page]
    assert seen == list(range(2, 26, 2))


def test_ring_forgets_the_oldest() -> None:
    """At least 20 000 frames are kept; asking for forgotten ones begins at the oldest."""
    trace = _filled(CAPACITY + 10)
    page, _ = trace.since(1, line=None, limit=1)
    assert json.loads(page[0])["seq"] == 11
    assert CAPACITY >= 20_000
    assert trace.since(CAPACITY + 11, line=None, limit=1) == ([], CAPACITY + 11)
    assert trace.counts == {
        "a": {"frames": CAPACITY // 2 + 5, "errors": 0},
        "b": {"frames": CAPACITY // 2 + 5, "errors": 0},
    }
