"""Tariffs as others pull them; mod_tariffs, Sender Interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from laddvakt_agent.ledger.history import to_ms
from laddvakt_agent.ledger.shown import ShownRow
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.paging import cut, paged
from laddvakt_agent.uplink.server.stamps import Known, bare, digest_of, from_ms, stamp_of
from laddvakt_agent.uplink.server.view import View, only_get, sound
from laddvakt_agent.uplink.serving import Asked, Caller, Reply, Role
from laddvakt_agent.uplink.text import date_time, from_date_time
from laddvakt_agent.uplink.version import Version

KIND = "tariff"


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffsSender:
    """Every tariff of this station, in the order of the configuration."""

    view: View
    configured: Callable[[], bool]
    tariffs: Callable[[Caller], tuple[Content, ...]]  # what a caller may see, with its time
    identifier: str = "tariffs"
    role: Role = Role.SENDER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        """Only where there are tariffs at all."""
        return caller.exchanges(self.identifier) and self.configured()

    async def answer(self, asked: Asked) -> Reply:
        """GET of the list.

        Raises:
            Refused: it cannot be read.
        """
        only_get(asked, 0)
        view, caller = self.view, asked.caller
        part = cut(asked.query, view.page)
        contents = {str(one["id"]): one for one in self.tariffs(caller)}
        told, now = view.told(caller.name), view.wall()

        def dated() -> list[Content]:
            shown = view.ledger.shown.find(caller.name, KIND, contents)
            rows: list[ShownRow] = []
            for tariff_id, content in contents.items():
                known = [] if told is None else [told.known(KIND, tariff_id)]
                before = shown.get(tariff_id)
                if before is not None:
                    known.append(Known(before.digest, from_ms(before.stamp_ms)))
                digest = digest_of(bare(content))
                changed_at = from_date_time(str(content["last_updated"]))
                stamp = stamp_of(digest, changed_at, [one for one in known if one], now)
                contents[tariff_id] = {**content, "last_updated": date_time(stamp)}
                rows.append(
                    ShownRow(
                        party=caller.name,
                        kind=KIND,
                        object_id=tariff_id,
                        stamp_ms=to_ms(stamp),
                        digest=digest,
                    )
                )
            view.keep([row for row in rows if shown.get(row.object_id) != row])
            return list(contents.values())

        listed = [
            one
            for one in await view.read(dated)
            if part.holds(from_date_time(str(one["last_updated"])))
        ]
        settings = view.settings(caller)
        page = listed[part.offset : part.offset + part.limit]
        bodies = (sound(settings, "Tariff", one) for one in page)
        return paged(asked, part, view.page, len(listed), [one for one in bodies if one])
