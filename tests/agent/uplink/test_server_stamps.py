"""The times of what is pulled: pure rules, for every order of pushes, pulls and clock steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.stamps import Known, dated_location, objects_in, stamp_of

T0 = datetime(2027, 3, 1, 12, tzinfo=UTC)
MS = timedelta(milliseconds=1)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("changed_s", "known", "expected"),
    [
        pytest.param(5, [], at(5), id="never-told"),
        pytest.param(5, [Known("a", at(9))], at(9), id="same-as-told"),
        pytest.param(5, [Known("b", at(3))], at(5), id="changed-since"),
        pytest.param(5, [Known("b", at(9))], at(9) + MS, id="changed-after-a-clock-step"),
        pytest.param(5, [Known("a", at(3)), Known("b", at(4))], at(5), id="there-and-back"),
        pytest.param(5, [Known("a", at(3)), Known("b", at(7))], at(7) + MS, id="back-late"),
        pytest.param(5, [Known(None, at(3))], at(20), id="sent-but-not-known-what"),
        pytest.param(5, [Known(None, at(3)), Known("a", at(6))], at(6), id="shown-since"),
        pytest.param(5, [Known("a", at(6)), Known("a", at(6))], at(6), id="pushed-and-shown"),
    ],
)
def test_stamp(changed_s: float, known: list[Known], expected: datetime) -> None:
    """The same content keeps its time, another one gets one later than any."""
    assert stamp_of("a", at(changed_s), known, at(20)) == expected


def location(status: str, power: int, *uids: str) -> Content:
    return {
        "id": "L",
        "evses": [
            {"uid": uid, "status": status, "connectors": [{"id": "1", "max_amperage": power}]}
            for uid in uids
        ],
    }


changes = st.tuples(
    st.sampled_from(["AVAILABLE", "CHARGING", "OUTOFORDER"]),
    st.sampled_from([16, 32]),
    st.sampled_from([("a",), ("a", "b"), ("b",)]),
    st.integers(-50, 50),  # seconds: the clock goes to and fro
    st.integers(-50, 50),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(changes, min_size=1, max_size=6))
def test_location_times(course: list[tuple[str, int, tuple[str, ...], int, int]]) -> None:
    """Parents are never older than their children; a change moves time on, nothing else does."""
    before: Content | None = None
    for status, power, uids, changed_s, now_s in course:
        content = location(status, power, *uids)
        changed_at = dict.fromkeys(("a", "b"), at(changed_s))
        after = dated_location(content, before, changed_at, at(now_s))
        for evse in objects_in(after, "evses"):
            assert str(after["last_updated"]) >= str(evse["last_updated"])
            for connector in objects_in(evse, "connectors"):
                assert str(evse["last_updated"]) >= str(connector["last_updated"])
        assert dated_location(content, after, changed_at, at(now_s + 7)) == after
        if before is not None and after != before:
            assert str(after["last_updated"]) > str(before["last_updated"])
            known = {str(one["uid"]) for one in objects_in(before, "evses")}
            assert known <= {str(one["uid"]) for one in objects_in(after, "evses")}
        before = after
