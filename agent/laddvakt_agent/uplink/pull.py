"""Pulls a list page by page, whatever its server makes of paging.

Source: transport_and_format, Pagination.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

import msgspec
import structlog

from laddvakt_agent.uplink.answers import Answer, origin
from laddvakt_agent.uplink.errors import BrokenOff
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.text import date_time

MOST_PAGES = 10_000
_LAST = 3  # pages whose objects are known again: a look back reaches no further
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^,;<>]*)*)")
_NEXT = re.compile(r""";\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next)\s*(?:;|$)""", re.IGNORECASE)

log = structlog.get_logger()


async def pulled(
    out: Outward, url: str, *, date_from: datetime | None = None
) -> AsyncIterator[object]:
    """Every object of every page, each once; what is no object is told and left out.

    `date_from`: only those changed since then, aware.

    Raises:
        BrokenOff: the list ends before its end; at the end of what came.
        UplinkError: a page could not be had.
    """
    if date_from is not None:
        url = _with(url, date_from=date_time(date_from))
    crawl = _Crawl(url)
    while crawl.url is not None:
        answer = await out.send("GET", crawl.url)
        for item in crawl.taken(answer):
            yield item
    if crawl.trouble:
        log.warning("list_broken_off", platform=out.name, url=url, reason=crawl.trouble)
        raise BrokenOff(f"GET {url}: {crawl.trouble}")


@dataclass(slots=True)
class _Crawl:
    """Where it is, and what came last."""

    url: str | None  # the next page; `None`: over
    trouble: str = ""
    _visited: set[str] = field(default_factory=set)
    _total: int | None = None
    _offset: int = 0  # of the page that is asked for
    _last: deque[frozenset[bytes]] = field(default_factory=lambda: deque(maxlen=_LAST))
    _pages: int = 0

    def taken(self, answer: Answer) -> Iterator[object]:
        """The new objects of a page; then `url` is the next one."""
        url, items = self.url or "", self._items(answer.data)
        self._visited.add(url)
        self._pages += 1
        total = _whole(answer.headers.get("x-total-count"))
        fallen = 0 if total is None or self._total is None else self._total - total
        self._total = total if total is not None else self._total
        page = {msgspec.json.encode(item, order="deterministic"): item for item in items}
        before = frozenset[bytes]().union(*self._last)
        for key, item in page.items():
            if key not in before:
                yield item
        known = before >= page.keys()
        self._last.append(frozenset(page))
        if fallen > 0 and self._offset > 0:
            self._again(url, fallen)
        else:
            self._onward(url, answer.headers.get("link", ""), len(items), stuck=known)

    def _items(self, data: object) -> list[dict[str, object]]:
        """The objects of a page; one alone may come without its list."""
        if data is None:
            return []
        listed = data if isinstance(data, list) else [data]
        items = [item for item in listed if isinstance(item, dict)]
        if len(items) < len(listed):
            log.warning("list_has_no_objects", url=self.url, count=len(listed) - len(items))
        return items

    def _again(self, url: str, fallen: int) -> None:
        """Something before this page has gone and moved the rest up: look that far back."""
        self._offset = max(0, self._offset - fallen)
        self._go(_with(url, offset=str(self._offset)), "the list shrinks while it is read")

    def _onward(self, url: str, link: str, count: int, *, stuck: bool) -> None:
        named = _next(link)
        if named is None:
            self._without_link(url, count, stuck=stuck)
            return
        target = _same_server(url, named)
        if target is None:
            self._end(f"its Link does not stay with it: {named[:200]!r}")
            return
        offset = dict(parse_qsl(urlsplit(target).query)).get("offset")
        known = _whole(offset)
        self._offset = self._offset + count if known is None else known
        self._go(target, "its Links lead in a circle")

    def _without_link(self, url: str, count: int, *, stuck: bool) -> None:
        """The last page; some servers give the total and no Link, though there is more."""
        reached = self._offset + count
        if self._total is None or reached >= self._total or not count or stuck:
            self.url = None
            return
        self._offset = reached
        self._go(_with(url, offset=str(reached)), "it repeats itself")

    def _go(self, target: str, otherwise: str) -> None:
        if target in self._visited:
            self._end(otherwise)
        elif self._pages >= MOST_PAGES:
            self._end(f"it has more than {MOST_PAGES} pages")
        else:
            self.url = target

    def _end(self, trouble: str) -> None:
        self.url, self.trouble = None, trouble


def _next(header: str) -> str | None:
    """Where rel="next" points; "" where that cannot be read."""
    if not header:
        return None
    for target, parameters in _LINK.findall(header):
        if _NEXT.search(parameters):
            return str(target).strip()
    return "" if "next" in header.lower() else None


def _same_server(url: str, named: str) -> str | None:
    """The next page's URL, where it is one of the same server.

    A server behind a proxy may believe that it is called without TLS: it is called as before.
    """
    if not named:
        return None
    try:
        target = urlsplit(urljoin(url, named))
        here = urlsplit(url)
        if (target.scheme, here.scheme) == ("http", "https") and target.netloc == here.netloc:
            target = target._replace(scheme="https")
        whole = urlunsplit(target._replace(fragment=""))
        return whole if origin(whole) == origin(url) else None
    except ValueError:
        return None


def _with(url: str, **parameters: str) -> str:
    parts = urlsplit(url)
    query = [pair for pair in parse_qsl(parts.query) if pair[0] not in parameters]
    return urlunsplit(parts._replace(query=urlencode([*query, *parameters.items()])))


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdecimal() else None
