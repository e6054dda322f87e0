"""Published records get the times of what is known of the clock now, all of them together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agent.uplink.uplink_kit import T0, cdr, finished, station
from laddvakt_agent.ledger.clock_book import BootTime, Exactness
from laddvakt_agent.moved import Moved, bases, from_text, moved_on, to_text
from laddvakt_agent.published import CdrRecord, SessionRecord, TimeBasis
from laddvakt_agent.retime import INEXACT, Retimer
from laddvakt_agent.uplink.objects import credit_of
from laddvakt_agent.wall import Wall

BOOTED = T0 - timedelta(seconds=100)
LATE = timedelta(hours=3)
HOUR = timedelta(hours=1)
NOTHING: Mapping[str, BootTime] = {}


def boot(boot_id: str, zero: datetime | None, exactness: Exactness) -> BootTime:
    return BootTime(
        boot_id=boot_id, first_run=1, last_run=1, first_s=10.0, last_s=900.0,
        exactness=exactness, zero=zero, not_before=None, not_after=None,
    )  # fmt: skip


def retimer(*, known: bool = True, boots: Mapping[str, BootTime] = NOTHING) -> Retimer:
    """This boot's second 0 was `BOOTED`."""
    wall = Wall(wall_at=lambda s: BOOTED + timedelta(seconds=s), boot_id="here")
    return Retimer(wall=wall, known=lambda: known, boots=boots)


def told(*made_with: TimeBasis) -> SessionRecord:
    return replace(finished(), bases=made_with)


def bill(*made_with: TimeBasis) -> CdrRecord:
    return replace(cdr(), session=told(*made_with))


def test_all_times_of_a_record_move_together() -> None:
    """It was made while the clock was three hours late."""
    made = bill(TimeBasis(boot_id="here", zero=BOOTED - LATE))
    moved = retimer().cdr(made)
    before, after = made.session, moved.session
    assert before.ended_at is not None
    assert (after.started_at, after.ended_at) == (before.started_at + LATE, before.ended_at + LATE)
    assert [p.started_at for p in after.periods] == [p.started_at + LATE for p in before.periods]
    assert moved.created_at == made.created_at + LATE
    assert [p.duration_s for p in after.periods] == [p.duration_s for p in before.periods]
    assert moved.remark == made.remark


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(bill(), id="of an older version: its times stand"),
        pytest.param(bill(TimeBasis(boot_id="here", zero=BOOTED)), id="right already"),
        pytest.param(
            bill(TimeBasis(boot_id="here", zero=BOOTED + timedelta(seconds=0.2))), id="jitter"
        ),
        pytest.param(bill(TimeBasis(boot_id="unheard of", zero=T0)), id="of an unknown boot"),
    ],
)
def test_what_cannot_be_better_stays_as_it_is(made: CdrRecord) -> None:
    whole = station(sessions=(made.session,), cdrs=(made,))
    corrected = retimer().station(whole)
    assert (corrected.sessions, corrected.cdrs) == (whole.sessions, whole.cdrs)
    assert corrected.zero == BOOTED, "it says with what its times were made"


def test_each_part_of_a_session_follows_its_own_boot() -> None:
    """Ten minutes of it in the boot before, whose clock was an hour ahead; the rest in this one."""
    ahead = TimeBasis(boot_id="before", zero=T0 + HOUR, until=T0 + timedelta(minutes=9))
    made = told(ahead, TimeBasis(boot_id="here", zero=BOOTED - LATE))
    moved = retimer(boots={"before": boot("before", T0, Exactness.SYNCED)}).session(made)
    assert made.ended_at is not None
    assert moved.started_at == made.started_at - HOUR
    assert moved.ended_at == made.ended_at + LATE
    assert [p.started_at for p in moved.periods] == [
        made.periods[0].started_at - HOUR,
        made.periods[1].started_at + LATE,
    ]


def test_nothing_gets_before_what_came_before_it() -> None:
    """The later boot turns out to have been earlier than the end of the one before: it cannot."""
    ahead = TimeBasis(boot_id="before", zero=T0 - HOUR, until=T0 + timedelta(minutes=9))
    made = told(ahead, TimeBasis(boot_id="here", zero=BOOTED))
    moved = retimer(boots={"before": boot("before", T0, Exactness.PEER)}).session(made)
    times = [moved.started_at, *(p.started_at for p in moved.periods), moved.ended_at]
    assert times == [T0 + HOUR] * 4
    assert moved.changed_at == T0 + HOUR


@pytest.mark.parametrize(
    ("boot_id", "known", "exactness", "inexact"),
    [
        pytest.param("here", True, Exactness.SYNCED, False, id="known"),
        pytest.param("here", False, Exactness.BOUNDED, True, id="this clock was never set"),
        pytest.param("before", True, Exactness.BOUNDED, True, id="an earlier one was never set"),
        pytest.param("before", True, Exactness.PEER, False, id="told by the backend"),
    ],
)
def test_a_bill_says_when_its_times_are_not_exact(
    boot_id: str, known: bool, exactness: Exactness, inexact: bool
) -> None:
    found = {"before": boot("before", T0, exactness)}
    remark = retimer(known=known, boots=found).cdr(bill(TimeBasis(boot_id=boot_id, zero=T0))).remark
    assert (INEXACT in (remark or "")) is inexact


def test_what_takes_a_bill_back_has_its_times_and_a_date_of_its_own() -> None:
    made = bill(TimeBasis(boot_id="here", zero=BOOTED - LATE))
    credit = credit_of(made, T0 + 5 * LATE)
    moved = retimer().cdr(credit)
    assert moved.created_at == credit.created_at
    assert moved.session == retimer().cdr(made).session


def test_seconds_moved_over_two_boots_keep_their_boots() -> None:
    wall = retimer().wall
    once = moved_on((), "first", -900.0)
    twice = moved_on(once, "second", -300.0)
    assert twice == (
        Moved(boot_id="first", shift_s=-1200.0),
        Moved(boot_id="second", shift_s=-300.0),
    )
    first, second, here = bases(twice, wall)
    assert (first.until, second.until, here.until) == (second.zero, here.zero, None)
    assert here.zero - first.zero == timedelta(seconds=1200)
    assert from_text(to_text(twice, "here"), "here") == twice
    assert from_text(to_text(twice, "here"), "moved on by an older version") == ()
    assert (from_text(None, "here"), from_text("{", "here"), to_text((), "here")) == ((), (), None)


def test_the_wall_keeps_still_until_more_is_known() -> None:
    said = {"zero": datetime(2027, 1, 1, tzinfo=UTC), "steps": 0.0}

    def at(boot_s: float) -> datetime:
        zero = said["zero"]
        assert isinstance(zero, datetime)
        return zero + timedelta(seconds=boot_s)

    wall = Wall(wall_at=at, take_step_s=lambda: 3600.0)
    assert not wall.follow()
    assert wall.stepped_s == 3600.0, "the wall clock was stepped; what is believed was not"
    said["zero"] = datetime(2027, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert wall.follow()
    assert wall.at(1.0005) == datetime(2027, 1, 1, 0, 0, 2, tzinfo=UTC)
