"""Somebody holds a card to a reader: who starts, where, who waits, who ends, who is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from structlog.testing import capture_logs

from agent.station_kit import bench
from agent.tokens.token_kit import Platform, info, token, unknown
from laddvakt_agent.card_desk import PLUG_WITHIN_S, CardDesk
from laddvakt_agent.core.inputs import Inputs, Pilot, Sample
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import State
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.diagnostics.answers import NotPossible
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.ledger.tokens import TokenFile
from laddvakt_agent.permits import Permits
from laddvakt_agent.published import TokenRef
from laddvakt_agent.reserved import Held
from laddvakt_agent.uplink.tokens.authorising import Authoriser
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_agent.uplink.tokens.content import row_of
from laddvakt_hal.roles import Card

UID, FRIEND, STRANGER = "04A1B2C3", "11223344", "99887766"


@dataclass
class FakeReader:
    name: str = "front"
    down: str = ""
    heard_s: float | None = None
    refused: int = 0

    async def run(self) -> None:
        await asyncio.Event().wait()


def idle_guard(name: str) -> Guard:
    """A guard of which only who is let in is asked: made without a station, which takes long."""
    guard = object.__new__(Guard)
    guard.settings = cast("Settings", SimpleNamespace(connector=name))
    guard.evse_uid, guard.connector = f"EVSE-{name}", cast("Connector", _Idle)
    guard.token = guard.free_token = guard.found = guard.reservation = guard.group_id = None
    guard.authorization_reference = None
    guard.durable = guard.in_service = True
    guard.stopped, guard.stepped_s, guard.inputs = False, 0.0, Inputs()
    guard.visits = 0
    return guard


_Idle = SimpleNamespace(life=SimpleNamespace(state=State.AVAILABLE))


@dataclass
class Front:
    """A desk with both connectors, and a platform."""

    desk: CardDesk
    platform: Platform
    now_s: float = 100.0
    stepped: list[str] = field(default_factory=list)
    wrote: list[tuple[str, str, str]] = field(default_factory=list)

    def guard(self, name: str) -> Guard:
        return self.desk.guards[int(name) - 1]

    def plug(self, name: str, pilot: Pilot = Pilot.B) -> None:
        guard = self.guard(name)
        guard.visits += pilot is Pilot.A
        guard.inputs = replace(guard.inputs, pilot=Sample(value=pilot, taken_s=self.now_s))
        self.desk.look(self.now_s)

    def knows(self, uid: str, **changed: object) -> None:
        self.desk.permits.authoriser.book.file.put(row_of(token(uid, **changed), "backend"))

    def charging(self) -> dict[str, str | None]:
        """Connector → uid of who was let in."""
        guards = {name: self.guard(name) for name in ("1", "2")}
        return {name: g.token.uid if g.token else None for name, g in guards.items()}


@pytest.fixture
async def front(tmp_path: Path) -> AsyncIterator[Front]:
    platform = Platform(replies=[unknown()])
    file, thread = TokenFile(tmp_path), LedgerThread(lambda error: None)
    authoriser = Authoriser(
        listed={},
        own=("SE", "LAD"),
        location_id="LOC1",
        book=TokenBook(file=file, thread=thread),
        now_s=lambda: built.now_s,
        outwards=lambda: {"backend": platform},
    )
    guards = {name: idle_guard(name) for name in ("1", "2")}
    desk = CardDesk(
        guards=tuple(guards.values()),
        permits=Permits(authoriser=authoriser, guards=guards, now_s=lambda: built.now_s),
        now_s=lambda: built.now_s,
        step=lambda guard: built.stepped.append(guard.settings.connector),
        wrote=lambda who, verb, guard, detail: built.wrote.append(
            (who, verb, guard.settings.connector)
        ),
    )
    desk.reader = FakeReader()
    built = Front(desk=desk, platform=platform)
    built.knows(UID, group_id="G1")
    built.knows(FRIEND, group_id="g1")
    yield built
    await thread.close()
    file.close()


async def test_the_plugged_one_starts_and_the_same_card_ends_it(front: Front) -> None:
    front.plug("2")
    await front.desk.tap(UID)
    assert front.charging() == {"1": None, "2": UID}
    assert front.guard("2").auth_method == "WHITELIST"
    await front.desk.tap(UID.lower())
    assert front.charging() == {"1": None, "2": None}
    assert front.stepped == ["2", "2"]
    assert front.wrote == [("card 04A1…", "start", "2"), ("card 04A1…", "stop", "2")]


@pytest.mark.parametrize("remembered", [True, False], ids=["running", "after a restart"])
async def test_a_card_of_the_same_group_ends_it(front: Front, remembered: bool) -> None:
    """mod_tokens, group_id: started with the card, stopped with the key fob."""
    front.plug("1")
    await front.desk.tap(UID)
    if not remembered:
        front.guard("1").group_id = None
    await front.desk.tap(FRIEND)
    assert front.charging() == {"1": None, "2": None}


async def test_a_disk_that_hangs_keeps_nobody_from_ending_it(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One's own charging at once; whether a card is of somebody's group is not waited for long."""
    front.knows(STRANGER)
    front.plug("1")
    await front.desk.tap(STRANGER)
    front.plug("2")
    await front.desk.tap(UID)
    front.guard("1").group_id = front.guard("2").group_id = None

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(TokenBook, "find", hang)
    monkeypatch.setattr(TokenBook, "group", hang)
    front.desk.permits.authoriser.within_s = 30.0
    async with asyncio.timeout(5.0):
        await front.desk.tap(UID)
    assert front.charging() == {"1": STRANGER, "2": None}
    front.desk.permits.authoriser.within_s = 0.05
    async with asyncio.timeout(5.0):
        await front.desk.tap(FRIEND)
    assert front.charging() == {"1": STRANGER, "2": None}


async def test_a_stranger_ends_nothing(front: Front) -> None:
    front.plug("1")
    await front.desk.tap(UID)
    front.knows(STRANGER, group_id="G1", party_id="ABC")  # another party's group of that name
    await front.desk.tap(STRANGER)
    assert front.charging()["1"] == UID


async def test_a_group_that_only_the_platform_knows(front: Front) -> None:
    front.plug("1")
    await front.desk.tap(UID)
    front.plug("2")
    fob = token(STRANGER, group_id="G1")
    front.platform.replies = [{"allowed": "ALLOWED", "token": fob}]
    await front.desk.tap(STRANGER)
    assert front.charging() == {"1": None, "2": None}


async def test_the_last_one_plugged_comes_first(front: Front) -> None:
    front.plug("2")
    front.now_s += 5.0
    front.plug("1", Pilot.C)
    await front.desk.tap(UID)
    assert front.charging() == {"1": UID, "2": None}
    await front.desk.tap(STRANGER)  # nobody knows this one
    assert front.charging() == {"1": UID, "2": None}
    assert front.desk.told == "card 9988… refused: no platform knows it"


async def test_who_has_not_plugged_in_yet_may_still_do_so(front: Front) -> None:
    await front.desk.tap(UID)
    assert front.charging() == {"1": None, "2": None}
    assert front.desk.shown(front.now_s)["waiting"] == "04A1…"
    front.now_s += PLUG_WITHIN_S - 1.0
    front.plug("2")
    assert front.charging() == {"1": None, "2": UID}
    assert front.desk.waiting is None


async def test_but_not_for_ever(front: Front) -> None:
    await front.desk.tap(UID)
    front.now_s += PLUG_WITHIN_S
    front.plug("2")
    assert front.charging() == {"1": None, "2": None}
    assert "nobody plugged in" in front.desk.told


async def test_another_card_takes_the_place_of_one_that_waits(front: Front) -> None:
    await front.desk.tap(UID)
    front.knows(STRANGER)
    await front.desk.tap(STRANGER)
    front.plug("1")
    assert front.charging() == {"1": STRANGER, "2": None}


async def test_only_where_the_platform_allows_it(front: Front) -> None:
    evse = front.guard("2").evse_uid
    place = {"location_id": front.desk.permits.authoriser.location_id, "evse_uids": [evse]}
    front.platform.replies = [info(uid=STRANGER, location=place)]
    front.plug("1")
    await front.desk.tap(STRANGER)  # connector 2 is free, but the vehicle hangs on 1
    assert front.charging() == {"1": None, "2": None}
    front.plug("2")
    assert front.charging() == {"1": None, "2": STRANGER}


@pytest.mark.parametrize(
    ("said", "told"),
    [("BLOCKED", "BLOCKED, says backend"), ("NO_CREDIT", "NO_CREDIT, says backend")],
)
async def test_a_refusal_is_shown_with_the_platforms_word(
    front: Front, said: str, told: str
) -> None:
    text = {"language": "en", "text": "Call us"}
    front.platform.replies = [info(said, uid=STRANGER, info=text)]
    front.plug("1")
    await front.desk.tap(STRANGER)
    shown = front.desk.permits.shown("1")
    assert shown is not None
    assert (shown["uid"], shown["allowed"], shown["why"]) == ("9988…", False, told)
    assert (shown["info"], shown["at_s"]) == ("Call us", 100.0)
    assert front.desk.permits.shown("2") is None


@pytest.mark.parametrize("hindrance", ["out of service", "the ledger cannot be written"])
async def test_nobody_is_asked_where_nobody_could_charge(front: Front, hindrance: str) -> None:
    for name in ("1", "2"):
        guard = front.guard(name)
        guard.in_service = hindrance != "out of service"
        guard.durable = hindrance == "out of service"
    await front.desk.tap(STRANGER)
    assert hindrance in front.desk.told
    assert front.platform.asked == []


async def test_the_newest_card_waits_while_one_is_judged(front: Front) -> None:
    """Somebody who swipes three cards in a row means the last one."""
    for uid in (UID, FRIEND, STRANGER):
        front.desk.presented(Card(uid=uid, technology="ISO14443", taken_at_s=0.0))
    assert front.desk._cards.get_nowait().uid == STRANGER
    assert front.desk._cards.empty()


async def test_a_reader_that_dies_is_told_once(front: Front) -> None:
    reader = front.desk.reader
    with capture_logs() as logs:
        reader.down = "/dev/ttyUSB7: port lost"
        for _ in range(3):
            front.desk.look(front.now_s)
        reader.down = ""
        front.desk.look(front.now_s)
    assert [line["event"] for line in logs] == ["reader_down", "reader_there"]


async def test_no_log_shows_a_whole_uid(front: Front) -> None:
    with capture_logs() as logs:
        await front.desk.tap(UID)
        front.plug("1")
        await front.desk.tap(UID)
        await front.desk.tap(STRANGER)
    assert logs
    assert not [uid for uid in (UID, STRANGER) if uid in str(logs)]


async def test_a_start_by_hand_asks_the_platform_too(tmp_path: Path) -> None:
    """The same judgement as at the reader; with a remedy."""
    async with bench(tmp_path) as station:
        guard, commands = station.guard("1"), station.commands
        platform = Platform(replies=[info("EXPIRED", uid=STRANGER)])
        permits = station.parts.supervisor.permits
        permits.authoriser.outwards = lambda: {"backend": platform}
        vehicle = Sample(value=Pilot.B, taken_s=station.clock.now_s())
        guard.inputs = replace(guard.inputs, pilot=vehicle)
        with pytest.raises(NotPossible, match="EXPIRED, says backend") as refused:
            await commands.order("1", "start", {"token": STRANGER}, uid=0, privileged=True)
        assert "company on the card" in refused.value.remedy
        guard.inputs = replace(guard.inputs, pilot=vehicle)
        platform.replies = [info(uid=STRANGER, authorization_reference="R-1")]
        said = await commands.order("1", "start", {"token": STRANGER}, uid=0, privileged=True)
        assert "allowed by the platform" in said
        assert guard.authorization_reference == "R-1"
        told = permits.shown("1")
        assert told is not None
        assert (told["uid"], told["allowed"]) == ("9988…", True)


@pytest.mark.parametrize(("uid", "comes_in"), [(FRIEND, True), (STRANGER, False)], ids=str)
async def test_a_reservation_is_redeemed_by_the_group(
    front: Front, uid: str, comes_in: bool
) -> None:
    """A vehicle hangs on the reserved connector; the other one is out of service."""
    front.guard("2").in_service = False
    front.knows(STRANGER)
    kept = TokenRef(uid=UID, type="RFID", contract_id="C", country_code="SE", party_id="TNM")
    at = datetime(2027, 1, 31, 10, tzinfo=UTC)
    front.guard("1").reservation = Held(
        party="backend", id="R1", connector="1", evse_uid="E", token=kept, group_id="g1",
        since_at=at, expires_at=at, session_id="s", response_url="http://b/r",
    )  # fmt: skip
    front.plug("1")
    await front.desk.tap(uid)
    assert front.charging()["1"] == (uid if comes_in else None)
    if not comes_in:
        assert "kept for somebody else" in front.desk.told


@pytest.mark.parametrize("next_one", [None, "1", "2"], ids=["nobody", "there", "beside"])
async def test_a_late_yes_is_for_nobody_elses_vehicle(front: Front, next_one: str | None) -> None:
    """Tapped, unplugged, another vehicle plugged, then the platform's yes arrives."""
    front.platform.replies = [info(uid=STRANGER)]
    front.platform.delay_s = 0.05
    front.plug("1")
    tapped = asyncio.create_task(front.desk.tap(STRANGER))
    await asyncio.sleep(0.02)
    front.plug("1", Pilot.A)
    if next_one is not None:
        front.plug(next_one)
    await tapped
    front.desk.look(front.now_s)
    assert front.charging() == {"1": None, "2": None}
    assert front.desk.waiting is None
    assert "unplugged meanwhile" in front.desk.told


@pytest.mark.parametrize("beside", [True, False], ids=["its neighbour left", "all stay"])
async def test_who_stays_is_let_in_though_the_neighbour_leaves(front: Front, beside: bool) -> None:
    front.platform.replies = [info(uid=STRANGER)]
    front.platform.delay_s = 0.05
    front.plug("2")
    front.now_s += 5.0
    front.plug("1")
    tapped = asyncio.create_task(front.desk.tap(STRANGER))
    await asyncio.sleep(0.02)
    if beside:
        front.plug("2", Pilot.A)
    await tapped
    assert front.charging() == {"1": STRANGER, "2": None}


async def test_a_late_yes_by_hand_is_for_no_other_vehicle(tmp_path: Path) -> None:
    async with bench(tmp_path) as station:
        guard = station.guard("1")
        platform = Platform(replies=[info(uid=STRANGER)], delay_s=0.05)
        station.parts.supervisor.permits.authoriser.outwards = lambda: {"backend": platform}

        def plug(pilot: Pilot) -> None:
            now_s = station.clock.now_s()
            guard.step(replace(guard.inputs, pilot=Sample(value=pilot, taken_s=now_s)), now_s)

        plug(Pilot.B)
        order = station.commands.order("1", "start", {"token": STRANGER}, uid=0, privileged=True)
        asked = asyncio.create_task(order)
        await asyncio.sleep(0.02)
        plug(Pilot.A)
        plug(Pilot.B)
        with pytest.raises(NotPossible, match="unplugged meanwhile") as refused:
            await asked
        assert refused.value.remedy == "plug it in, then start again"
        assert guard.token is None
