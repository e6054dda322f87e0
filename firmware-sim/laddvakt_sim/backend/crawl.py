"""Pulls one of the agent's lists to its end and looks at every page and object strictly."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from laddvakt_sim.backend.rules import check_rules
from laddvakt_sim.backend.validate import Json, check, moment

if TYPE_CHECKING:
    from laddvakt_sim.backend.agreement import Agreement
    from laddvakt_sim.backend.caller import Caller, Heard

CLASSES: Final = {
    "locations": "Location",
    "sessions": "Session",
    "cdrs": "CDR",
    "tariffs": "Tariff",
    "faults": "Fault",
}
_FILTERS: Final = ("date_from", "date_to")
_MOST_PAGES: Final = 2000
_LINK: Final = re.compile(r'<([^<>\s]+)>\s*;\s*rel="?next"?')


class CrawlError(Exception):
    """It cannot begin; the message says why."""


@dataclass(slots=True, kw_only=True)
class _Crawl:
    """What has been found so far."""

    module: str
    version: str
    query: dict[str, str]
    objects: list[Json] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    requests: int = 0
    total: int | None = None
    seen: set[str] = field(default_factory=set)

    def shown(self) -> dict[str, Json]:
        return {
            "count": len(self.objects),
            "objects": self.objects,
            "errors": list(self.errors),
            "requests": self.requests,
        }


async def crawl(
    caller: Caller, current: Agreement, identifier: str, wish: dict[str, Json]
) -> dict[str, Json]:
    """`wish` is `{"module", "date_from"?, "date_to"?, "offset"?, "limit"?}`.

    Raises:
        CrawlError: the module is unknown or not offered.
        CallError: no answer.
    """
    module = str(wish.get("module"))
    url = current.url(identifier, "SENDER") if module in CLASSES else None
    if url is None:
        raise CrawlError(f"module: one of {', '.join(CLASSES)} that the agent offers is required")
    query = {
        name: str(wish[name])
        for name in (*_FILTERS, "offset", "limit")
        if wish.get(name) is not None
    }
    state = _Crawl(module=module, version=current.version, query=query)
    following: str | None = url
    asked: dict[str, str] | None = query
    visited: set[str] = set()
    while following is not None and state.requests < _MOST_PAGES:
        if following in visited:
            state.errors.append(f"Link: leads back to {following}")
            break
        visited.add(following)
        heard = await caller.ask(
            "GET", following, current.we_show, module=module, to=current.party(), query=asked
        )
        state.requests += 1
        asked = None
        following = _page(state, heard, url)
    if not state.errors and state.total != len(state.objects) + int(query.get("offset", "0")):
        state.errors.append(f"X-Total-Count: {state.total}, but {len(state.objects)} objects came")
    return state.shown()


def _page(state: _Crawl, heard: Heard, url: str) -> str | None:
    """Judge a page; the URL of the next one."""
    where = f"page {state.requests}"
    state.errors += [f"{where}: {problem}" for problem in heard.errors]
    if not heard.ok or not isinstance(heard.data, list):
        state.errors.append(f"{where}: {heard.told()}, a list is required as data")
        return None
    limit = _count(state, heard, "X-Limit", where)
    total = _count(state, heard, "X-Total-Count", where)
    wanted = int(state.query.get("limit", "1000000000"))
    if limit is not None and len(heard.data) > min(limit, wanted):
        state.errors.append(f"{where}: {len(heard.data)} objects, at most {min(limit, wanted)}")
    if state.total is not None and total is not None and total < state.total:
        state.errors.append(f"{where}: X-Total-Count fell from {state.total} to {total}")
    state.total = total
    for item in heard.data:
        _object(state, item, where)
    return _following(state, heard, url, where)


def _count(state: _Crawl, heard: Heard, name: str, where: str) -> int | None:
    text = heard.headers.get(name, "")
    if text.isdecimal():
        return int(text)
    state.errors.append(f"{where}: {name}: a whole number is required, got {text!r}")
    return None


def _object(state: _Crawl, item: Json, where: str) -> None:
    class_name = CLASSES[state.module]
    problems = check(class_name, item, version=state.version)
    name = "?"
    if isinstance(item, dict):
        problems = problems or check_rules(class_name, item)
        name = str(item.get("id"))
        parts = (item.get("country_code"), item.get("party_id"), item.get("id"))
        key = "/".join(str(part) for part in parts).lower()
        if key in state.seen:
            problems.append("came twice")
        state.seen.add(key)
        problems += _outside(state, item)
    state.objects.append(item)
    state.errors += [f"{where}: {class_name} {name}: {problem}" for problem in problems]


def _outside(state: _Crawl, item: dict[str, Json]) -> list[str]:
    """date_from is inclusive, date_to exclusive."""
    stamp = moment(item.get("last_updated"))
    begin, end = (moment(state.query.get(name)) for name in _FILTERS)
    if stamp is None:
        return []
    too_old = begin is not None and stamp < begin
    too_new = end is not None and stamp >= end
    return [f"last_updated: {item['last_updated']} is outside what was asked"] * (
        too_old or too_new
    )


def _following(state: _Crawl, heard: Heard, url: str, where: str) -> str | None:
    header = heard.headers.get("Link")
    offset = int(state.query.get("offset", "0"))
    is_last = state.total is None or offset + len(state.objects) >= state.total
    if header is None:
        if not is_last:
            state.errors.append(f"{where}: Link is missing, {state.total} objects are promised")
        return None
    match = _LINK.fullmatch(header.strip())
    if match is None:
        state.errors.append(f'{where}: Link: <URL>; rel="next" is required, got {header!r}')
        return None
    if is_last:
        state.errors.append(f"{where}: Link on the last page")
    following = match[1]
    there, here = urlsplit(following), urlsplit(url)
    if (there.scheme, there.netloc) != (here.scheme, here.netloc):
        state.errors.append(f"{where}: Link leads elsewhere: {following}")
        return None
    kept = parse_qs(there.query)
    for name in _FILTERS:
        wanted = state.query.get(name)
        if kept.get(name) != (None if wanted is None else [wanted]):
            state.errors.append(f"{where}: Link does not keep {name}={wanted}")
    return following
