"""Self-tests and contactor histories outlive the agent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agent.ledger.samples import open_ledger
from agent.station_kit import bench
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.core.health import Motion, Pace
from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.diagnostics.answers import NotPossible
from laddvakt_agent.ledger.rows import ContactorRow


async def test_they_are_read_back_by_the_next_run(tmp_path: Path) -> None:
    """What a contactor has been through counts on; every self-test keeps its own row."""
    wear, motion = Wear(operations=7, load_openings=2), Motion(closing=Pace(count=7, last_s=0.2))
    async with bench(tmp_path) as station:
        evidence = station.guard("1").evidence
        evidence.contactor("1", wear, motion)
        evidence.self_test("1", SelfTest.OPEN, True, "every witness says open", 5.0)
        evidence.self_test("1", SelfTest.RESIDUAL, False, "no answer", 6.0)
        await station.parts.journal.flushed()
        rows = evidence.ledger.self_tests()
        assert [(row.test, row.passed, row.at_s) for row in rows] == [
            ("residual", False, 6.0),
            ("open", True, 5.0),
        ]
    async with bench(tmp_path) as station:
        memory = station.guard("1").connector.memory
        assert (memory.wear.operations, memory.wear.load_openings) == (7, 2)
        assert memory.motion.closing == motion.closing
        status = station.commands.status()["connectors"]
        assert isinstance(status, list)
        assert status[0]["contactor"]["operations"] == 7


async def test_a_damaged_history_begins_anew(tmp_path: Path) -> None:
    """The counts stay, only the times are lost."""
    async with bench(tmp_path) as station:
        evidence = station.guard("1").evidence
        row = ContactorRow(connector="1", operations=9, load_openings=0, motion="{")
        await evidence.thread.call(evidence.ledger.save_contactor, row)
        kept = await evidence.thread.call(evidence.contactors)
        assert kept == {"1": (Wear(operations=9), Motion())}


def test_an_unclean_stop_is_known_to_the_next_run(tmp_path: Path) -> None:
    """A run that was not closed leaves its mark; the first run ever has none before it."""
    time = FakeTime()
    first = open_ledger(tmp_path, time)
    assert not first.unclean
    first._store.close()  # as a power cut would
    assert first.renewal.lock is not None
    os.close(first.renewal.lock)
    second = open_ledger(tmp_path, time)
    assert second.unclean
    second.close()
    third = open_ledger(tmp_path, time)
    assert not third.unclean
    third.close()


async def test_commands_of_those_who_look_after_it(tmp_path: Path) -> None:
    """Self-tests, door and plug are asked for; what is not fitted is refused."""
    async with bench(tmp_path) as station:
        guard = station.guard("1")
        assert "testing open, pilot" in station.ask("1", "test")
        told = station.commands.status()["connectors"]
        assert isinstance(told, list)
        assert (told[0]["maintenance"], told[0]["testing"]) == (False, ["open", "pilot"])
        assert "no fault until" in station.ask("1", "maintenance")
        guard.durable = False
        assert "stays closed: the ledger cannot be written" in station.ask("1", "in")
        guard.durable = True
        assert station.ask("1", "in") == "connector 1 is in service"
        station.ask("1", "normal")
        assert not guard.wishes().maintenance
        with pytest.raises(NotPossible, match="has no lock"):
            station.ask("1", "unlock")
        with pytest.raises(NotPossible, match="nobody knows the verb"):
            station.ask("1", "dance")
        chain = station.commands.explain()
        assert [part["id"] for part in chain] == ["1", "2"]
        assert chain[0]["why"]
