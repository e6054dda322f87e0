"""Sessions through the ledger: nothing is lost, and an older version's word counts."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Signed
from laddvakt_agent.ledger.rows import SessionRow, from_columns, to_columns
from laddvakt_agent.published import TokenRef
from laddvakt_agent.session_rows import ESTIMATED_BEFORE, to_row, to_session

TOKEN = TokenRef(uid="A", type="RFID", contract_id="C", country_code="SE", party_id="LAD")
T0 = datetime(2027, 1, 1, tzinfo=UTC)
KNOWN_BEFORE = {field.name for field in fields(SessionRow)} - {"core", "unbilled", "moved"}

_WH = st.floats(0.0, 1e9)
_S = st.floats(0.0, 1e7)
_TEXT = st.text(max_size=8)
_MAYBE_S = st.none() | _S
_SIGNED = st.builds(Signed, wh=_WH, text=_TEXT, encoding=_TEXT, public_key=st.none() | _TEXT)
_VALUE = st.builds(
    core.MeterValue, wh=_WH, taken_s=_S, quality=st.sampled_from(core.Quality), reason=_TEXT,
    signed=st.none() | _SIGNED,
)  # fmt: skip
_AMPS = st.none() | st.floats(0.0, 80.0)
_PERIOD = st.builds(
    core.Period, start_s=_S, start_wh=st.none() | _WH, kind=st.sampled_from(core.Kind),
    limit_a=st.floats(0.0, 80.0), max_a=st.tuples(_AMPS, _AMPS, _AMPS),
)  # fmt: skip
SESSIONS = st.builds(
    core.Session, id=st.just("s1"), connector=st.just("1"), begun_s=_S,
    periods=st.lists(_PERIOD, min_size=1, max_size=4).map(tuple), reservation=st.none() | _TEXT,
    serial=st.none() | _TEXT, other=st.none() | _TEXT, turns=st.integers(0, 3),
    start=st.none() | _VALUE, last=st.none() | _VALUE, sealed=st.none() | _VALUE,
    opened=st.none() | _VALUE, opened_s=_MAYBE_S, conducting=st.booleans(), seen_s=_MAYBE_S,
    flowed_s=_MAYBE_S, ended_s=_MAYBE_S, end_reason=st.none() | _TEXT, end=st.none() | _VALUE,
    settled=st.booleans(), unbilled=st.none() | _TEXT,
)  # fmt: skip


def row_of(session: core.Session) -> SessionRow:
    return to_row(
        session, evse_uid="E1", token=TOKEN, auth_method="WHITELIST", meter_id="meter1",
        boot_id="b1", wall_at=lambda boot_s: T0 + timedelta(seconds=boot_s),
    )  # fmt: skip


def columns(row: SessionRow) -> dict[str, object]:
    """What a version knows that does not know `core`."""
    return {name: getattr(row, name) for name in KNOWN_BEFORE}


@settings(deadline=None)  # a busy machine is no finding
@given(session=SESSIONS)
def test_any_session_comes_back_as_it_was(session: core.Session) -> None:
    row = from_columns(SessionRow, to_columns(row_of(session)))
    assert to_session(row) == session


@settings(deadline=None)
@given(session=SESSIONS)
def test_without_core_the_columns_tell_what_they_can(session: core.Session) -> None:
    """And again: what was made of them says the same."""
    row = replace(row_of(replace(session, serial=None, unbilled=None)), core=None)
    found = to_session(row)
    assert columns(row_of(found)) == columns(row)
    assert found.flowed_s is None, "nobody wrote down how long it was closed"


@settings(deadline=None)
@given(before=SESSIONS, after=SESSIONS)
def test_what_an_older_version_wrote_since_counts(
    before: core.Session, after: core.Session
) -> None:
    """It knows the columns alone and leaves `core` as it was."""
    stale = row_of(before)
    row = replace(row_of(after), core=stale.core, unbilled=stale.unbilled, meter_id=stale.meter_id)
    found = to_session(row)
    assert columns(row_of(found)) == columns(row)
    kept = (found.serial, found.turns, found.reservation, found.unbilled)
    assert kept == (before.serial, before.turns, before.reservation, before.unbilled)


def session() -> core.Session:
    """Charging since 110 s, behind a fault for a while."""
    kinds = ((100.0, core.Kind.VEHICLE), (110.0, core.Kind.FAULT), (120.0, core.Kind.CHARGING))
    return core.Session(
        id="s1",
        connector="1",
        begun_s=100.0,
        serial="4711",
        periods=tuple(
            core.Period(start_s=at_s, start_wh=5000.0, kind=kind, limit_a=16.0)
            for at_s, kind in kinds
        ),
        start=core.MeterValue(wh=5000.0, taken_s=99.5, quality=core.Quality.LATE, reason="late"),
        last=core.MeterValue(wh=5010.0, taken_s=130.0),
        conducting=True,
        seen_s=130.0,
    )


@pytest.mark.parametrize("ended_s", [None, 140.7], ids=["open", "ended"])
@pytest.mark.parametrize("by_s", [-50.0, 1e6 / 3.0], ids=["exactly", "rounded"])
def test_an_older_version_moved_it_to_another_boot(by_s: float, ended_s: float | None) -> None:
    """Its times are the new boot's, those in `core` the old one's: they are moved alike."""
    left = replace(session(), opened_s=130.1, begun_s=100.1, ended_s=ended_s)
    moved = core.shift(left, by_s)
    found = to_session(replace(row_of(moved), core=row_of(left).core))
    assert columns(row_of(found)) == columns(row_of(moved))
    assert found.opened_s == pytest.approx(moved.opened_s)
    assert (found.conducting, found.start_wh, found.serial) == (True, 5000.0, "4711")
    assert found.start is not None
    assert found.start.reason == "late"


def test_an_older_version_opened_it_and_read_on() -> None:
    """What it did not touch is still true, what depends on it is not known any more."""
    went_on = replace(
        session(),
        periods=(
            *session().periods,
            core.Period(start_s=140.0, start_wh=5020.0, kind=core.Kind.VEHICLE),
        ),
        last=core.MeterValue(wh=5021.0, taken_s=150.0),
        conducting=False,
    )
    found = to_session(replace(row_of(went_on), core=row_of(session()).core))
    assert found.start == session().start
    assert found.periods[:3] == session().periods
    assert (found.periods[3].kind, found.last_wh) == (core.Kind.VEHICLE, 5021.0)
    assert (found.conducting, found.opened_s, found.flowed_s) == (False, None, None)


@pytest.mark.parametrize("end_wh", [5030.0, 5010.0], ids=["read", "the last known"])
def test_an_older_version_settled_it(end_wh: float) -> None:
    ended = replace(row_of(session()), ended_s=200.0, end_wh=end_wh, settled=True, estimated=True)
    end = to_session(ended).end
    assert end is not None
    assert (end.wh, end.quality, end.reason) == (
        end_wh, core.Quality.LAST_KNOWN, ESTIMATED_BEFORE,
    )  # fmt: skip
    read = to_session(replace(ended, estimated=False)).end
    assert read is not None
    assert read.quality is core.Quality.GOOD


def test_periods_of_before_the_station_was_told_apart() -> None:
    """And what is written now can be read by those who know only `charging`."""
    old = [{"start_s": s, "start_wh": 2.0, "charging": s < 2.0} for s in (1.0, 3.0)]
    row = replace(row_of(session()), core=None, periods=msgspec.json.encode(old).decode())
    assert [p.kind for p in to_session(row).periods] == [core.Kind.CHARGING, core.Kind.VEHICLE]
    written = msgspec.json.decode(row_of(session()).periods)
    assert [(p["charging"], p["held"]) for p in written] == [
        (False, False), (False, True), (True, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "{", "{}", "[1]", '{"id": "s1"}'], ids=["empty", "torn", "bare", "list", "part"]
)
def test_a_damaged_core_is_as_none(text: str) -> None:
    row = replace(row_of(session()), core=text)
    assert to_session(row) == to_session(replace(row, core=None))


def test_the_core_of_another_session_is_as_none() -> None:
    other = row_of(replace(session(), id="s2")).core
    row = replace(row_of(session()), core=other)
    assert to_session(row) == to_session(replace(row, core=None))


def test_a_row_without_periods_still_has_one() -> None:
    found = to_session(replace(row_of(session()), core=None, periods="[]"))
    assert [(p.start_s, p.kind) for p in found.periods] == [(100.0, core.Kind.VEHICLE)]
    assert not found.conducting


def test_the_meter_is_called_by_its_serial_number() -> None:
    assert row_of(session()).meter_id == "4711"
    assert row_of(replace(session(), serial=None)).meter_id == "meter1"
