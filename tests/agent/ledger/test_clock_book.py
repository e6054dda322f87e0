"""Boots placed in time: by synchronisation, by the backend, or between their neighbours."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, ended, fault_row, open_ledger, session_row
from laddvakt_agent.clock import Clock, FakeTime
from laddvakt_agent.clock_keeper import HOUR_S, ROWS_PER_HOUR, ClockKeeper, wall_of
from laddvakt_agent.ledger import Ledger
from laddvakt_agent.ledger.clock_book import Ago, BootTime, Exactness
from laddvakt_agent.ledger.rows import ClockStepRow
from laddvakt_agent.ledger.views import VIEWS
from laddvakt_agent.moved import Moved, to_text
from laddvakt_agent.retime import Retimer

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def boots(directory: Path, *lives: tuple[str, float, datetime, bool]) -> Ledger:
    """A ledger over some boots: (id, seconds up, wall at second 0, synchronised at its end)."""
    ledger: Ledger | None = None
    for boot_id, up_s, zero, synced in lives:
        if ledger is not None:
            ledger.close()
        start = zero + timedelta(seconds=10.0)
        time = FakeTime(boot_s=10.0, wall=start, synced=False, boot_id=boot_id)
        ledger = open_ledger(directory, time)
        time.advance(up_s - 10.0)
        time.is_synced = synced
        ledger.heartbeat(time.boot_s(), time.wall())
    assert ledger is not None
    return ledger


def after(minutes: float) -> datetime:
    return WALL + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("before", "zero", "low", "high"),
    [
        pytest.param(after(60), after(60), after(10), after(100), id="plausible: as it said"),
        pytest.param(after(-300), after(10), after(10), after(100), id="late: after the first"),
        pytest.param(after(999), after(100), after(10), after(100), id="ahead: before the third"),
        pytest.param(EPOCH, after(10), after(10), after(100), id="unset: the first ended then"),
    ],
)
def test_a_boot_never_synchronised_lies_between_its_neighbours(
    tmp_path: Path, before: datetime, zero: datetime, low: datetime, high: datetime
) -> None:
    """The first was up for ten minutes, this one for twenty; the third began at minute 120."""
    ledger = boots(
        tmp_path,
        ("first", 600.0, WALL, True),
        ("second", 1200.0, before, False),
        ("third", 60.0, after(120), True),
    )
    first, second, third = ledger.times.boots()
    assert [first.zero, third.zero] == [WALL, after(120)]
    assert (second.exactness, second.zero) == (Exactness.BOUNDED, zero)
    assert (second.not_before, second.not_after) == (low, high)
    assert second.bounds(60.0) == (low + timedelta(minutes=1), high + timedelta(minutes=1))
    ledger.close()


def test_boots_are_in_the_order_of_their_runs_whatever_the_clocks_said(tmp_path: Path) -> None:
    ledger = boots(
        tmp_path,
        ("a", 600.0, after(500), False),
        ("b", 600.0, after(100), False),
        ("c", 600.0, EPOCH, False),
    )
    found = ledger.times.boots()
    assert [boot.boot_id for boot in found] == ["a", "b", "c"]
    assert [boot.zero for boot in found] == [after(500), after(510), after(520)]
    ledger.close()


def test_how_long_ago_it_was_over_boots(tmp_path: Path) -> None:
    ledger = boots(
        tmp_path,
        ("first", 600.0, WALL, True),
        ("second", 1200.0, EPOCH, False),
        ("third", 60.0, after(120), True),
    )
    ago = ledger.times.ago
    assert ago("first", 300.0, 60.0) == Ago(least_s=1560.0, best_s=6960.0, most_s=6960.0)
    assert ago("third", 20.0, 60.0) == Ago(least_s=40.0, best_s=40.0, most_s=40.0)
    unsure = ago("second", 600.0, 60.0)
    assert unsure is not None
    assert (unsure.least_s, unsure.most_s) == (660.0, None)
    assert ago("never", 1.0, 60.0) is None
    ledger.close()


def _kept(ledger: Ledger, time: FakeTime) -> tuple[ClockKeeper, Clock]:
    clock = Clock(time)
    retimer = Retimer(wall=wall_of(clock, ledger.times))
    keeper = ClockKeeper(
        clock=clock, times=ledger.times, retimer=retimer, post=lambda call, row: call(row)
    )
    keeper.look(time.boot_s())
    return keeper, clock


def _at(minutes: float) -> datetime:
    return WALL + timedelta(minutes=minutes)


def test_every_jump_and_the_first_synchronisation_is_a_row(tmp_path: Path) -> None:
    time = FakeTime(boot_s=100.0, wall=WALL, synced=False)
    ledger = open_ledger(tmp_path, time)
    keeper, clock = _kept(ledger, time)
    heard: list[ClockStepRow] = []
    keeper.on_step = heard.append
    told = WALL - timedelta(seconds=100) + timedelta(hours=1)
    clock.told_by_peer(told, told + timedelta(seconds=1))
    keeper.look(100.0)
    time.step_wall(_at(30))
    keeper.look(100.0)
    time.is_synced = True
    keeper.look(100.0)
    keeper.look(100.0)
    steps = ledger.times.steps()
    assert list(steps) == heard[::-1]
    assert [(step.reason, step.clock_state) for step in reversed(steps)] == [
        ("peer", "restored"), ("step", "restored"), ("sync", "synced"),
    ]  # fmt: skip
    assert (steps[1].from_wall, steps[1].to_wall) == (WALL, _at(30))
    (boot,) = ledger.times.boots()
    assert (boot.exactness, boot.at(100.0)) == (Exactness.SYNCED, _at(30))
    keeper, _ = _kept(ledger, time)
    assert len(ledger.times.steps()) == 3, "the agent alone started anew: nothing is new"
    ledger.close()


def test_two_time_sources_that_fight_wear_no_disk(tmp_path: Path) -> None:
    """Each second another jump; once an hour has passed the next row says where it went since."""
    time = FakeTime(boot_s=100.0, wall=WALL, synced=True)
    ledger = open_ledger(tmp_path, time)
    keeper, clock = _kept(ledger, time)
    for second in range(300):
        time.advance(1.0)
        time.step_wall(time.wall() + timedelta(minutes=-1 if second % 2 else 1))
        keeper.look(time.boot_s())
    assert len(ledger.times.steps()) == ROWS_PER_HOUR
    time.advance(HOUR_S)
    time.step_wall(_at(500))
    keeper.look(time.boot_s())
    last, before = ledger.times.steps(2)
    assert last.to_wall == _at(500)
    assert last.from_wall == before.to_wall + timedelta(seconds=last.at_s - before.at_s)
    (boot,) = ledger.times.boots()
    assert boot.at(time.boot_s()) == clock.wall_at(time.boot_s()) == _at(500)
    ledger.close()


@pytest.mark.parametrize("synced", [False, True], ids=["by hand", "by a time source"])
def test_a_clock_that_was_set_while_no_agent_ran(tmp_path: Path, synced: bool) -> None:
    """The next run in the same boot writes the jump down; a source's word counts from then on."""
    time = FakeTime(boot_s=100.0, wall=WALL, synced=True)
    ledger = open_ledger(tmp_path, time)
    _kept(ledger, time)
    time.step_wall(_at(-30))
    time.is_synced = synced
    _, clock = _kept(ledger, time)
    step, sync = ledger.times.steps()
    assert (step.reason, step.from_wall, step.to_wall) == ("step", WALL, _at(-30))
    assert (step.clock_state, sync.reason) == ("synced" if synced else "restored", "sync")
    (boot,) = ledger.times.boots()
    assert boot.at(100.0) == clock.wall_at(100.0) == (_at(-30) if synced else WALL)
    _kept(ledger, time)
    assert len(ledger.times.steps()) == 2
    ledger.close()


def test_rows_get_their_corrected_times_by_view(tmp_path: Path) -> None:
    """They were written while the clock was three hours late."""
    time = FakeTime(boot_s=100.0, wall=WALL - timedelta(hours=3), synced=False)
    ledger = open_ledger(tmp_path, time)
    ledger.save_session(ended(session_row()))
    ledger.raise_fault(fault_row())
    time.step_wall(WALL)
    time.is_synced = True
    ledger.heartbeat(100.0, WALL)

    def read(table: str) -> dict[str, object]:
        (row,) = ledger._store.read(f"SELECT * FROM {table}_corrected")
        return dict(row)

    session = read("sessions")
    assert session["w_wall"] == "2027-01-01T09:00:00Z", "what was written stays"
    assert session["begun_at"] == "2027-01-01T12:00:00.000Z"
    assert session["ended_at"] == "2027-01-01T12:06:41.000Z"
    assert read("faults")["since_at"] == "2027-01-01T12:00:20.000Z"
    ledger.close()


def test_a_session_moved_over_a_boot_begins_where_it_began(tmp_path: Path) -> None:
    ledger = boots(tmp_path, ("first", 600.0, WALL, True), ("second", 60.0, after(120), True))
    moved = (Moved(boot_id="first", shift_s=-900.0),)  # a guess: it was off for hours
    row = replace(
        session_row(), boot_id="second", begun_s=-400.0, ended_s=30.0,
        moved=to_text(moved, "second"),
    )  # fmt: skip
    ledger.save_session(row)
    (found,) = ledger._store.read("SELECT * FROM sessions_corrected")
    assert found["begun_at"] == "2027-01-01T12:08:20.000Z"
    assert found["ended_at"] == "2027-01-01T14:00:30.000Z"
    ledger.close()


def test_every_view_can_be_read(tmp_path: Path) -> None:
    ledger = boots(tmp_path, ("first", 600.0, WALL, True))
    names = [line.split()[2] for line in VIEWS.splitlines() if line.startswith("CREATE VIEW")]
    assert len(names) == 9
    for name in names:
        ledger._store.read(f"SELECT * FROM {name}")
    ledger.close()


def test_an_instant_of_a_boot_nothing_is_known_of() -> None:
    boot = BootTime(
        boot_id="b", first_run=1, last_run=1, first_s=1.0, last_s=2.0,
        exactness=Exactness.BOUNDED, zero=None, not_before=None, not_after=None,
    )  # fmt: skip
    assert (boot.at(1.0), boot.bounds(1.0)) == (None, (None, None))
