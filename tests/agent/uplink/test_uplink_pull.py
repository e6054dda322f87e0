"""Lists pulled page by page from servers that page as they please."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from laddvakt_agent.uplink.answers import Answer
from laddvakt_agent.uplink.errors import BrokenOff, ServerFailed
from laddvakt_agent.uplink.pull import pulled
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

URL = "https://b.example/tokens"
Page = tuple[object, Mapping[str, str]]


class Lister:
    """An `Outward` whose pages a test makes of the query."""

    name = "b"
    version = Version.V2_2_1
    own = Party("SE", "LAD")

    def __init__(self, page: Callable[[str, int], Page]) -> None:
        self.page = page
        self.asked: list[str] = []

    def endpoint(self, identifier: str, role: Role) -> str | None:
        del identifier, role
        return URL

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        del body, correlation_id, to
        assert method == "GET"
        self.asked.append(url)
        assert len(self.asked) < 50, "it goes on and on"
        offset = int(parse_qs(urlsplit(url).query).get("offset", ["0"])[0])
        data, headers = self.page(url, offset)
        return Answer(data=data, location_url=None, headers=headers)


def of(*uids: int) -> list[object]:
    return [{"uid": uid} for uid in uids]


def linked(url: str) -> dict[str, str]:
    return {"link": f'<{url}>; rel="next"'}


async def crawl(lister: Lister) -> tuple[list[int], str]:
    """What came, and why it broke off."""
    found: list[int] = []
    try:
        async for item in pulled(lister, URL):
            assert isinstance(item, dict)
            found.append(int(item["uid"]))
    except BrokenOff as error:
        return found, str(error)
    return found, ""


def paged(count: int, size: int, *, total: bool = True, link: bool = True) -> Callable[..., Page]:
    def page(url: str, offset: int) -> Page:
        del url
        headers = {"x-total-count": str(count)} if total else {}
        if link and offset + size < count:
            headers |= linked(f"{URL}?offset={offset + size}&limit={size}")
        return of(*range(offset, min(offset + size, count))), headers

    return page


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(paged(7, 3), id="as the specification says"),
        pytest.param(paged(7, 3, total=False), id="no total"),
        pytest.param(paged(7, 3, link=False), id="no Link, but a total"),
        pytest.param(paged(7, 9), id="one page"),
    ],
)
async def test_everything_comes_once(page: Callable[[str, int], Page]) -> None:
    assert await crawl(Lister(page)) == (list(range(7)), "")


@pytest.mark.parametrize(
    ("link", "says"),
    [
        pytest.param(f'<{URL}>; rel="next"', "circle", id="to itself"),
        pytest.param('<https://evil.example/t?offset=3>; rel="next"', "stay", id="elsewhere"),
        pytest.param('<https://b.example:8443/t>; rel="next"', "stay", id="another port"),
        pytest.param('<https://[nonsense>; rel="next"', "stay", id="no URL"),
        pytest.param('<>; rel="next"', "stay", id="empty"),
        pytest.param("next: page 2", "stay", id="no link at all"),
    ],
)
async def test_a_broken_link_ends_the_pull(link: str, says: str) -> None:
    """What came is there, and it is known that something is missing; no token goes elsewhere."""
    lister = Lister(lambda url, offset: (of(1, 2), {"link": link}))
    found, trouble = await crawl(lister)
    assert found == [1, 2]
    assert says in trouble
    assert len(lister.asked) == 1


@pytest.mark.parametrize(
    ("link", "target"),
    [
        pytest.param("<?offset=2>; rel=next", f"{URL}?offset=2", id="relative, no quotes"),
        pytest.param(
            f'<{URL}>; rel="first", <{URL}?offset=2>;rel="next last"', f"{URL}?offset=2", id="many"
        ),
        pytest.param(
            '<http://b.example/tokens?offset=2>; rel="next"', f"{URL}?offset=2", id="TLS forgotten"
        ),
        pytest.param(f'<{URL}?offset=2>; rel="prev"', None, id="not the next"),
    ],
)
async def test_a_link_is_read_as_it_may_be_written(link: str, target: str | None) -> None:
    def page(url: str, offset: int) -> Page:
        del url
        return (of(1), {"link": link}) if offset == 0 else (of(2), {})

    lister = Lister(page)
    found, trouble = await crawl(lister)
    assert trouble == ""
    assert lister.asked[1:] == ([] if target is None else [target])
    assert found == ([1] if target is None else [1, 2])


async def test_links_without_an_end_are_left() -> None:
    """Two pages that point at each other are read once each."""

    def page(url: str, offset: int) -> Page:
        del url
        return of(offset), linked(f"{URL}?offset={5 if offset == 0 else 0}")

    lister = Lister(page)
    found, trouble = await crawl(lister)
    assert found == [0, 5]
    assert "circle" in trouble
    assert len(lister.asked) == 3


async def test_a_list_that_shrinks_is_looked_at_again() -> None:
    """One of the first page goes: the object that slid to its end is not missed, none is double."""
    everything = list(range(9))
    lister: Lister

    def page(url: str, offset: int) -> Page:
        del url
        if len(lister.asked) == 2 and 1 in everything:
            everything.remove(1)
        headers = {"x-total-count": str(len(everything))}
        if offset + 3 < len(everything):
            headers |= linked(f"{URL}?offset={offset + 3}")
        return of(*everything[offset : offset + 3]), headers

    lister = Lister(page)
    found, trouble = await crawl(lister)
    assert trouble == ""
    assert sorted(found) == list(range(9))
    assert len(found) == 9


@pytest.mark.parametrize(
    ("data", "found"),
    [
        pytest.param({"uid": 1}, [1], id="an object where a list belongs"),
        pytest.param(None, [], id="nothing"),
        pytest.param([{"uid": 1}, None, "x", {"uid": 2}], [1, 2], id="rubbish in between"),
    ],
)
async def test_what_is_good_is_taken(data: object, found: list[int]) -> None:
    assert await crawl(Lister(lambda url, offset: (data, {}))) == (found, "")


async def test_the_time_since_when_is_asked_for() -> None:
    lister = Lister(lambda url, offset: ([], {}))
    since = datetime(2027, 3, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    assert [item async for item in pulled(lister, f"{URL}?limit=5", date_from=since)] == []
    assert lister.asked == [f"{URL}?limit=5&date_from=2027-03-01T12%3A00%3A00.500Z"]


async def test_a_page_that_cannot_be_had_is_an_error() -> None:
    """Whoever pulls knows that the list is not whole."""

    def page(url: str, offset: int) -> Page:
        if offset:
            raise ServerFailed(url)
        return of(1), linked(f"{URL}?offset=1")

    items = pulled(Lister(page), URL)
    assert await anext(items) == {"uid": 1}
    with pytest.raises(ServerFailed):
        await anext(items)
