"""UNLOCK_CONNECTOR at a socket: the lock's own word counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.driven_kit import supervisor_patch
from conformance.orders_kit import Orders, orders
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.model import State
from laddvakt_agent.uplink.receivers.judging import Limits

pytestmark = pytest.mark.integration


@pytest.fixture
async def emsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orders]:
    async with orders(tmp_path, supervisor_patch(monkeypatch.setattr)) as made:
        yield made


async def socket(emsp: Orders, fitted: frozenset[str], limits: Limits | None = None) -> None:
    """Connector 1 as a socket with a lock, with a session of ours."""
    guard, judge = emsp.guard, emsp.receiver.judge
    guard.settings = replace(guard.settings, socket=True, fitted=fitted)
    emsp.drive.worlds["1"].settings = guard.settings
    guard.connector = machine.initial(guard.settings, (), emsp.platform.context.clock.now_s())
    place = replace(judge.place, unlockable=frozenset({"demo1-1"}))
    emsp.receiver.judge = replace(judge, place=place, limits=limits or judge.limits)
    await emsp.drive.until(lambda: guard.connector.life.state is State.AVAILABLE)
    await emsp.charging()


UNLOCK = {"location_id": "DEMO1", "evse_uid": "demo1-1", "connector_id": "1"}


@pytest.mark.parametrize("contact", [True, False])
async def test_unlock_ends_the_session_and_waits_for_the_lock(contact: bool, emsp: Orders) -> None:
    """Its own contact decides, where there is one; the contactor is open before."""
    await socket(emsp, frozenset({"locked"}) if contact else frozenset())
    emsp.drive.worlds["1"].pilot = Pilot.C
    await emsp.drive.until(lambda: emsp.guard.connector.life.closed or not contact)
    heard = await emsp.order("UNLOCK_CONNECTOR", UNLOCK)
    assert heard.item["result"] == "ACCEPTED"
    assert (await emsp.result())["result"] == "ACCEPTED"
    life = emsp.guard.connector.life
    assert (life.closed, life.locked, life.session) == (False, False, False)


async def test_a_lock_that_holds_is_told(emsp: Orders) -> None:
    """FAILED with what to do; the session has ended all the same."""
    await socket(emsp, frozenset({"locked"}), Limits(start_s=400, other_s=25, post_s=10.0))
    emsp.drive.worlds["1"].gear = {"locked": True}
    await emsp.order("UNLOCK_CONNECTOR", UNLOCK)
    said = await emsp.result()
    assert said["result"] == "FAILED"
    assert "plug" in str(said["message"])
    assert emsp.guard.keeper.running is None


async def test_unlock_takes_no_plug_from_anothers_session(emsp: Orders) -> None:
    await socket(emsp, frozenset())
    kept = emsp.guard.keeper.running
    assert kept is not None
    emsp.guard.keeper.running = replace(kept, token=replace(kept.token, party_id="EVI"))
    assert (await emsp.order("UNLOCK_CONNECTOR", UNLOCK)).item["result"] == "REJECTED"
    assert emsp.guard.keeper.running is not None
    assert not emsp.guard.unlock
