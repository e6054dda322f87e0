"""One connector's guard: what is wished counts once, what the core commands arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.station_kit import Bench, bench
from laddvakt_agent.core.inputs import Inputs, Reset, SelfTest
from laddvakt_agent.core.machine import active_faults
from laddvakt_agent.core.model import ContactorCommanded, SelfTestCommanded, SelfTestEnded
from laddvakt_agent.ledger.ledger import Ledger


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        yield built


async def test_edges_count_for_one_step(station: Bench) -> None:
    """A plug is asked for once, a test wanted once, a reset given once; maintenance stays."""
    guard = station.guard("1")
    guard.unlock = guard.maintenance = True
    guard.tests_wanted, guard.resets = frozenset({SelfTest.OPEN}), frozenset({Reset.LOCAL})
    first, second = guard.wishes(), guard.wishes()
    assert (first.unlock, first.tests_wanted, first.resets, first.maintenance) == (
        True, frozenset({SelfTest.OPEN}), frozenset({Reset.LOCAL}), True,
    )  # fmt: skip
    assert (second.unlock, second.tests_wanted, second.resets, second.maintenance) == (
        False, frozenset(), frozenset(), True,
    )  # fmt: skip


async def test_what_the_core_commands_arrives(station: Bench) -> None:
    """A test at the wiring, its end and the contactor's history in the ledger."""
    guard, ledger = station.guard("1"), station.parts.journal.ledger
    guard._apply(SelfTestCommanded(test=SelfTest.RESIDUAL), Inputs(), 1.0)
    assert guard.wiring.replies[SelfTest.RESIDUAL].passed is None
    ended = SelfTestEnded(test=SelfTest.OPEN, passed=False, detail="mirror contact closed")
    guard._apply(ended, Inputs(), 2.0)
    guard._apply(ContactorCommanded(closed=True, reason="asked"), Inputs(), 3.0)
    await station.commands.written()
    assert ledger.contactors() == ()
    guard._apply(ContactorCommanded(closed=False, reason="over"), Inputs(), 4.0)
    await station.commands.written()
    (row,) = ledger.self_tests(5)
    assert (row.connector, row.test, row.passed, row.detail, row.at_s) == (
        "1", "open", False, "mirror contact closed", 2.0,
    )  # fmt: skip
    assert [part.connector for part in ledger.contactors()] == ["1"]


@pytest.mark.parametrize("lost", [True, False])
async def test_lost_latches_hold_every_connector(
    lost: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody knows what was locked out: a person must look first."""
    monkeypatch.setattr(Ledger, "load_latches", lambda _: ({}, lost))
    async with bench(tmp_path) as station:
        standing = [
            [fault.code for fault in active_faults(station.guard(name).connector)]
            for name in ("1", "2")
        ]
    assert standing == ([["latches_lost"]] * 2 if lost else [[], []])
