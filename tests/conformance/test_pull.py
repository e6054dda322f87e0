"""Conformance cases 29 to 37: what is pulled, page by page."""

from __future__ import annotations

import itertools
from datetime import timedelta
from pathlib import Path

import pytest

from conformance.kit import HUB, Heard, Platform, running
from conformance.past_kit import (
    EVER,
    T0,
    bill,
    billed,
    crawled,
    faulted,
    ids,
    running_session,
    text,
)
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.text import from_date_time
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
