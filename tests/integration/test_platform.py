"""A platform and the whole station: registered, driven, told, billed, and killed in between."""

from __future__ import annotations

import signal

import pytest

from integration.acting import connectors, faults, truth
from integration.platform_kit import (
    APP,
    CARD,
    begun,
    crawled,
    evse,
    kept,
    limit,
    limit_a,
    order,
    place,
    plug,
    received,
    reserve,
    result,
    session,
    told,
)
from laddvakt_agent.demo.stage import JsonObject, Stage, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def test_a_platforms_day(scene: Stage) -> None:
    """From the registration to its end; what the backend then has is what the agent shows."""
    begun(scene)
    pushed = scene.backend.ask("POST", "/tokens/push", CARD)
    assert (pushed["http_status"], pushed["status_code"]) == (201, 1000), pushed
    session_id = started(scene)
    limited(scene, session_id)
    renewed(scene)
    assert order(scene, "STOP_SESSION", session_id=session_id)["result"] == "ACCEPTED"
    wait_for("open", 5, lambda: truth(scene)["contactor_closed"] is False)
    failed(scene)
    for connector in ("1", "2"):
        scene.board.ask("POST", f"/connectors/{connector}/unplug", {})
    wait_for("both bills", 20, lambda: len(kept(scene, "cdrs")) == 2)
    billed(scene, session_id)
    credited(scene, session_id)
    wait_for("nothing waits", 10, lambda: told(scene))
    for module in ("locations", "sessions", "cdrs", "tariffs", "faults"):
        assert by_id(crawled(scene, module)) == by_id(kept(scene, module)), module
    assert wrong(scene) == []
    parted(scene)


def test_killed_while_much_is_promised(scene: Stage) -> None:
    """The agreement stands, the kept place stays kept, the session goes on within its profile."""
    config = begun(scene)
    reserve(scene, "R-2", "2")
    plug(scene, "1")
    assert order(scene, "START_SESSION", token=CARD, **place("1"))["result"] == "ACCEPTED"
    wait_for("charging", 15, lambda: evse(scene, "1")["status"] == "CHARGING")
    wait_for("its session", 5, lambda: session(scene, "CARD-1").get("status") == "ACTIVE")
    running = str(session(scene, "CARD-1")["id"])
    limit(scene, running)
    wait_for("8 A on the pilot", 10, lambda: truth(scene)["offered_a"] == 8.0)
    wait_for("reserved", 5, lambda: session(scene, "APP-1").get("status") == "RESERVATION")
    wait_for("nothing waits", 10, lambda: told(scene))
    agreed, last = scene.backend.ask("GET", "/agreement"), received(scene)[-1]["seq"]
    scene.kill("agent", signal.SIGKILL)
    scene.start_agent(config)
    offers: list[float] = []

    def charges() -> bool:
        here = truth(scene)
        offers.append(float(str(here["offered_a"])))
        return here["contactor_closed"] is True and connectors(scene)["1"]["state"] == "charging"

    wait_for("it goes on", 20, charges)
    assert max(offers) == 8.0, offers
    assert scene.backend.ask("GET", "/agreement") == agreed
    assert by_id(crawled(scene, "sessions")).keys() == by_id(kept(scene, "sessions")).keys()
    statuses = said(scene, int(str(last)))
    assert statuses["DEMO1-1"] <= {"UNKNOWN", "CHARGING"}
    assert statuses["DEMO1-2"] <= {"UNKNOWN", "RESERVED"}
    assert order(scene, "STOP_SESSION", session_id=running)["result"] == "ACCEPTED"
    cancelled = order(scene, "CANCEL_RESERVATION", reservation_id="R-2")
    assert cancelled["result"] == "ACCEPTED"
    scene.board.ask("POST", "/connectors/1/unplug", {})
    wait_for("free", 10, lambda: {evse(scene, c)["status"] for c in "12"} == {"AVAILABLE"})
    wait_for("the end", 10, lambda: session(scene, "CARD-1").get("status") == "COMPLETED")
    wait_for("nothing waits", 10, lambda: told(scene))
    assert [one["session_id"] for one in kept(scene, "cdrs")] == [running]
    for module in ("locations", "sessions", "cdrs"):
        assert by_id(crawled(scene, module)) == by_id(kept(scene, module)), module
    assert wrong(scene) == []


def said(scene: Stage, since: int) -> dict[str, set[object]]:
    """Every status the backend was told of each EVSE after request number `since`."""
    found: dict[str, set[object]] = {"DEMO1-1": set(), "DEMO1-2": set()}
    for one in received(scene, since):
        body, path = one["body"], str(one["path"])
        if one["module"] != "locations" or not isinstance(body, dict):
            continue
        evses = body["evses"] if "evses" in body else [{"uid": path.rsplit("/", 1)[-1], **body}]
        assert isinstance(evses, list)
        for told_evse in evses:
            assert isinstance(told_evse, dict)
            found[str(told_evse["uid"])].add(told_evse["status"])
    return found


def wrong(scene: Stage) -> list[JsonObject]:
    """The requests that the backend found fault with, or never answered."""
    return [one for one in received(scene) if one["errors"] or one["status_code"] != 1000]


def started(scene: Stage) -> str:
    """One comes to what is kept for them, one shows a card that was pushed; the app's session."""
    reserve(scene, "R-1", "1")
    wait_for("the reservation", 5, lambda: evse(scene, "1")["status"] == "RESERVED")
    wait_for("its session", 5, lambda: session(scene, "APP-1").get("status") == "RESERVATION")
    waiting = session(scene, "APP-1")["id"]
    plug(scene, "1")
    plug(scene, "2")
    assert order(scene, "START_SESSION", token=APP, **place("1"))["result"] == "ACCEPTED"
    wait_for("preparing", 5, lambda: connectors(scene)["2"]["state"] == "preparing")
    scene.agent.ask("POST", "/connectors/2/start", {"token": "CARD-1"})
    wait_for("charging", 20, lambda: {evse(scene, c)["status"] for c in "12"} == {"CHARGING"})
    both = ["ACTIVE", "ACTIVE"]
    wait_for("told", 10, lambda: [s["status"] for s in kept(scene, "sessions")] == both)
    assert session(scene, "APP-1")["auth_method"] == "COMMAND"
    assert session(scene, "CARD-1")["auth_method"] == "WHITELIST"
    assert session(scene, "APP-1")["id"] == waiting
    return str(waiting)


def limited(scene: Stage, session_id: str) -> None:
    """A profile reaches the pilot; its owner may look at it."""
    limit(scene, session_id)
    wait_for("8 A on the pilot", 10, lambda: truth(scene)["offered_a"] == 8.0)
    assert limit_a(scene, "1") == 8.0
    shown = result(scene, scene.backend.ask("GET", f"/profiles/{session_id}"))
    assert "'limit': 8.0" in str(shown["profile"])
    assert limit_a(scene, "2") == 16.0
    wait_for("some energy", 20, lambda: min(energy_wh(scene, c) for c in "12") > 0.0)
    assert all(connectors(scene)[connector]["session_cost"] for connector in "12")


def energy_wh(scene: Stage, connector: str) -> float:
    return float(str(connectors(scene)[connector]["session_energy_wh"] or 0.0))


def renewed(scene: Stage) -> None:
    """Both tokens change while sessions run; the old ones open nothing."""
    before = scene.backend.ask("GET", "/agreement")
    scene.backend.ask("POST", "/rotate")
    after = scene.backend.ask("GET", "/agreement")
    assert before["they_show"] != after["they_show"]
    assert before["we_show"] != after["we_show"]


def failed(scene: Stage) -> None:
    """The emergency stop is pressed while the card's vehicle charges."""
    scene.board.ask("POST", "/faults", {"name": "emergency_stop"})
    wait_for("told", 5, lambda: evse(scene, "2")["status"] == "INOPERATIVE")
    known = str(faults(scene)["emergency_stop"]["id"])
    wait_for("its fault", 5, lambda: known in by_id(kept(scene, "faults")))
    assert by_id(kept(scene, "faults"))[known]["code"] == "emergency_stop"
    assert "emergency_stop" in str(evse(scene, "2").get("faults"))


def billed(scene: Stage, session_id: str) -> None:
    """Each session has one bill, by the tariff: a fee, and the energy with its tax."""
    bills = {str(one["session_id"]): one for one in kept(scene, "cdrs")}
    assert set(bills) == {str(one["id"]) for one in kept(scene, "sessions")}
    for bill in bills.values():
        energy = bill["total_energy"]
        assert isinstance(energy, float)
        assert energy > 0
        fee, by_energy, total = (price(bill, f"total_{name}cost") for name in _PARTS)
        assert fee == 10.0
        assert by_energy == pytest.approx(100.0 * energy, abs=0.11)  # a Wh begun is a Wh
        assert total == pytest.approx(fee + by_energy, abs=0.001)
    (ended,) = (one for one in kept(scene, "sessions") if one["id"] == session_id)
    assert ended["status"] == "COMPLETED"
    assert ended["total_cost"] == bills[session_id]["total_cost"]


def credited(scene: Stage, session_id: str) -> None:
    """A person corrects one bill: the credit and the corrected one follow it, by its tariff."""
    (first,) = (one for one in kept(scene, "cdrs") if one["session_id"] == session_id)
    wish: JsonObject = {"cdr": first["id"], "reason": "a test", "energy_wh": 2000.0}
    scene.agent.ask("POST", "/ledger/credit", wish)
    wait_for("both", 10, lambda: len(kept(scene, "cdrs")) == 4)
    credit, corrected = kept(scene, "cdrs")[2:]
    assert credit["credit_reference_id"] == first["id"]
    assert price(credit, "total_cost") == -price(first, "total_cost")
    assert (corrected["total_energy"], price(corrected, "total_cost")) == (2.0, 210.0)


_PARTS = ("fixed_", "energy_", "")


def price(bill: JsonObject, name: str) -> float:
    """Before taxes, which are a quarter."""
    said = bill[name]
    assert isinstance(said, dict)
    before = float(str(said["before_taxes"]))
    taxes = said["taxes"]
    assert isinstance(taxes, list)
    amounts = [float(str(tax["amount"])) for tax in taxes if isinstance(tax, dict)]
    assert sum(amounts) == pytest.approx(0.25 * before, abs=0.001)
    return before


def by_id(objects: list[JsonObject]) -> dict[str, JsonObject]:
    return {str(one["id"]): one for one in objects}


def parted(scene: Stage) -> None:
    """The backend leaves: it is told nothing more, and let in nowhere."""
    scene.backend.ask("POST", "/unregister")
    uplink = scene.agent.ask("GET", "/status")["uplink"]
    assert isinstance(uplink, dict)
    assert "'registered': False" in str(uplink["platforms"])
    assert "Traceback" not in scene.log_text("agent")
