"""Status intervals: they join from the first start on, whatever ends the agent."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.ledger.samples import WALL, open_ledger
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import IntervalRow, Ledger
from laddvakt_agent.ledger.aside import set_ledger_aside
from laddvakt_agent.ledger.intervals import broken

FIRST_BOOT = "00000000-0000-4000-8000-000000000001"
SECOND_BOOT = "00000000-0000-4000-8000-000000000002"
UP = {"status": "AVAILABLE", "cause": "free", "would_have_worked": "yes"}
LOST = {"status": "OUTOFORDER", "cause": "meter_lost", "would_have_worked": "yes"}
WORKED_ON = {
    "status": "INOPERATIVE", "cause": "closed by command", "cause_class": "planned",
    "evidence": "the maintenance had begun 60 s before",
}  # fmt: skip


def row(time: FakeTime, evse_uid: str = "e1", **said: str) -> IntervalRow:
    known: dict[str, str] = {"cause_class": "own", **said}
    return IntervalRow(
        evse_uid=evse_uid,
        begun_boot_id=time.boot_id(),
        begun_s=time.boot_s(),
        begun_wall=time.wall(),
        connector="1",
        **known,  # type: ignore[arg-type] # texts by name
    )


def kill(ledger: Ledger) -> None:
    """As if killed: nothing more is written."""
    ledger._store.close()
    assert ledger.renewal.lock is not None
    os.close(ledger.renewal.lock)


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@contextmanager
def tampered(directory: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(directory / "ledger.db")) as connection, connection:
        yield connection


def test_intervals_join_and_the_same_again_changes_nothing(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    ledger.begin_evses({"e1": "1", "e2": "2"})
    time.advance(1.0)
    up = row(time, **UP)
    assert ledger.change_status((up,)) == 1
    time.advance(1.0)
    lost = row(time, fault_id="f1", mrec="CX013", evidence="no reply for 3.1 s", **LOST)
    assert ledger.change_status((replace(up, begun_s=101.5), lost)) == 1
    assert ledger.change_status((up, lost)) == 0  # offered again after a disk that refused
    newest, before, first = ledger.intervals("e1")
    assert (newest, newest.ended_wall) == (lost, None)
    assert (before.cause, before.ended_s, before.ended_wall) == ("free", 102.0, lost.begun_wall)
    assert (first.status, first.cause, first.begun_s) == ("UNKNOWN", "nothing read yet", 100.0)
    assert broken(ledger._store) == ()
    ledger.close()


def test_of_two_rows_of_one_instant_the_later_counts(tmp_path: Path, time: FakeTime) -> None:
    ledger = open_ledger(tmp_path, time)
    time.advance(1.0)
    for _ in range(2):
        ledger.change_status((row(time, **UP), row(time, **LOST)))
        (only,) = ledger.intervals("e1")
        assert only.cause == "meter_lost"
    assert broken(ledger._store) == ()
    ledger.close()


@pytest.mark.parametrize(
    ("differs", "another"),
    [
        ({"cause": "in session"}, True),
        ({"cause_class": "grid", "evidence": "0 V"}, True),
        ({"fault_id": "f2"}, True),
        ({"would_have_worked": "no"}, True),
        ({"evidence": "other words"}, False),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_an_interval_is_another_one_when_its_cause_is(
    tmp_path: Path, time: FakeTime, differs: dict[str, str], another: bool
) -> None:
    ledger = open_ledger(tmp_path, time)
    ledger.change_status((row(time, **UP),))
    time.advance(1.0)
    assert ledger.change_status((row(time, **(UP | differs)),)) == int(another)
    ledger.close()


def test_time_without_an_agent_is_unknown(tmp_path: Path, time: FakeTime) -> None:
    """An agent that dies says nothing; what it last wrote is the last that is certain."""
    dead = open_ledger(tmp_path, time)
    dead.change_status((row(time, **UP),))
    time.advance(60.0)
    dead.heartbeat(time.boot_s(), time.wall())
    kill(dead)
    time.advance(30.0)
    time.reboot(SECOND_BOOT, off_s=600.0, uptime_s=20.0)
    ledger = open_ledger(tmp_path, time)
    now, gap, last = ledger.intervals("e1")
    assert (last.ended_boot_id, last.ended_s, last.ended_wall) == (
        FIRST_BOOT, 160.0, WALL + timedelta(seconds=60),
    )  # fmt: skip
    assert (gap.status, gap.cause, gap.cause_class, gap.would_have_worked, gap.evidence) == (
        "UNKNOWN", "agent_not_running", "unknown", "unknown",
        "ended after this last sign of life; the controller itself was started anew",
    )  # fmt: skip
    assert (gap.begun_s, gap.ended_s, gap.ended_boot_id) == (160.0, 20.0, SECOND_BOOT)
    assert gap.ended_wall == time.wall()
    assert (now.cause, now.connector, now.ended_wall) == ("nothing read yet", "1", None)
    assert broken(ledger._store) == ()
    ledger.close()


@pytest.mark.parametrize(
    ("left", "orderly", "expected"),
    [
        (UP, True, ("agent_stopped", "unknown", "stopped in good order")),
        (UP, False, ("agent_not_running", "unknown", "ended after this last sign of life")),
        (WORKED_ON, True, (
            "agent_stopped", "planned",
            "stopped in good order; planned before: the maintenance had begun 60 s before",
        )),
        (WORKED_ON, False, ("agent_not_running", "unknown", "ended after this last sign of life")),
    ],
    ids=["stopped", "killed", "stopped while planned", "killed while planned"],
)  # fmt: skip
def test_an_absence_is_planned_only_with_evidence(
    tmp_path: Path, time: FakeTime, left: dict[str, str], orderly: bool,
    expected: tuple[str, str, str],
) -> None:  # fmt: skip
    gone = open_ledger(tmp_path, time)
    gone.change_status((row(time, **left),))
    time.advance(10.0)
    gone.close() if orderly else kill(gone)
    time.advance(5.0)
    ledger = open_ledger(tmp_path, time)
    gap = ledger.intervals("e1")[1]
    assert (gap.cause, gap.cause_class, gap.evidence) == expected
    assert broken(ledger._store) == ()
    ledger.close()


def test_an_update_is_said(tmp_path: Path, time: FakeTime) -> None:
    old = open_ledger(tmp_path, time)
    old.change_status((row(time, **UP),))
    old._store._connection.execute("UPDATE runs SET version = '0.0.1'")
    old.close()
    time.advance(5.0)
    ledger = open_ledger(tmp_path, time)
    assert "version 0.0.1 before, " in (ledger.intervals("e1")[1].evidence or "")
    ledger.close()


def test_an_evse_taken_out_of_the_configuration_is_removed(tmp_path: Path, time: FakeTime) -> None:
    first = open_ledger(tmp_path, time)
    first.begin_evses({"e1": "1", "e2": "2"})
    first.close()
    for configured in ({"e1": "1"}, {"e1": "1"}, {"e1": "1", "e2": "2"}):
        time.advance(60.0)
        ledger = open_ledger(tmp_path, time)
        ledger.begin_evses(configured)
        time.advance(1.0)
        ledger.close()
    ledger = open_ledger(tmp_path, time)
    told = [(part.status, part.cause, part.begun_s) for part in reversed(ledger.intervals("e2"))]
    assert told == [
        ("UNKNOWN", "nothing read yet", 100.0),
        ("UNKNOWN", "agent_stopped", 100.0),
        ("REMOVED", "not_configured", 160.0),  # one interval over the second start
        ("UNKNOWN", "nothing read yet", 282.0),
        ("UNKNOWN", "agent_stopped", 283.0),
        ("UNKNOWN", "nothing read yet", 283.0),
    ]
    assert broken(ledger._store) == ()
    ledger.close()


def test_what_an_older_version_wrote_goes_on(tmp_path: Path, time: FakeTime) -> None:
    """It left a hole between its start and its first status, and knew one class of its own."""
    old = open_ledger(tmp_path, time)
    said: dict[str, str] = {"cause_class": "own"}
    old.change_status((row(time, status="AVAILABLE", **said),))
    old._store._connection.execute(
        "UPDATE intervals SET ended_boot_id = begun_boot_id, ended_s = 110.0,"
        " ended_wall = begun_wall, connector = NULL"
    )
    time.advance(20.0)
    old._store._connection.execute("UPDATE runs SET last_s = 120.0")
    kill(old)
    ledger = open_ledger(tmp_path, time)
    assert broken(ledger._store) == ()  # it died before its first status
    ledger.begin_evses({"e1": "1"})
    assert [(part.cause, part.begun_s) for part in reversed(ledger.intervals("e1"))] == [
        (None, 100.0), ("not_recorded", 110.0), ("nothing read yet", 120.0),
    ]  # fmt: skip
    assert broken(ledger._store) == ()
    ledger.close()


def test_a_sign_of_life_that_came_late_ends_nothing_too_early(
    tmp_path: Path, time: FakeTime
) -> None:
    dead = open_ledger(tmp_path, time)
    time.advance(10.0)
    dead.change_status((row(time, **UP),))
    dead._store._connection.execute("UPDATE runs SET last_s = 101.0")
    kill(dead)
    time.advance(-5.0)
    ledger = open_ledger(tmp_path, time)
    assert [(part.begun_s, part.ended_s) for part in reversed(ledger.intervals("e1"))] == [
        (110.0, 110.0), (110.0, 110.0), (110.0, None),
    ]  # fmt: skip
    assert broken(ledger._store) == ()
    ledger.close()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("DELETE FROM intervals WHERE number = 2", "interval 1 and 3: 10.000 s between them"),
        ("UPDATE intervals SET ended_s = 115.0 WHERE number = 1",
         "interval 1 and 2: 5.000 s in both"),
        ("UPDATE intervals SET ended_s = 99.0 WHERE number = 1",
         "it ends before it begins (99.000 s < 100.000 s"),
        ("UPDATE intervals SET ended_s = NULL WHERE number = 2", "interval 2: half of an end"),
        ("DELETE FROM intervals WHERE number = 3", "interval 2: ended, and nothing follows"),
        ("UPDATE intervals SET begun_boot_id = 'x' WHERE number = 2",
         "one ends in another boot than the next begins"),
        ("UPDATE intervals SET cause_class = 'weather' WHERE number = 2",
         "nobody knows the cause class 'weather'"),
        ("UPDATE intervals SET cause_class = 'grid' WHERE number = 2",
         "of class grid without evidence"),
    ],
    ids=["hole", "overlap", "backwards", "half", "no last", "boots", "class", "no evidence"],
)  # fmt: skip
def test_what_does_not_join_is_found(
    tmp_path: Path, time: FakeTime, damage: str, said: str
) -> None:
    ledger = open_ledger(tmp_path, time)
    for said_of in (UP, LOST, UP):
        ledger.change_status((row(time, **said_of),))
        time.advance(10.0)
    assert broken(ledger._store) == ()
    with tampered(tmp_path) as connection:
        connection.execute(damage)
    assert any(said in line for line in broken(ledger._store))
    ledger.close()


def test_boots_in_the_wrong_order_are_found(tmp_path: Path, time: FakeTime) -> None:
    dead = open_ledger(tmp_path, time)
    dead.change_status((row(time, **UP),))
    kill(dead)
    time.reboot(SECOND_BOOT, off_s=5.0)
    ledger = open_ledger(tmp_path, time)
    with tampered(tmp_path) as connection:
        connection.execute("UPDATE runs SET run = run + 10 WHERE boot_id = ?", (FIRST_BOOT,))
    assert any("it ends before it begins" in line for line in broken(ledger._store))
    ledger.close()


@pytest.mark.parametrize(
    ("lost", "expected"),
    [
        ("number IN (4, 5)", ["nothing read yet", "free", "not_recorded", "free"]),
        ("number = 3", ["nothing read yet", "not_recorded", "meter_lost", "free"]),
        ("number = 6", ["nothing read yet", "free", "meter_lost", "not_recorded"]),
    ],
    ids=["two rows", "one row", "the last one"],
)
def test_what_a_damaged_file_lost_is_said_in_its_place(
    tmp_path: Path, time: FakeTime, lost: str, expected: list[str]
) -> None:
    """Rows 1 and 2 are the starts of both EVSEs, 3, 4 and 6 are of the first one."""
    old = open_ledger(tmp_path, time)
    old.begin_evses({"e1": "1", "e2": "2"})
    for evse_uid, said in (("e1", UP), ("e1", LOST), ("e2", UP), ("e1", UP)):
        time.advance(10.0)
        old.change_status((row(time, evse_uid, **said),))
    old.close()
    with tampered(tmp_path) as connection:
        connection.execute(f"DELETE FROM intervals WHERE {lost}")
    set_ledger_aside(tmp_path / "ledger.db", time.wall())
    time.advance(5.0)
    ledger = open_ledger(tmp_path, time)
    ledger.begin_evses({"e1": "1", "e2": "2"})
    causes = [part.cause for part in reversed(ledger.intervals("e1"))]
    assert causes[: len(expected)] == expected
    assert broken(ledger._store) == ()
    ledger.close()


_DAYS = st.lists(
    st.sampled_from(["up", "lost", "planned", "kill", "stop", "power", "remove", "heartbeat"]),
    max_size=15,
)


@settings(max_examples=20, deadline=None)
@given(days=_DAYS, steps_s=st.lists(st.floats(0.0, 1000.0), min_size=15, max_size=15))
def test_random_days_have_neither_hole_nor_overlap(
    tmp_path_factory: pytest.TempPathFactory, days: list[str], steps_s: list[float]
) -> None:
    """Any order of statuses, crashes, stops, power cuts and reconfigurations."""
    time, folder = FakeTime(), tmp_path_factory.mktemp("days")
    evses = {"e1": "1", "e2": "2"}
    ledger = open_ledger(folder, time)
    ledger.begin_evses(evses)
    for number, (day, step_s) in enumerate(zip(days, steps_s, strict=False)):
        time.advance(step_s)
        said = {"up": UP, "lost": LOST, "planned": WORKED_ON}.get(day)
        if said is not None:
            ledger.change_status((row(time, "e1", **said), row(time, "e2", **said)))
        elif day == "heartbeat":
            ledger.heartbeat(time.boot_s(), time.wall())
        else:
            ledger.close() if day == "stop" else kill(ledger)
            if day == "power":
                time.reboot(f"boot-{number}", off_s=step_s)
            ledger = open_ledger(folder, time)
            assert broken(ledger._store) == ()
            ledger.begin_evses({"e1": "1"} if day == "remove" else evses)
        assert broken(ledger._store) == ()
    ledger.close()
