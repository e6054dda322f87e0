"""RESERVE_NOW and CANCEL_RESERVATION from end to end."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.driven_kit import WALL, supervisor_patch
from conformance.emsp import FakeOutward
from conformance.orders_kit import TOKEN, Orders, orders
from laddvakt_agent.core.model import State
from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.reservations import ReservationBook, ReservationRow
from laddvakt_agent.pricing.costs import text_of
from laddvakt_agent.pricing.tariffs import known
from laddvakt_agent.published import EvseStatus, SessionRecord
from laddvakt_agent.reservations import CANCELLED, EXPIRED
from laddvakt_agent.sessions import RECENT
from laddvakt_agent.uplink.text import date_time
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration
OTHER = {**TOKEN, "uid": "APP-2", "contract_id": "NL-TNM-C2"}
FAMILY = {**TOKEN, "group_id": "F"}


@pytest.fixture
async def emsp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Orders]:
    async with orders(tmp_path, supervisor_patch(monkeypatch.setattr)) as made:
        yield made


def record(emsp: Orders) -> SessionRecord:
    """The only session there is, as others see it."""
    (found,) = emsp.platform.context.publisher.station().sessions
    return found


def status(emsp: Orders, uid: str = "DEMO1-1") -> EvseStatus:
    states = emsp.platform.context.publisher.station().evses
    return next(state.status for state in states if state.uid == uid)


async def reserved(emsp: Orders, **more: object) -> str:
    """A reservation that stands; its session's id."""
    assert (await emsp.reserve(**more)).item["result"] == "ACCEPTED"
    assert (await emsp.result())["result"] == "ACCEPTED"
    await emsp.drive.until(lambda: emsp.guard.connector.life.state is State.RESERVED)
    return record(emsp).id


async def test_a_reservation_keeps_others_out_and_becomes_its_session(emsp: Orders) -> None:
    """RESERVED; a session that waits; another token is refused; its own goes on with it."""
    session_id = await reserved(emsp, authorization_reference="REF-R")
    assert status(emsp) is EvseStatus.RESERVED
    assert (record(emsp).waiting, record(emsp).ended_at) == (True, None)
    assert record(emsp).authorization_reference == "REF-R"
    heard = await emsp.order("STOP_SESSION", {"session_id": session_id})
    assert (heard.item["result"], "reservation" in str(heard.item["message"])) == ("REJECTED", True)
    await emsp.start(token=OTHER)
    assert (await emsp.result())["result"] == "REJECTED"
    await emsp.reserve(token=OTHER, reservation_id="R-2")
    assert (await emsp.result())["result"] == "EVSE_OCCUPIED"
    assert await emsp.charging() == session_id
    assert (record(emsp).waiting, record(emsp).reservation) == (False, "emsp:R-1")
    assert status(emsp) is EvseStatus.CHARGING
    await emsp.order("CANCEL_RESERVATION", {"reservation_id": "R-1"})
    assert (await emsp.result())["result"] == "UNKNOWN_RESERVATION"
    assert emsp.session_id() == session_id


async def test_what_is_kept_is_listed(emsp: Orders) -> None:
    """A session that only waits is pulled like any other, behind those that have begun."""
    await emsp.start()
    begun = await emsp.charging()
    first = {one.id for one in emsp.platform.context.publisher.station().sessions}
    assert first == {begun}
    await emsp.reserve(evse_uid="DEMO1-2")
    assert (await emsp.result())["result"] == "ACCEPTED"
    heard = await emsp.platform.get("2.3.0/sessions", date_from="2020-01-01T00:00:00Z")
    assert [(s["id"] == begun, s["status"]) for s in heard.items] == [
        (True, "ACTIVE"),
        (False, "RESERVATION"),
    ]
    assert heard.headers["X-Total-Count"] == "2"


async def test_somebody_of_the_group_may_come(emsp: Orders) -> None:
    session_id = await reserved(emsp, token=FAMILY)
    emsp.drive.plug()
    await emsp.start(token={**OTHER, "group_id": "f"})
    assert (await emsp.result())["result"] == "ACCEPTED"
    assert record(emsp).id == session_id
    assert record(emsp).token.uid == "APP-2"


async def test_a_reservation_is_cancelled(emsp: Orders) -> None:
    """Its session is COMPLETED; a reservation of the same id is a new one afterwards."""
    session_id = await reserved(emsp)
    heard = await emsp.order("CANCEL_RESERVATION", {"reservation_id": "r-1"})
    assert heard.item["result"] == "ACCEPTED"
    assert await emsp.result() == {"result": "ACCEPTED"}
    assert (record(emsp).id, record(emsp).waiting) == (session_id, True)
    assert record(emsp).ended_at is not None
    await emsp.drive.until(lambda: status(emsp) is EvseStatus.AVAILABLE)
    await emsp.order("CANCEL_RESERVATION", {"reservation_id": "R-1"})
    assert (await emsp.result())["result"] == "UNKNOWN_RESERVATION"
    await emsp.reserve()
    assert (await emsp.result())["result"] == "ACCEPTED"
    ids = [one.id for one in emsp.platform.context.publisher.station().sessions]
    assert ids[0] == session_id
    assert len(set(ids)) == 2


async def test_the_same_id_replaces_a_reservation(emsp: Orders) -> None:
    """Moved to the other EVSE and prolonged: the session is the same, the first EVSE is free."""
    session_id = await reserved(emsp)
    await emsp.reserve(evse_uid="DEMO1-2", expiry_date="2027-01-31T11:00:00Z")
    assert (await emsp.result())["result"] == "ACCEPTED"
    await emsp.drive.until(lambda: status(emsp) is EvseStatus.AVAILABLE)
    await emsp.drive.until(lambda: status(emsp, "DEMO1-2") is EvseStatus.RESERVED)
    assert (record(emsp).id, record(emsp).evse_uid) == (session_id, "DEMO1-2")


async def test_equal_ids_of_two_platforms_are_two_reservations(emsp: Orders) -> None:
    """Another platform neither cancels it nor replaces it."""
    await reserved(emsp)
    callers = emsp.platform.callers.by_token
    for token, caller in callers.items():
        callers[token] = replace(caller, name="other")
    first = emsp.platform.outwards["emsp"]
    emsp.platform.outwards["other"] = FakeOutward(first.emsp, first.session, name="other")
    await emsp.order("CANCEL_RESERVATION", {"reservation_id": "R-1"})
    assert (await emsp.result())["result"] == "UNKNOWN_RESERVATION"
    await emsp.reserve()
    assert (await emsp.result())["result"] == "EVSE_OCCUPIED"
    assert status(emsp) is EvseStatus.RESERVED


async def test_its_time_is_over(emsp: Orders) -> None:
    """COMPLETED without a charge, and the EVSE is free."""
    now = WALL + timedelta(seconds=emsp.platform.context.clock.now_s() - 1000.0)
    session_id = await reserved(emsp, expiry_date=date_time(now + timedelta(seconds=20)))
    emsp.remote.reservations.look()
    assert record(emsp).ended_at is None
    await emsp.drive.until(lambda: emsp.remote.reservations.wall() > now + timedelta(seconds=20))
    emsp.remote.reservations.look()
    await emsp.drive.until(lambda: status(emsp) is EvseStatus.AVAILABLE)
    assert (record(emsp).id, record(emsp).energy_wh) == (session_id, 0.0)
    assert record(emsp).ended_at is not None
    assert emsp.sent == len(emsp.platform.emsp.of("POST", "/cb"))


def reservation_tariff(kind: str, price: int) -> str:
    """A tariff as it is kept with a session: a fee for a reservation of this kind, energy too."""
    body = {
        "country_code": "SE", "party_id": "LAD", "id": "T1", "currency": "SEK",
        "elements": [
            {
                "price_components": [{"type": "FLAT", "price": price, "step_size": 1}],
                "restrictions": {"reservation": kind},
            },
            {"price_components": [{"type": "ENERGY", "price": 5, "step_size": 1}]},
        ],
        "last_updated": "2027-01-01T00:00:00Z",
    }  # fmt: skip
    return text_of(known(body, Version.V2_2_1))


@pytest.mark.parametrize(
    ("kind", "end", "cost"),
    [
        pytest.param("RESERVATION_EXPIRES", "expired", 4, id="nobody came, and that costs"),
        pytest.param("RESERVATION_EXPIRES", "cancelled", None, id="cancelled in time"),
        pytest.param("RESERVATION", "cancelled", 4, id="reserving costs"),
        pytest.param("RESERVATION_EXPIRES", "defect", None, id="we could not keep it"),
    ],
)
async def test_an_unused_reservation_costs_what_its_tariff_says(
    kind: str, end: str, cost: int | None, emsp: Orders
) -> None:
    """COMPLETED with a CDR of the same session; without a price, no CDR."""
    fee = reservation_tariff(kind, 4)
    emsp.guard.keeper.tariff_at = lambda at, token_type: fee
    session_id = await reserved(emsp)
    held = emsp.guard.reservation
    assert held is not None
    emsp.remote.reservations.end(held, {"expired": EXPIRED, "cancelled": CANCELLED}.get(end, end))
    await emsp.platform.settled()
    bills = emsp.platform.context.ledger.cdrs()
    assert (record(emsp).id, record(emsp).ended_at is not None) == (session_id, True)
    if cost is None:
        assert bills == ()
        return
    (bill,) = bills
    assert (bill.session.id, bill.remark) == (session_id, f"reservation {end}")
    assert bill.cost is not None
    assert (int(bill.cost.total.before_taxes), bill.session.energy_wh) == (cost, 0.0)
    assert bill.session.periods[0].reserved
    await emsp.restore()
    assert record(emsp).id == session_id


@pytest.mark.parametrize("why", ["defect", "out of service"])
async def test_what_cannot_be_kept_is_told_at_its_url(why: str, emsp: Orders) -> None:
    """CANCELED_RESERVATION to the response_url of RESERVE_NOW, once."""
    await reserved(emsp)
    if why == "defect":
        emsp.drive.worlds["1"].mirror = True  # welded: a person must mend it
    else:
        emsp.guard.in_service = False
        emsp.remote.reservations.look()
    await emsp.drive.until(lambda: len(emsp.results(1)) == 2)
    told = emsp.results(1)[1]
    assert isinstance(told.body, dict)
    assert told.body["result"] == "CANCELED_RESERVATION"
    assert len(told.body["message"]) == 3
    assert told.headers["ocpi-to-party-id"] == "TNM"
    assert record(emsp).ended_at is not None
    assert emsp.guard.reservation is None


async def test_a_restart_gives_nothing_away(emsp: Orders) -> None:
    """What stands is kept again; what had been cancelled is not."""
    session_id = await reserved(emsp)
    await emsp.reserve(evse_uid="DEMO1-2", reservation_id="R-2")
    assert (await emsp.result())["result"] == "ACCEPTED"
    await emsp.order("CANCEL_RESERVATION", {"reservation_id": "R-2"})
    assert (await emsp.result())["result"] == "ACCEPTED"
    await emsp.platform.settled()
    emsp.drive.guard("1").reservation = None
    emsp.remote.reservations._entries.clear()
    await emsp.restore()
    assert emsp.guard.reservation is not None
    assert emsp.guard.reservation.session_id == session_id
    assert emsp.drive.guard("2").reservation is None
    shown = {one.id: one.ended_at for one in emsp.platform.context.publisher.station().sessions}
    assert shown[session_id] is None
    assert len(shown) == 2


async def test_any_evse_will_do(emsp: Orders) -> None:
    """Without one the charger chooses a free one, for a reservation and for its start."""
    emsp.drive.plug("1")
    await emsp.drive.until(lambda: emsp.guard.connector.life.state is State.PREPARING)
    await emsp.reserve(evse_uid="")
    assert (await emsp.result())["result"] == "ACCEPTED"
    assert record(emsp).evse_uid == "DEMO1-2"
    emsp.drive.plug("2")
    await emsp.start(evse_uid="")
    assert (await emsp.result())["result"] == "ACCEPTED"
    assert record(emsp).evse_uid == "DEMO1-2"


async def test_what_was_not_heard_is_told_on(emsp: Orders) -> None:
    """However many ended since; once it was heard, only the newest are told."""
    heard: set[str] = set()
    emsp.guard.keeper.heard = lambda session_id: session_id in heard
    book = emsp.remote.reservations
    for number in range(RECENT + 2):
        await emsp.reserve(reservation_id=f"R-{number}")
        assert (await emsp.result())["result"] == "ACCEPTED"
        held = book.find("emsp", f"r-{number}")
        assert held is not None
        book.end(held, CANCELLED)
    told = [one.id for one in emsp.guard.keeper.records()]
    assert len(told) == RECENT + 2
    heard.update(told)
    await emsp.reserve(reservation_id="R-last")
    await emsp.result()
    held = book.find("emsp", "R-last")
    assert held is not None
    book.end(held, CANCELLED)
    assert len(emsp.guard.keeper.records()) == RECENT


async def test_a_disk_that_refuses(emsp: Orders, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is promised that a restart would forget; what was promised before still stands."""
    session_id, save = await reserved(emsp), ReservationBook.save

    def refuse(self: ReservationBook, row: ReservationRow) -> None:
        raise StorageError(StorageKind.FULL, Path("l"), "full")

    monkeypatch.setattr(ReservationBook, "save", refuse)
    await emsp.reserve(evse_uid="DEMO1-2", expiry_date="2027-01-31T11:00:00Z")
    assert (await emsp.result())["result"] == "FAILED"
    await emsp.reserve(evse_uid="DEMO1-2", reservation_id="R-2")
    assert (await emsp.result())["result"] == "FAILED"
    monkeypatch.setattr(ReservationBook, "save", save)
    assert [emsp.drive.guard(name).reservation is None for name in ("1", "2")] == [False, True]
    assert status(emsp) is EvseStatus.RESERVED
    emsp.platform.context.thread.retry()
    await emsp.platform.settled()
    await emsp.restore()
    kept = [(h.session_id, h.expires_at.minute) for h in (emsp.guard.reservation,) if h]
    assert kept == [(session_id, 15)]
