"""Conformance cases 62 to 68: commands and their results."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.driven_kit import supervisor_patch
from conformance.emsp import FakeOutward, Told
from conformance.orders_kit import TOKEN, Orders, orders
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.uplink.errors import Unreachable
from laddvakt_agent.uplink.receivers import results
from laddvakt_agent.uplink.receivers.judging import Judge, Limits

pytestmark = pytest.mark.integration
BOTH = pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
OTHER = {**TOKEN, "uid": "APP-2", "contract_id": "NL-TNM-C2"}
FOREIGN = {**TOKEN, "party_id": "EVI"}


@pytest.fixture
async def emsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orders]:
    async with orders(tmp_path, supervisor_patch(monkeypatch.setattr)) as made:
        yield made


def quick(emsp: Orders, start_s: int, post_s: float) -> None:
    """Shorter time-outs for the orders that follow."""
    judge = emsp.receiver.judge
    emsp.receiver.judge = Judge(
        place=judge.place,
        charger=judge.charger,
        wall=judge.wall,
        limits=Limits(start_s=start_s, other_s=start_s, post_s=post_s),
    )


@BOTH
async def test_c62_accepted_then_one_result(emsp: Orders, version: str) -> None:
    """Bare, before the time-out, once; the session carries reference, token and method."""
    emsp.version = version
    emsp.drive.plug()
    began_s = emsp.platform.context.clock.now_s()
    heard = await emsp.start(authorization_reference="REF-1")
    assert (heard.status, heard.code, heard.item["result"]) == (200, 1000, "ACCEPTED")
    timeout = heard.item["timeout"]
    assert isinstance(timeout, int)
    assert await emsp.result() == {"result": "ACCEPTED"}
    assert emsp.platform.context.clock.now_s() - began_s < timeout
    (got,) = emsp.results()
    assert got.headers["x-correlation-id"] == "correlation-1"
    assert got.headers["ocpi-to-party-id"] == "TNM"
    (record,) = emsp.guard.keeper.records()
    assert (record.authorization_reference, record.auth_method) == ("REF-1", "COMMAND")
    assert (record.token.uid, record.token.party_id) == ("APP-1", "TNM")


async def test_c62_a_vehicle_may_be_plugged_in_afterwards(emsp: Orders) -> None:
    heard = await emsp.start()
    assert heard.item["result"] == "ACCEPTED"
    assert not emsp.results()
    emsp.drive.plug()
    assert (await emsp.result())["result"] == "ACCEPTED"


async def test_c62_no_vehicle_came(emsp: Orders) -> None:
    """FAILED in time, in three languages; whoever plugs in later is not let in."""
    quick(emsp, 20, 10.0)
    await emsp.start()
    said = await emsp.result()
    assert said["result"] == "FAILED"
    message = said["message"]
    assert isinstance(message, list)
    assert [text["language"] for text in message] == ["en", "sv", "de"]
    emsp.drive.plug()
    await emsp.drive.until(lambda: emsp.guard.inputs.pilot.value is Pilot.B)  # type: ignore[union-attr]
    assert (emsp.guard.token, emsp.guard.keeper.running) == (None, None)


async def test_c62_stop_ends_the_session(emsp: Orders) -> None:
    """Opened before it is said; written down at once, so that no restart lets it go on."""
    session_id = await emsp.charging()
    emsp.drive.worlds["1"].pilot = Pilot.C
    await emsp.drive.until(lambda: emsp.guard.connector.life.closed)
    heard = await emsp.order("STOP_SESSION", {"session_id": session_id.upper()})
    assert heard.item["result"] == "ACCEPTED"
    assert await emsp.result() == {"result": "ACCEPTED"}
    assert not emsp.guard.connector.life.closed
    assert emsp.guard.keeper.running is None
    await emsp.platform.settled()
    rows = emsp.platform.context.ledger.commands()
    assert [(row.source, row.verb, row.outcome) for row in rows] == [
        ("ocpi", "stop", "done"),
        ("ocpi", "start", "done"),
    ]
    assert emsp.platform.context.ledger.found.stopped(session_id)


REFUSED: dict[str, tuple[str, dict[str, object], int, str]] = {
    "no such session": ("STOP_SESSION", {"session_id": "none"}, 1000, "UNKNOWN_SESSION"),
    "an unknown command": ("REBOOT", {}, 1000, "NOT_SUPPORTED"),
    "a fixed cable": (
        "UNLOCK_CONNECTOR",
        {"location_id": "DEMO1", "evse_uid": "DEMO1-1", "connector_id": "1"},
        1000,
        "NOT_SUPPORTED",
    ),
    "another's token": (
        "START_SESSION", {"token": FOREIGN, "location_id": "DEMO1"}, 1000, "REJECTED",
    ),
    "no such EVSE": (
        "START_SESSION", {"token": TOKEN, "location_id": "DEMO1", "evse_uid": "X"}, 2001,
        "REJECTED",
    ),
    "a response_url elsewhere": (
        "START_SESSION",
        {"token": TOKEN, "location_id": "DEMO1", "response_url": "http://127.0.0.1:9/steal"},
        2001,
        "REJECTED",
    ),
    "expired already": (
        "RESERVE_NOW",
        {
            "token": TOKEN, "location_id": "DEMO1", "reservation_id": "R",
            "expiry_date": "2027-01-31T09:00:00Z",
        },
        1000,
        "REJECTED",
    ),
    "no token": ("START_SESSION", {"location_id": "DEMO1"}, 2001, "REJECTED"),
}  # fmt: skip


async def test_c63_not_accepted_no_callback(emsp: Orders) -> None:
    """The answer says all there is; nothing was begun."""
    for name, (verb, body, code, result) in REFUSED.items():
        heard = await emsp.order(verb, body)
        said = (heard.status, heard.code, heard.item["result"], heard.item["timeout"])
        assert said == (200, code, result, 0), name
    steps = emsp.guard.steps
    await emsp.drive.until(lambda: emsp.guard.steps > steps + 20)
    assert not emsp.platform.emsp.of("POST", "/cb")
    assert (emsp.guard.token, emsp.guard.reservation) == (None, None)


async def test_c63_another_platforms_session_is_not_stopped(emsp: Orders) -> None:
    """Nor one that has ended already."""
    session_id = await emsp.charging()
    kept = emsp.guard.keeper.running
    assert kept is not None
    emsp.guard.keeper.running = replace(kept, token=replace(kept.token, party_id="EVI"))
    heard = await emsp.order("STOP_SESSION", {"session_id": session_id})
    assert heard.item["result"] == "REJECTED"
    emsp.guard.keeper.running = kept
    emsp.guard.stop()
    await emsp.drive.until(lambda: emsp.guard.keeper.running is None)
    heard = await emsp.order("STOP_SESSION", {"session_id": session_id})
    assert heard.item["result"] == "REJECTED"


@BOTH
async def test_c64_unknown_location_and_session(emsp: Orders, version: str) -> None:
    emsp.version = version
    heard = await emsp.start(location_id="ELSEWHERE")
    assert (heard.status, heard.code, heard.item["result"]) == (200, 2003, "REJECTED")
    heard = await emsp.order("STOP_SESSION", {"session_id": "nobody-knows"})
    assert heard.item["result"] == "UNKNOWN_SESSION"


async def test_c65_a_faulted_evse(emsp: Orders) -> None:
    """It stays as it is: no order resets a fault."""
    emsp.drive.worlds["1"].stop_pressed = True
    await emsp.drive.until(lambda: emsp.guard.connector.summary.code)
    heard = await emsp.start()
    assert heard.item["result"] == "ACCEPTED"
    assert (await emsp.result())["result"] == "EVSE_INOPERATIVE"
    assert (emsp.guard.token, emsp.guard.connector.life.session) == (None, False)
    assert (await emsp.reserve()).item["result"] == "ACCEPTED"
    assert (await emsp.result())["result"] == "EVSE_INOPERATIVE"


async def test_c65_where_a_technician_works(emsp: Orders) -> None:
    """An open door is no fault then: nobody starts it from afar, nor goes on waiting to."""
    await emsp.start()
    await emsp.drive.until(lambda: emsp.guard.token is not None)
    emsp.guard.maintenance = True
    assert (await emsp.result())["result"] == "EVSE_INOPERATIVE"
    emsp.drive.plug()
    await emsp.start()
    assert (await emsp.result())["result"] == "EVSE_INOPERATIVE"
    assert emsp.guard.token is None


async def test_c65_an_occupied_evse(emsp: Orders) -> None:
    session_id = await emsp.charging()
    await emsp.start(token=OTHER)
    assert (await emsp.result())["result"] == "EVSE_OCCUPIED"
    await emsp.reserve(token=OTHER)
    assert (await emsp.result())["result"] == "EVSE_OCCUPIED"
    assert emsp.session_id() == session_id


async def test_c66_connector_id_missing(emsp: Orders) -> None:
    """Where the EVSE wants it, and for UNLOCK_CONNECTOR always; never without its EVSE."""
    heard = await emsp.order("UNLOCK_CONNECTOR", {"location_id": "DEMO1", "evse_uid": "DEMO1-1"})
    assert (heard.code, heard.item["result"]) == (2001, "REJECTED")
    assert "connector_id" in str(heard.envelope["status_message"])
    heard = await emsp.start(evse_uid="", connector_id="1")
    assert (heard.code, heard.item["result"]) == (2001, "REJECTED")
    judge = emsp.receiver.judge
    emsp.receiver.judge = replace(
        judge, place=replace(judge.place, connector_required=frozenset({"demo1-1"}))
    )
    heard = await emsp.start()
    assert (heard.code, heard.item["result"]) == (2001, "REJECTED")
    assert (await emsp.start(connector_id="1")).item["result"] == "ACCEPTED"


@pytest.mark.parametrize("evse_uid", ["DEMO1-1", ""])
async def test_c67_a_repeated_start_starts_one_session(evse_uid: str, emsp: Orders) -> None:
    """While the first waits for its vehicle, and once its session runs."""
    await emsp.start(evse_uid=evse_uid)
    await emsp.start(evse_uid=evse_uid)
    url = emsp.platform.emsp.url("cb/2")
    await emsp.start(evse_uid=evse_uid, response_url=url)  # the very same request
    emsp.drive.plug()
    assert (await emsp.result(1))["result"] == "ACCEPTED"
    assert (await emsp.result(2))["result"] == "ACCEPTED"
    session_id = emsp.session_id()
    await emsp.start(evse_uid=evse_uid)
    assert (await emsp.result())["result"] == "ACCEPTED"
    assert emsp.session_id() == session_id
    assert emsp.drive.guard("2").keeper.running is None
    assert len(emsp.results(2)) == 1


async def test_c68_a_failing_response_url(emsp: Orders) -> None:
    """HTTP 500: the session runs all the same, and nothing is sent again."""
    emsp.platform.emsp.answer("POST", "/cb", Told(http_status=500, status_code=3000))
    emsp.drive.plug()
    await emsp.start()
    await emsp.result()
    session_id = emsp.session_id()
    steps = emsp.guard.steps
    await emsp.drive.until(lambda: emsp.guard.steps > steps + 30)
    assert len(emsp.results()) == 1
    assert emsp.session_id() == session_id


async def test_c68_nothing_is_sent_after_the_time_out(
    emsp: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tried again while nobody listens there; a platform that is back too late hears nothing."""
    quick(emsp, 2, 1.0)
    emsp.drive.plug()
    tries: list[str] = []

    async def nobody(_: object, method: str, url: str, *args: object, **more: object) -> None:
        tries.append(url)
        raise Unreachable(f"{method} {url}: no connection")

    monkeypatch.setattr(results, "RETRY_S", 0.05)
    with monkeypatch.context() as away:
        away.setattr(FakeOutward, "send", nobody)
        assert (await emsp.start()).item["result"] == "ACCEPTED"
        await emsp.drive.until(lambda: len(tries) > 3)
        await emsp.drive.until(lambda: not emsp.receiver._pending)
    assert set(tries) == {emsp.platform.emsp.url("cb/1")}
    await asyncio.sleep(0.2)
    assert not emsp.results()
    assert emsp.session_id()


async def test_c67_whoever_a_command_let_in_is_asked_for_by_nobody(emsp: Orders) -> None:
    """For 15 minutes at that EVSE, with the token and the reference of the command."""
    emsp.drive.plug()
    await emsp.start(authorization_reference="REF-1")
    await emsp.result()
    book = emsp.platform.context.supervisor.permits.authoriser.book
    now_s = emsp.platform.context.clock.now_s()
    known = book.let_in("app-1", "DEMO1-1", now_s)
    assert known is not None
    assert (known.reference, known.token and known.token.uid) == ("REF-1", "APP-1")
    assert book.let_in("app-1", "DEMO1-2", now_s) is None
    assert book.let_in("app-1", "DEMO1-1", now_s + 901.0) is None
