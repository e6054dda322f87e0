"""One page of objects of which some may still change and the rest is in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from laddvakt_agent.ledger.history import Page, Place, Wanted, to_ms
from laddvakt_agent.ledger.shown import ShownRow
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.stamps import Known, digest_of, from_ms, known_of, stamp_of
from laddvakt_agent.uplink.server.view import View, sound
from laddvakt_agent.uplink.serving import Caller
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_agent.uplink.text import date_time

R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Generic[R]):
    """Where objects of one kind come from; `listed` and `past` work on the ledger's thread."""

    kind: str
    what: str  # OCPI's name of the object
    listed: Callable[[Wanted, Sequence[Place]], Page]
    past: Callable[[str], R | None]  # the record of something that is over
    retimed: Callable[[list[R]], list[R]]  # its times by what is known of the clock now
    content: Callable[[UplinkSettings, R], Content]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Live:
    content: Content
    changed_at: datetime
    digest: str
    told: Known | None


async def listing(
    view: View,
    caller: Caller,
    wanted: Wanted,
    live: Mapping[str, tuple[Content, datetime]],
    source: Source[R],
) -> tuple[int, list[Content]]:
    """How many objects there are in all, and those of the page; `live`: content and its change.

    Raises:
        Refused: the ledger cannot be read.
    """
    await view.noted()
    told, now = view.told(caller.name), view.wall()
    mine = {
        object_id: _Live(
            content=content,
            changed_at=changed_at,
            digest=digest_of(content),
            told=None if told is None else told.known(source.kind, object_id),
        )
        for object_id, (content, changed_at) in live.items()
    }

    def find() -> tuple[Page, list[R]]:
        shown = view.ledger.shown.find(caller.name, source.kind, mine)
        places = [_place(name, one, shown.get(name), now) for name, one in mine.items()]
        page = source.listed(wanted, places)
        view.keep(list(_news(caller.name, source.kind, page, mine, shown)))
        past = [source.past(p.object_id) for p in page.places if p.object_id not in mine]
        return page, [record for record in past if record is not None]

    page, past = await view.read(find)
    settings = view.settings(caller)
    records = source.retimed(past)
    rebuilt = iter(await view.read(lambda: [source.content(settings, r) for r in records]))
    bodies: list[Content] = []
    for place in page.places:
        one = mine.get(place.object_id)
        content = next(rebuilt) if one is None else one.content
        stamped = {**content, "last_updated": date_time(from_ms(place.stamp_ms))}
        body = sound(settings, source.what, stamped)
        bodies += [] if body is None else [body]
    return page.total, bodies


def _place(object_id: str, one: _Live, shown: ShownRow | None, now: datetime) -> Place:
    stamp = stamp_of(one.digest, one.changed_at, known_of(one.told, shown), now)
    return Place(object_id=object_id, stamp_ms=to_ms(stamp))


def _news(
    party: str,
    kind: str,
    page: Page,
    mine: Mapping[str, _Live],
    shown: Mapping[str, ShownRow],
) -> Iterator[ShownRow]:
    """What must be written down before the page is shown."""
    for place in page.places:
        one = mine.get(place.object_id)
        if one is None:
            continue
        row = ShownRow(
            party=party,
            kind=kind,
            object_id=place.object_id,
            stamp_ms=place.stamp_ms,
            digest=one.digest,
        )
        if shown.get(place.object_id) != row:
            yield row
