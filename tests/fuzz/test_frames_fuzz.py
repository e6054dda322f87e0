"""The short, repeatable form of `make fuzz`: the same judgement on drawn and damaged frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from fuzz import judge_frames
from fuzz.judge_frames import HEAD_LENGTH, check, request_from
from hal.slave import framed, obey
from laddvakt_hal.frame import Found, encode_rtu, encode_tcp

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())
heads = st.binary(min_size=HEAD_LENGTH, max_size=HEAD_LENGTH)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_corpus(path: Path) -> None:
    check(path.read_bytes())


@pytest.mark.parametrize("name", ["rtu_truncated", "rtu_other_unit", "tcp_http"])
def test_judgement_is_sharp(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parser that believes whatever comes is found out by the seeds alone."""
    gullible = lambda came, request: Found(0, len(came), bytes(came[1:-2]))  # noqa: E731 - short
    monkeypatch.setattr(judge_frames, "scan", gullible)
    with pytest.raises(AssertionError):
        check((Path(__file__).parent / "corpus" / name).read_bytes())


@seed(1)
@settings(max_examples=400, deadline=None)
@given(heads, st.binary(max_size=300))
def test_anything_at_all(head: bytes, came: bytes) -> None:
    check(head + came)


@seed(2)
@settings(max_examples=400, deadline=None)
@given(heads, st.binary(max_size=6), st.binary(max_size=6), st.data())
def test_good_replies_damaged(
    head: bytes, before: bytes, after: bytes, data: st.DataObject
) -> None:
    """Cut, flipped, framed by garbage, on RTU and on TCP."""
    request = request_from(head)
    reply = bytearray(obey(encode_rtu(request)))
    for _ in range(data.draw(st.integers(0, 3))):
        reply[data.draw(st.integers(0, len(reply) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    cut = data.draw(st.integers(0, len(reply)))
    check(head + before + bytes(reply[cut:]) + after)
    check(head + before + bytes(reply[:cut]) + after)
    check(head + encode_tcp(request, 1 + cut)[: 6 + cut] + after)


@seed(3)
@settings(max_examples=200, deadline=None)
@given(heads, st.binary(min_size=2, max_size=60))
def test_frames_with_a_right_check_sum(head: bytes, body: bytes) -> None:
    check(head + framed(body))
    check(head + framed(head[:1] + body))
    check(head + body[:3] + framed(bytes((head[0], request_from(head).function)) + body))
