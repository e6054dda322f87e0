"""Conformance cases 29 to 37, 39, 40 and 43: what is pulled, page by page, and its times."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from agent.uplink.uplink_kit import MemoryStore
from conformance.kit import HUB, TOKEN, Heard, Platform, running
from conformance.past_kit import (
    EVER,
    T0,
    bill,
    billed,
    crawled,
    faulted,
    ids,
    record,
    running_session,
    text,
)
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.published import EvseState, EvseStatus, Station
from laddvakt_agent.uplink import objects, structs
from laddvakt_agent.uplink.book import Book, Kind
from laddvakt_agent.uplink.server.part import settings_for
from laddvakt_agent.uplink.server.pushed import Pushed
from laddvakt_agent.uplink.server.stamps import dated_location
from laddvakt_agent.uplink.text import date_time, from_date_time
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

AS_HUB = {"OCPI-from-country-code": "DE", "OCPI-from-party-id": "HUB"}


def pages(heard: Heard) -> tuple[str | None, str | None, bool]:
    return (
        heard.headers.get("X-Total-Count"),
        heard.headers.get("X-Limit"),
        "Link" in heard.headers,
    )


async def test_c29_pages(platform: Platform) -> None:
    """Total and limit on every page, a link on every one but the last; nothing twice, none lost."""
    heard = await platform.get("2.2.1/locations")
    assert pages(heard) == ("1", "50", False)
    await billed(platform, *range(5))
    first = await platform.get("2.2.1/cdrs", limit="2")
    assert (pages(first), ids(first)) == (("5", "50", True), ["c-0", "c-1"])
    last = await platform.get("2.2.1/cdrs", limit="2", offset="4")
    assert (pages(last), ids(last)) == (("5", "50", False), ["c-4"])
    exact = await platform.get("2.2.1/cdrs", limit="5")
    assert pages(exact) == ("5", "50", False)
    found = await crawled(platform, "2.2.1/cdrs", limit="2")
    assert [cdr["id"] for cdr in found] == [f"c-{number}" for number in range(5)]


@pytest.mark.parametrize("version", list(Version), ids=lambda version: version.value)
async def test_c29_whole_objects(platform: Platform, version: Version) -> None:
    """Everything that is pulled is whole by the tables of its version."""
    await billed(platform, 1)
    await running_session(platform, 2, 300.0)
    for path, what in (("locations", "Location"), ("sessions", "Session"), ("cdrs", "CDR")):
        found = await crawled(platform, f"{version.value}/{path}", date_from=EVER)
        assert found, path
        for item in found:
            structs.checked(version, what, item)  # type: ignore[arg-type]  # it is JSON


async def test_c30_capped(tmp_path: Path) -> None:
    """More than we give at once is cut to the cap, which X-Limit tells."""

    def small(text: str) -> str:
        return text + '\n[server]\nurl = "https://cp.example.com"\npage_size = 3\n'

    async with running(tmp_path, change=small) as platform:
        await billed(platform, *range(5))
        heard = await platform.get("2.3.0/cdrs", limit="2000")
        assert (pages(heard), len(heard.items)) == (("5", "3", True), 3)
        assert "limit=3" in heard.headers["Link"]


async def test_c31_offset_past_end(platform: Platform) -> None:
    """Nothing, with the right total, wherever the offset is."""
    await billed(platform, 1, 2)
    for path in ("cdrs", "sessions"):
        heard = await platform.get(f"2.2.1/{path}", date_from=EVER, offset="2")
        assert (heard.data, pages(heard)) == ([], ("2", "50", False))
    assert (await platform.get("2.2.1/locations", offset="1")).data == []


async def test_c32_interval(platform: Platform) -> None:
    """From inclusive, to exclusive: adjoining intervals neither overlap nor leave a gap."""
    await billed(platform, *range(4))
    stamps = [from_date_time(str(c["last_updated"])) for c in await crawled(platform, "2.2.1/cdrs")]
    assert stamps == [bill(number).created_at for number in range(4)]
    edges = [text(T0), text(stamps[1]), text(stamps[3]), text(T0 + timedelta(days=9))]
    found = []
    for begin, end in itertools.pairwise(edges):
        found.append(ids(await platform.get("2.2.1/cdrs", date_from=begin, date_to=end)))
    assert found == [["c-0"], ["c-1", "c-2"], ["c-3"]]
    location = (await platform.get("2.2.1/locations")).items[0]
    at = str(location["last_updated"])
    assert (await platform.get("2.2.1/locations", date_from=at)).items == [location]
    assert (await platform.get("2.2.1/locations", date_to=at)).data == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("date_from", "yesterday"),
        ("date_from", "2026-02-30T00:00:00Z"),
        ("date_to", "0000-01-01T00:00:00Z"),
        ("date_to", "2026-01-01"),
        ("offset", "-1"),
        ("offset", "1.5"),
        ("offset", "²"),
        ("limit", "0"),
        ("limit", ""),
        ("limit", "9" * 30),
    ],
)
async def test_c32_parameters(platform: Platform, name: str, value: str) -> None:
    """A parameter that is none: 2001, which names it."""
    heard = await platform.get("2.2.1/cdrs", **{name: value})
    assert (heard.status, heard.code) == (200, 2001)
    assert name in str(heard.envelope["status_message"])


@pytest.mark.parametrize(
    "written", ["2026-11-10T10:30:05", "2026-11-10T10:30:05Z", "2026-11-10T11:30:05+01:00"]
)
async def test_c32_ways_to_write(platform: Platform, written: str) -> None:
    """Without Z it is UTC; an offset is understood."""
    await billed(platform, 1, 2)
    assert ids(await platform.get("2.2.1/cdrs", date_from=written)) == ["c-2"]


async def test_c33_link_keeps_filters(platform: Platform) -> None:
    """The link asks for the same interval and the same number at once."""
    await billed(platform, *range(5))
    begin, end = text(T0 + timedelta(hours=1)), text(T0 + timedelta(days=2))
    heard = await platform.get("2.2.1/sessions", date_from=begin, date_to=end, limit="2")
    link = heard.headers["Link"]
    assert link.startswith(f"<{platform.url('2.2.1', 'sessions')}?")
    assert link.endswith('>; rel="next"')
    for part in ("date_from=", "date_to=", "offset=2", "limit=2"):
        assert part in link
    found = await crawled(platform, "2.2.1/sessions", date_from=begin, date_to=end, limit="2")
    assert [session["id"] for session in found] == [f"s-{number}" for number in range(1, 5)]


async def test_c34_created_while_crawling(platform: Platform) -> None:
    """What begins between two pages stands on the last one; the order before it stays."""
    await billed(platform, *range(3))
    first = await platform.get("2.2.1/cdrs", limit="2")
    await billed(platform, 3)
    then = await platform.ask("GET", first.headers["Link"].split(">")[0].lstrip("<"))
    assert ids(first) + ids(then) == ["c-0", "c-1", "c-2", "c-3"]
    assert pages(then)[0] == "4"


async def test_c34_changed_while_crawling(platform: Platform) -> None:
    """A session that changes keeps its place among the others."""
    await running_session(platform, 1, 100.0)
    await billed(platform, 2, 3)
    order = ["s-1", "s-2", "s-3"]
    assert ids(await platform.get("2.2.1/sessions", date_from=EVER)) == order
    await running_session(platform, 1, 900.0)
    assert ids(await platform.get("2.2.1/sessions", date_from=EVER)) == order


async def test_c35_single_objects(platform: Platform) -> None:
    """A Location, one of its EVSEs, one of its Connectors: each as it stands in the list."""
    location = (await platform.get("2.3.0/locations")).items[0]
    evses = location["evses"]
    assert isinstance(evses, list)
    assert (await platform.get("2.3.0/locations/DEMO1")).item == location
    assert (await platform.get("2.3.0/locations/DEMO1/DEMO1-2")).item == evses[1]
    connector = await platform.get("2.3.0/locations/DEMO1/DEMO1-2/2")
    assert connector.item == evses[1]["connectors"][0]
    assert (await platform.get("2.3.0/locations/DEMO1/DEMO1-2/2/more")).status == 404


async def test_c36_sessions_need_date_from(platform: Platform) -> None:
    """Without date_from: 2001."""
    heard = await platform.get("2.2.1/sessions", limit="5")
    assert (heard.status, heard.code) == (200, 2001)
    assert "date_from" in str(heard.envelope["status_message"])


async def test_c37_made_while_offline(platform: Platform) -> None:
    """With the last `last_updated` it has, a platform finds every bill made since."""
    await billed(platform, 1, 2)
    had = (await crawled(platform, "2.2.1/cdrs"))[-1]
    await billed(platform, 3, 4)
    heard = await platform.get("2.2.1/cdrs", date_from=str(had["last_updated"]))
    assert ids(heard) == ["c-2", "c-3", "c-4"]
    assert heard.items[0] == had


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


async def test_faults_history(platform: Platform) -> None:
    """The custom module: every fault there was, in pages, for the one it was agreed on with."""
    await faulted(platform, 1, 2, 3)
    heard = await platform.ask("GET", "2.3.0/selad-faults?limit=2", token=HUB, headers=AS_HUB)
    assert (ids(heard), pages(heard)) == (["f-1", "f-2"], ("3", "50", True))
    assert heard.items[0]["evse_uid"] == "DEMO1-1"
    since = text(T0 + timedelta(hours=3))
    heard = await platform.ask(
        "GET", f"2.3.0/selad-faults?date_from={since}", token=HUB, headers=AS_HUB
    )
    assert ids(heard) == ["f-3"]
