"""Conformance cases 39, 40 and 43: the times of what is pulled, and EVSEs that are no more."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.uplink.uplink_kit import MemoryStore
from conformance.kit import TOKEN, Platform, running
from conformance.past_kit import (
    EVER,
    T0,
    billed,
    record,
    running_session,
)
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.published import EvseState, EvseStatus, Station
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.book import Book, Kind
from laddvakt_agent.uplink.server.part import settings_for
from laddvakt_agent.uplink.server.pushed import Pushed
from laddvakt_agent.uplink.server.stamps import dated_location
from laddvakt_agent.uplink.text import date_time, from_date_time
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

AS_HUB = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "HUB"}


def stamps_of(location: dict[str, object]) -> tuple[datetime, datetime, datetime]:
    """Location, its first EVSE, that one's Connector."""
    evses = location["evses"]
    assert isinstance(evses, list)
    evse = evses[0]
    return (
        from_date_time(str(location["last_updated"])),
        from_date_time(evse["last_updated"]),
        from_date_time(evse["connectors"][0]["last_updated"]),
    )


def turn(platform: Platform, status: EvseStatus, at: datetime) -> None:
    """Publish this status of the first EVSE, until further notice."""
    publisher = platform.context.publisher
    state = EvseState(uid="DEMO1-1", connector_id="1", status=status, changed_at=at)

    def turned(station: Station) -> Station:
        evses = (state if evse.uid == state.uid else evse for evse in station.evses)
        return replace(station, evses=tuple(evses))

    publisher.retime = turned


async def test_c39_parents_not_older(platform: Platform) -> None:
    """Location ≥ EVSE ≥ Connector, after every change; what did not change keeps its time."""
    before = stamps_of((await platform.get("2.2.1/locations")).items[0])
    at = before[0]
    for number, status in enumerate((EvseStatus.CHARGING, EvseStatus.OUTOFORDER), start=1):
        turn(platform, status, at + timedelta(seconds=number))
        location = (await platform.get("2.2.1/locations")).items[0]
        place, evse, connector = stamps_of(location)
        assert place >= evse >= connector == before[2]
        assert (place, evse) == (at + timedelta(seconds=number),) * 2


async def test_c40_unchanged(platform: Platform) -> None:
    """Asked again, and nothing changed: the same to the last character."""
    await billed(platform, 1)
    await running_session(platform, 2, 300.0)
    for path in ("locations", "sessions", "cdrs"):
        one = await platform.get(f"2.2.1/{path}", date_from=EVER)
        assert one.data == (await platform.get(f"2.2.1/{path}", date_from=EVER)).data


async def test_c40_over_a_reboot_and_a_clock_step(tmp_path: Path) -> None:
    """A reboot with a clock that went back: unchanged stays as it was, changed gets later."""

    async def seen(platform: Platform) -> tuple[dict[str, object], dict[str, object]]:
        location = (await platform.get("2.2.1/locations")).items[0]
        return location, (await platform.get("2.2.1/sessions", date_from=EVER)).items[0]

    def told(platform: Platform, at: datetime, **changes: object) -> None:
        turn(platform, EvseStatus.CHARGING if changes else EvseStatus.AVAILABLE, at)
        platform.bench.guard("1").keeper.recent[:] = [record(1, changed_at=at, **changes)]

    async with running(tmp_path, source=FakeTime(wall=T0)) as platform:
        await billed(platform, 1)
        told(platform, T0)
        location, session = await seen(platform)
    earlier = T0 - timedelta(days=3)
    async with running(tmp_path, source=FakeTime(wall=earlier)) as platform:
        told(platform, earlier)
        assert await seen(platform) == (location, session)
        told(platform, earlier, energy_wh=5001.0)
        later = await seen(platform)
    assert str(later[0]["last_updated"]) > str(location["last_updated"])
    assert str(later[1]["last_updated"]) > str(session["last_updated"])


async def test_c40_as_pushed(platform: Platform) -> None:
    """What was pushed is pulled with the same times; what changed since, with later ones."""
    settings = settings_for(platform.context.config, platform.callers.by_token[TOKEN])
    book = Book(MemoryStore(), random.Random(1), retry_min_s=1.0, retry_max_s=2.0)
    platform.pushed["emsp"] = Pushed(book=book, version=Version.V2_2_1)
    pushed_at = T0 + timedelta(days=1)
    session = await running_session(platform, 1, 300.0)
    content = objects.session(settings, session)
    entry = book.want(Kind.SESSION, "s-1", content, changed_at=session.changed_at, source=session)
    await book.sending(entry, content, pushed_at)
    turn(platform, EvseStatus.CHARGING, T0)
    statuses = {"DEMO1-1": EvseStatus.AVAILABLE, "DEMO1-2": EvseStatus.UNKNOWN}
    bare = objects.location(settings, statuses)
    location = dated_location(bare, None, {}, pushed_at)
    placed = book.want(Kind.LOCATION, "DEMO1", bare, changed_at=T0, source=None)
    await book.sending(placed, location, pushed_at)
    state = book.want(
        Kind.EVSE, "DEMO1-1", {"status": "CHARGING"}, changed_at=pushed_at, source=None
    )
    told_at = pushed_at + timedelta(seconds=7)
    await book.sending(state, {"status": "CHARGING"}, told_at)

    pulled = (await platform.get("2.2.1/sessions", date_from=EVER)).items[0]
    assert pulled == {**content, "last_updated": date_time(pushed_at)}
    place, evse, connector = stamps_of((await platform.get("2.2.1/locations")).items[0])
    assert (place, evse, connector) == (told_at, told_at, pushed_at)

    await running_session(platform, 1, 301.0)
    turn(platform, EvseStatus.OUTOFORDER, T0)
    changed = (await platform.get("2.2.1/sessions", date_from=EVER)).items[0]
    assert changed["last_updated"] == date_time(pushed_at + timedelta(milliseconds=1))
    place, evse, connector = stamps_of((await platform.get("2.2.1/locations")).items[0])
    assert place == evse == told_at + timedelta(milliseconds=1)


async def test_c43_removed(tmp_path: Path) -> None:
    """An EVSE that is no more stays in the Location as REMOVED, with a later time, for good."""

    def without_second(text: str) -> str:
        head, _, _ = text.partition('[[connector]]\nid = "2"')
        tail = text[text.index("[[token]]") :] if "[[token]]" in text else ""
        return head + tail

    async with running(tmp_path) as platform:
        before = (await platform.get("2.2.1/locations")).items[0]
    for _ in range(2):
        async with running(tmp_path, change=without_second) as platform:
            after = (await platform.get("2.2.1/locations")).items[0]
            evses = after["evses"]
            assert isinstance(evses, list)
            assert [(e["uid"], e["status"]) for e in evses][1:] == [("DEMO1-2", "REMOVED")]
            assert evses[1]["connectors"]
            assert str(after["last_updated"]) > str(before["last_updated"])
            one = await platform.get("2.2.1/locations/DEMO1/DEMO1-2")
            assert one.item["status"] == "REMOVED"
