"""Commands of many: several at once, several parties behind one platform, one that never stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.driven_kit import supervisor_patch
from conformance.kit import TOKEN as KIT_TOKEN
from conformance.orders_kit import TOKEN, Orders, orders
from laddvakt_agent.remote_notes import BURST
from laddvakt_agent.uplink.receivers import commands
from laddvakt_agent.uplink.receivers.orders import By
from laddvakt_agent.uplink.serving import Party

pytestmark = pytest.mark.integration
OTHER = {**TOKEN, "uid": "APP-2", "contract_id": "NL-TNM-C2"}


@pytest.fixture
async def emsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orders]:
    async with orders(tmp_path, supervisor_patch(monkeypatch.setattr)) as made:
        yield made


async def test_c62_one_address_for_all_results(emsp: Orders) -> None:
    """A response_url need not be unique: each order is carried out and answered all the same."""
    emsp.drive.plug("1")
    emsp.drive.plug("2")
    url = emsp.platform.emsp.url("cb/all")
    for _ in range(2):
        for uid in ("DEMO1-1", "DEMO1-2"):
            heard = await emsp.start(evse_uid=uid, response_url=url)
            assert heard.item["result"] == "ACCEPTED"
    guards = [emsp.drive.guard(name) for name in ("1", "2")]
    await emsp.drive.until(lambda: all(guard.keeper.running for guard in guards))
    await emsp.drive.until(lambda: len(emsp.platform.emsp.of("POST", "/cb/all")) >= 2)
    await asyncio.sleep(0.2)
    assert len(emsp.platform.emsp.of("POST", "/cb/all")) == 2


async def test_c62_a_stop_never_waits_for_starts(
    emsp: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform whose results hang may give no more of those orders, but still stops."""
    session_id = await emsp.charging()
    monkeypatch.setattr(commands, "ANSWER_S", 600.0)  # no result goes out
    heard = [await emsp.start(token=OTHER) for _ in range(commands.MOST_PENDING + 1)]
    results = [one.item["result"] for one in heard]
    assert results == ["ACCEPTED"] * commands.MOST_PENDING + ["REJECTED"]
    assert (await emsp.order("STOP_SESSION", {"session_id": session_id})).item[
        "result"
    ] == "ACCEPTED"
    await emsp.drive.until(lambda: emsp.guard.keeper.running is None)


@pytest.mark.parametrize(
    ("is_hub", "spoken_for", "started"),
    [
        pytest.param(True, frozenset(), True, id="a hub of 2.2.1 lists nobody"),
        pytest.param(False, frozenset(), False, id="no hub"),
        pytest.param(True, {Party("NL", "TNM")}, False, id="registered through another platform"),
    ],
)
async def test_a_party_behind_a_hub(
    is_hub: bool, spoken_for: frozenset[Party], started: bool, emsp: Orders
) -> None:
    """It starts and stops its own; its neighbour behind the same hub does not."""
    callers = emsp.platform.callers.by_token
    behind = replace(
        callers[KIT_TOKEN],
        parties=frozenset({Party("DE", "HUB")}),
        is_hub=is_hub,
        spoken_for=frozenset(spoken_for),
    )
    callers[KIT_TOKEN] = behind
    emsp.drive.plug()
    heard = await emsp.start()
    assert heard.item["result"] == ("ACCEPTED" if started else "REJECTED")
    if not started:
        return
    assert (await emsp.result())["result"] == "ACCEPTED"
    (got,) = emsp.results()
    assert got.headers["ocpi-to-party-id"] == "TNM"
    stop = {"session_id": emsp.session_id(), "response_url": emsp.platform.emsp.url("cb/9")}
    neighbour = {"OCPI-from-country-code": "NL", "OCPI-from-party-id": "EVI"}
    path = "2.2.1/commands/STOP_SESSION"
    heard = await emsp.platform.ask("POST", path, stop, headers=neighbour)
    assert heard.item["result"] == "REJECTED"
    assert (await emsp.order("STOP_SESSION", stop)).item["result"] == "ACCEPTED"
    await emsp.drive.until(lambda: emsp.guard.keeper.running is None)


async def test_c63_what_comes_to_nothing_does_not_fill_the_ledger(emsp: Orders) -> None:
    """A platform that repeats itself wears no disk; what it does achieve is always written."""
    charger = emsp.remote
    who = By(platform="emsp", parties=frozenset())
    for _ in range(BURST + 500):
        charger.note(who, "stop_session", "", "none", "refused")
    charger.note(who, "start_session", "1", "token", "accepted")
    await emsp.platform.settled()
    rows = emsp.platform.context.ledger.commands(limit=2 * BURST)
    assert len(rows) == BURST + 1
    assert (rows[0].outcome, "500 before it" in rows[0].detail) == ("done", True)
