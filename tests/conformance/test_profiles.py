"""Conformance case 72: charging profiles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.driven_kit import WALL, supervisor_patch
from conformance.emsp import Told
from conformance.orders_kit import Orders, orders
from laddvakt_agent.ceilings import AGAIN_S, SPACING_S
from laddvakt_agent.core import machine
from laddvakt_agent.core.ceiling import told
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.model import State
from laddvakt_agent.uplink.receivers.profiles import BURST
from laddvakt_agent.uplink.text import date_time

pytestmark = pytest.mark.integration
EIGHT = {
    "charging_rate_unit": "A",
    "charging_profile_period": [{"start_period": 0, "limit": 8.0}],
}


@pytest.fixture
async def emsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orders]:
    async with orders(tmp_path, supervisor_patch(monkeypatch.setattr), speed=50.0) as made:
        yield made


async def flowing(emsp: Orders) -> str:
    """A session of ours that draws current."""
    emsp.drive.worlds["1"].draw_a = (5.0, 5.0, 5.0)  # less than any profile here allows
    session_id = await emsp.charging()
    emsp.drive.worlds["1"].pilot = Pilot.C
    await emsp.drive.until(lambda: emsp.guard.connector.life.state is State.CHARGING)
    return session_id


async def put(emsp: Orders, session_id: str, profile: Mapping[str, object]) -> None:
    heard = await emsp.profile("PUT", session_id, profile)
    assert (heard.code, heard.item["result"]) == (1000, "ACCEPTED"), heard.envelope
    assert await emsp.result() == {"result": "ACCEPTED"}


async def active(emsp: Orders, session_id: str) -> list[tuple[int, float]]:
    """The periods of the ActiveChargingProfile as a GET tells them."""
    heard = await emsp.profile("GET", session_id)
    assert heard.item["result"] == "ACCEPTED"
    said = await emsp.result()
    assert said["result"] == "ACCEPTED"
    plan = said["profile"]
    assert isinstance(plan, dict)
    assert plan["start_date_time"] == plan["charging_profile"]["start_date_time"]
    periods = plan["charging_profile"]["charging_profile_period"]
    return [(part["start_period"], part["limit"]) for part in periods]


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_c72_put_get_delete(emsp: Orders, version: str) -> None:
    """Each answered twice; the offer follows at once, and is what it was afterwards."""
    emsp.version = version
    session_id = await flowing(emsp)
    life = emsp.guard.connector.life
    assert life.limit_a == 16.0
    assert await active(emsp, session_id) == [(0, 16.0)]
    await put(emsp, session_id, EIGHT)
    assert emsp.guard.connector.life.limit_a == 8.0
    assert await active(emsp, session_id) == [(0, 8.0)]
    heard = await emsp.profile("DELETE", session_id)
    assert heard.item["result"] == "ACCEPTED"
    assert await emsp.result() == {"result": "ACCEPTED"}
    assert await active(emsp, session_id) == [(0, 16.0)]
    await emsp.drive.until(lambda: emsp.guard.connector.life.limit_a == 16.0)
    assert (await emsp.profile("DELETE", session_id)).item["result"] == "ACCEPTED"
    assert await emsp.result() == {"result": "UNKNOWN"}


async def test_c72_watts_and_steps_of_time(emsp: Orders) -> None:
    """4140 W on three phases are 6 A; then a pause, in which the session stays; then all again."""
    session_id = await flowing(emsp)
    now = WALL + timedelta(seconds=emsp.platform.context.clock.now_s() - 1000.0)
    profile = {
        "start_date_time": date_time(now - timedelta(seconds=100)),
        "duration": 140,
        "charging_rate_unit": "W",
        "charging_profile_period": [
            {"start_period": 0, "limit": 4140},
            {"start_period": 120, "limit": 4000.5},
        ],
    }
    await put(emsp, session_id, profile)
    assert emsp.guard.connector.life.limit_a == pytest.approx(6.0)
    periods = await active(emsp, session_id)
    assert [limit for _, limit in periods] == [4140.0, 0.0, 11040.0]
    await emsp.drive.until(lambda: emsp.guard.connector.life.state is State.SUSPENDED_STATION)
    assert emsp.session_id() == session_id
    await emsp.drive.until(lambda: emsp.guard.connector.life.limit_a == 16.0)


def pushed(emsp: Orders) -> list[list[float]]:
    """The limits of each ActiveChargingProfile that the platform was sent unasked."""
    bodies = [got.body for got in emsp.platform.emsp.of("PUT", "/chargingprofiles/")]
    return [
        [part["limit"] for part in body["charging_profile"]["charging_profile_period"]]
        for body in bodies
        if isinstance(body, dict)
    ]


async def look(emsp: Orders, after_s: float = SPACING_S + 1.0) -> None:
    """Let time pass, then do what is done once a second."""
    clock = emsp.platform.context.clock
    until_s = clock.now_s() + after_s
    await emsp.drive.until(lambda: clock.now_s() > until_s)
    emsp.ceilings.look()


async def test_c72_a_derating_is_told_only_after_a_put(emsp: Orders) -> None:
    """Heat lowers the offer below the profile; the platform hears that, and when it is over."""
    guard, world = emsp.guard, emsp.drive.worlds["1"]
    guard.settings = replace(guard.settings, fitted=frozenset({"enclosure_temp_c"}))
    world.settings, world.gear = guard.settings, {"enclosure_temp_c": 54.0}
    guard.connector = machine.initial(guard.settings, (), emsp.platform.context.clock.now_s())
    await emsp.drive.until(lambda: guard.connector.life.state is State.AVAILABLE)
    session_id = await flowing(emsp)
    world.gear = {"enclosure_temp_c": 64.0}
    await emsp.drive.until(lambda: 0.0 < guard.connector.life.limit_a < 12.0)
    await look(emsp)
    assert not pushed(emsp)
    await put(emsp, session_id, {**EIGHT, "charging_profile_period": [
        {"start_period": 0, "limit": 14.0}
    ]})  # fmt: skip
    await look(emsp)
    derated_a = told(guard.connector.life.limit_a)
    await emsp.drive.until(lambda: pushed(emsp))
    assert pushed(emsp) == [[derated_a]]
    got = emsp.platform.emsp.of("PUT", "/chargingprofiles/")[-1]
    assert got.path == f"/chargingprofiles/{session_id}"
    assert got.headers["ocpi-to-party-id"] == "TNM"
    world.gear = {"enclosure_temp_c": 54.0}
    await emsp.drive.until(lambda: guard.connector.life.limit_a == 14.0)
    await look(emsp)
    await emsp.drive.until(lambda: len(pushed(emsp)) > 1)
    assert pushed(emsp) == [[derated_a], [14.0]]


async def test_c72_a_fault_is_told_again_where_it_did_not_arrive(emsp: Orders) -> None:
    """Nothing is offered while it stands; the profile that was asked for alone is no news."""
    session_id = await flowing(emsp)
    await put(emsp, session_id, EIGHT)
    await look(emsp)
    assert not pushed(emsp)
    emsp.drive.worlds["1"].voltage_v = (290.0, 290.0, 290.0)
    await emsp.drive.until(lambda: emsp.guard.connector.life.state is State.FAULTED)
    told_wrong = Told(http_status=500, status_code=3000)
    emsp.platform.emsp.answer("PUT", "/chargingprofiles/", told_wrong)
    await look(emsp)
    await emsp.drive.until(lambda: pushed(emsp) == [[0.0]])
    emsp.platform.emsp.rules.clear()
    await look(emsp, AGAIN_S)
    await emsp.drive.until(lambda: pushed(emsp) == [[0.0], [0.0]])
    await look(emsp)
    assert pushed(emsp) == [[0.0], [0.0]]


async def test_c72_a_profile_that_is_none(emsp: Orders) -> None:
    """2001, REJECTED, and nothing holds."""
    session_id = await emsp.charging()
    heard = await emsp.profile("PUT", session_id, {**EIGHT, "charging_rate_unit": "kW"})
    assert (heard.status, heard.code) == (200, 2001)
    assert heard.item == {"result": "REJECTED", "timeout": 0}
    assert "charging_rate_unit" in str(heard.envelope["status_message"])
    assert emsp.guard.wishes().profile_limit_a is None


async def test_c72_whose_session_it_is(emsp: Orders) -> None:
    """Unknown, ended, and too often; nothing of it is answered twice."""
    heard = await emsp.profile("PUT", "nobody-knows", EIGHT)
    assert heard.item == {"result": "UNKNOWN_SESSION", "timeout": 0}
    session_id = await emsp.charging()
    before, now_s = emsp.sent, emsp.profiles.now_s()
    emsp.profiles.now_s = lambda: now_s  # however slowly they come
    said = [(await emsp.profile("GET", session_id)).item["result"] for _ in range(BURST + 1)]
    assert said == ["ACCEPTED"] * BURST + ["TOO_OFTEN"]
    emsp.guard.stop()
    await emsp.drive.until(lambda: emsp.guard.keeper.running is None)
    assert (await emsp.profile("PUT", session_id, EIGHT)).item["result"] == "REJECTED"
    await emsp.result(before + BURST)
    assert not emsp.results(before + BURST + 1)


async def test_c72_it_outlives_a_restart_and_ends_with_its_session(emsp: Orders) -> None:
    """On the disk with the session; a new start finds it, and forgets it once the session ended."""
    session_id = await emsp.charging()
    await put(emsp, session_id, EIGHT)
    book = emsp.platform.context.ledger.profiles
    assert [row.session_id for row in book.all()] == [session_id]
    emsp.ceilings._kept.clear()
    assert emsp.guard.wishes().profile_limit_a is None
    await emsp.ceilings.restore()
    assert emsp.guard.wishes().profile_limit_a == 8.0
    emsp.guard.stop()
    await emsp.drive.until(lambda: emsp.guard.keeper.running is None)
    emsp.ceilings.look()
    await emsp.platform.settled()
    assert book.all() == ()


async def test_c72_a_pause_at_the_beginning_ends(emsp: Orders) -> None:
    """Relative to the start of charging, which a pause at 0 would put off for ever."""
    session_id = await emsp.charging()
    steps = [{"start_period": 0, "limit": 0}, {"start_period": 40, "limit": 10.0}]
    await put(emsp, session_id, {**EIGHT, "charging_profile_period": steps})
    assert emsp.guard.connector.life.limit_a == 0.0
    emsp.drive.worlds["1"].pilot = Pilot.C
    await emsp.drive.until(lambda: emsp.guard.connector.life.state is State.CHARGING)
    assert emsp.guard.connector.life.limit_a == 10.0
    assert await active(emsp, session_id) == [(0, 10.0)]
