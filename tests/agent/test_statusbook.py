"""What is written down of an EVSE's status: each change once, at once, with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from agent.station_kit import Bench, bench
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover.tracks import Phase, Summary
from laddvakt_agent.ledger.intervals import broken
from laddvakt_agent.ledger.rows import IntervalRow

IDLE = Life(state=State.AVAILABLE, read_once=True)
SHUT = replace(IDLE, state=State.UNAVAILABLE)


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        for connector in ("1", "2"):
            be(built, connector, IDLE)
        yield built


def be(station: Bench, connector: str, life: Life) -> None:
    """In this state and without faults: those of the devices that nobody simulates included."""
    guard = station.guard(connector)
    guard.connector = replace(guard.connector, life=life, tracks=(), summary=Summary())


async def written(station: Bench, connector: str = "1") -> tuple[IntervalRow, ...]:
    """Oldest first."""
    ledger = station.parts.journal.ledger
    await station.parts.journal.thread.call(lambda: None)
    assert broken(ledger._store) == ()
    return tuple(reversed(ledger.intervals(station.guard(connector).evse_uid)))


@dataclass
class Posts:
    """Stands in for the ledger's thread: what each write holds."""

    writes: list[tuple[IntervalRow, ...]] = field(default_factory=list)

    def post(self, fn: Callable[..., object], rows: tuple[IntervalRow, ...]) -> None:
        assert fn.__name__ == "change_status"
        self.writes.append(rows)


async def test_a_fault_is_written_down_with_its_reason(station: Bench) -> None:
    station.parts.publisher.station()
    fault = station.stand("1", "meter_lost", phase=Phase.ACTIVE, subject="meter1")
    station.parts.publisher.statuses.look(station.clock.now_s() + 1.0)
    first, free, lost = await written(station)
    assert (first.cause, first.connector) == ("nothing read yet", "1")
    assert (free.status, free.cause, free.cause_class) == ("AVAILABLE", "free", "own")
    assert (lost.status, lost.cause, lost.cause_class, lost.would_have_worked) == (
        "INOPERATIVE", "meter_lost", "own", "yes",
    )  # fmt: skip
    entry = station.parts.publisher.book.entries["meter_lost", "meter1"]
    assert (lost.fault_id, lost.evidence, lost.ended_wall) == (entry.id, fault.evidence, None)
    assert (free.ended_s, free.ended_wall) == (lost.begun_s, lost.begun_wall)
    (_, other) = await written(station, "2")
    assert (other.cause, other.ended_wall) == ("free", None)


async def test_a_flapping_evse_is_written_once_a_second_and_whole(station: Bench) -> None:
    statuses, posts = station.parts.publisher.statuses, Posts()
    statuses.thread = posts  # type: ignore[assignment] # only what it posts matters
    at_s = station.clock.now_s()
    for tenth in range(25):
        be(station, "1", IDLE if tenth % 2 else SHUT)
        statuses.look(at_s + tenth / 10)
    mine = [[row for row in rows if row.connector == "1"] for rows in posts.writes]
    sizes = [len(rows) for rows in mine if rows]
    assert sizes == [1, 10, 10], "the first at once, then each second all of them"
    statuses.flush(at_s + 2.45)
    rows = [row for rows in posts.writes for row in rows if row.connector == "1"]
    assert [row.begun_s for row in rows] == [at_s + tenth / 10 for tenth in range(25)]
    assert len([row for row in rows if row.status == "AVAILABLE"]) == 12


@pytest.mark.parametrize(
    ("verbs", "expected"),
    [
        (("out",), ("own", None)),
        (("maintenance", "out"), ("planned", "a maintenance had begun 0 s before")),
        (("out", "maintenance"), ("own", None)),
        (("maintenance", "normal", "out"), ("own", None)),
        (("maintenance", "out", "in", "out"), ("planned", "a maintenance had begun 0 s before")),
    ],
    ids=["closed", "in a maintenance", "maintenance afterwards", "maintenance over", "again"],
)
async def test_closing_is_planned_only_in_a_maintenance_begun_before(
    station: Bench, verbs: tuple[str, ...], expected: tuple[str, str | None]
) -> None:
    station.parts.publisher.station()
    for verb in verbs:
        station.ask("1", verb)
        be(station, "1", IDLE if station.guard("1").in_service else SHUT)
        station.parts.publisher.station()
    station.parts.publisher.statuses.flush(station.clock.now_s())
    last = (await written(station))[-1]
    assert (last.status, last.cause) == ("INOPERATIVE", "closed by command")
    assert (last.cause_class, last.evidence) == expected


async def test_the_last_change_is_written_though_nobody_looked_at_it(station: Bench) -> None:
    """Made safe on the way out, and nothing follows that would see it."""
    statuses, at_s = station.parts.publisher.statuses, station.clock.now_s()
    statuses.look(at_s)
    station.guard("1").shutting_down = True
    be(station, "1", SHUT)
    statuses.flush(at_s + 0.5)
    last = (await written(station))[-1]
    assert (last.status, last.cause, last.begun_s) == ("INOPERATIVE", "agent stops", at_s + 0.5)


async def test_an_outage_that_ends_is_an_interval_of_its_own(station: Bench) -> None:
    statuses, at_s = station.parts.publisher.statuses, station.clock.now_s()
    statuses.look(at_s)
    for second in (1, 2):
        station.stand("1", "board_error", phase=Phase.ACTIVE)
        statuses.look(at_s + second)
        be(station, "1", IDLE)
        statuses.look(at_s + second + 0.5)
    statuses.look(at_s + 4.0)
    assert [row.cause for row in await written(station)] == [
        "nothing read yet", "free", "board_error", "free", "board_error", "free",
    ]  # fmt: skip


async def test_failed_supervision_is_no_orderly_stop(tmp_path: Path) -> None:
    async with bench(tmp_path) as station:
        be(station, "1", IDLE)
        statuses, at_s = station.parts.publisher.statuses, station.clock.now_s()
        statuses.look(at_s)
        statuses.fail(at_s + 0.5)
        statuses.look(at_s + 2.0)  # whoever still looks: nobody knows
        last = (await written(station))[-1]
        assert (last.status, last.cause, last.cause_class) == ("UNKNOWN", "agent_failed", "own")
    async with bench(tmp_path) as station:
        gap = (await written(station))[-2]
        assert (gap.cause, gap.cause_class) == ("agent_not_running", "unknown")


async def test_a_stop_in_a_maintenance_is_a_planned_absence(tmp_path: Path) -> None:
    async with bench(tmp_path) as station:
        be(station, "1", IDLE)
        station.ask("1", "maintenance")
        be(station, "1", IDLE)
        statuses, at_s = station.parts.publisher.statuses, station.clock.now_s()
        statuses.look(at_s)
        station.guard("1").shutting_down = True
        be(station, "1", SHUT)
        statuses.look(at_s + 0.5)
        statuses.flush(at_s + 0.5)
        last = (await written(station))[-1]
        assert (last.cause, last.cause_class) == ("agent stops", "planned")
    async with bench(tmp_path) as station:
        gap = (await written(station))[-2]
        assert (gap.cause, gap.cause_class) == ("agent_stopped", "planned")
        assert "a maintenance had begun " in (gap.evidence or "")


@pytest.mark.parametrize(
    ("verbs", "classes"),
    [
        (("out", "maintenance"), ["own", "own"]),
        (("maintenance", "out"), ["planned", "planned"]),
        (("out", "maintenance", "in", "out"), ["planned", "planned"]),
    ],
    ids=["closed before", "closed in it", "opened in between"],
)
async def test_a_restart_makes_nothing_planned(
    tmp_path: Path, verbs: tuple[str, ...], classes: list[str]
) -> None:
    """What was the operator's own doing before a maintenance stays so after a restart in it."""
    found = []
    for turn in range(2):
        async with bench(tmp_path) as station:
            at_s = station.clock.now_s()
            for verb in verbs if turn == 0 else ("",):
                if verb:
                    station.ask("1", verb)
                be(station, "1", IDLE if station.guard("1").in_service else SHUT)
                station.parts.publisher.statuses.look(at_s)
            station.parts.publisher.statuses.flush(at_s)
            last = (await written(station))[-1]
            found.append((last.cause, last.cause_class))
    assert found == [("closed by command", cause_class) for cause_class in classes]


async def test_after_a_restart_a_maintenance_counts_again_once_it_worked(tmp_path: Path) -> None:
    for verbs in (("out", "maintenance"), ("in", "out")):
        async with bench(tmp_path) as station:
            statuses, at_s = station.parts.publisher.statuses, station.clock.now_s()
            for verb in verbs:
                station.ask("1", verb)
                be(station, "1", IDLE if station.guard("1").in_service else SHUT)
                statuses.flush(at_s)
            last = (await written(station))[-1]
    assert (last.cause, last.cause_class) == ("closed by command", "planned")


async def test_people_are_told_why(station: Bench) -> None:
    station.stand("1", "tilted")
    connectors = station.commands.status()["connectors"]
    assert isinstance(connectors, list)
    assert connectors[0]["status_cause"] == {
        "cause": "tilted", "class": "vandalism", "evidence": "5.0 A > 1.0 A",
        "would_have_worked": "yes",
    }  # fmt: skip


async def test_a_ledger_that_lost_what_runs_is_told_again(station: Bench) -> None:
    station.parts.publisher.station()
    await written(station)
    ledger = station.parts.journal.ledger
    with ledger._store.write():
        ledger._store.execute("DELETE FROM intervals")
    station.parts.publisher.statuses.write_again()
    (only,) = await written(station)
    assert only.cause == "free"
