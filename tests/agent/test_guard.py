"""One connector's guard: what is wished counts once, what the core commands arrives."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.core.core_world import World
from agent.ledger.samples import latch
from agent.station_kit import Bench, bench
from agent.test_restart import TOKEN, metered
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset, SelfTest
from laddvakt_agent.core.machine import active_faults
from laddvakt_agent.core.model import (
    ContactorCommanded,
    LatchesChanged,
    SelfTestCommanded,
    SelfTestEnded,
)
from laddvakt_agent.ledger.latches import FILES
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.sessions import SETTLE_GRACE_S


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


async def test_nothing_closes_before_a_disk_has_the_latches(station: Bench) -> None:
    """Those of the other connector do not count, nor what is less strict than what it has."""
    guard, other = station.guard("1"), station.guard("2")
    thread, store = station.parts.watch.thread, station.parts.journal.ledger._store
    spent = latch("meter_lost", spent_s=(1.0,))
    await station.commands.written()  # what the start itself writes is no part of this
    store.execute("PRAGMA query_only = ON")
    for name in FILES:  # no copy can be put there
        (store.path.with_name(name)).mkdir()
    guard._apply(LatchesChanged(latches=(spent,)), Inputs(), 1.0)
    await station.commands.written()
    assert thread.waiting == 1
    assert (guard.wishes().recorded, other.wishes().recorded) == (False, True)
    for name in FILES:  # one copy is enough
        (store.path.with_name(name)).rmdir()
    thread.retry()
    await station.commands.written()
    assert thread.waiting == 1
    assert guard.wishes().recorded
    guard._apply(LatchesChanged(latches=()), Inputs(), 2.0)
    assert guard.wishes().recorded
    store.execute("PRAGMA query_only = OFF")
    thread.retry()
    await station.commands.written()
    assert guard.wishes().recorded


def test_the_core_waits_for_it() -> None:
    """The vehicle asks and everything else is there: it closes as soon as the disk has them."""
    world = World(override={"recorded": False}).run(1.0)
    world.pilot, world.authorised = Pilot.B, True
    world.run(1.0)
    world.pilot = Pilot.C
    world.run(10.0)
    assert (world.closed, world.faults) == (False, {})
    world.override = {}
    world.run(2.0)
    assert world.closed


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


async def test_a_session_is_settled_also_while_nothing_is_heard(station: Bench) -> None:
    """A line that is down steps no guard: the round in which it is given up must be due."""
    guard, now_s = station.guard("1"), station.clock.now_s()
    guard.step(Inputs(), now_s)
    while (due_s := guard.due_s(now_s)) is not None:  # until the silence is nothing new
        now_s = max(now_s, due_s)
        guard.step(Inputs(), now_s)
    keeper = guard.keeper
    keeper.begin(TOKEN, "WHITELIST", metered(1000.0, now_s), now_s)
    keeper.end("stopped", now_s, opened_s=now_s)
    due_s = guard.due_s(now_s)
    assert due_s == now_s + keeper.settle_s + SETTLE_GRACE_S
    guard.step(Inputs(), due_s)
    assert not keeper.ending
    assert [record.ended_at is not None for record in keeper.records()] == [True]
