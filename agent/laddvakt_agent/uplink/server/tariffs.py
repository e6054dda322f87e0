"""Tariffs as others pull them; mod_tariffs, Sender Interface."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from laddvakt_agent.ledger.history import to_ms
from laddvakt_agent.ledger.shown import ShownRow
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.paging import cut, paged
from laddvakt_agent.uplink.server.stamps import bare, digest_of, known_of, stamp_of
from laddvakt_agent.uplink.server.view import Told, View, only_get, sound
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
        listed = [
            one
            for one in await view.read(lambda: self._dated(caller, contents, told, now))
            if part.holds(from_date_time(str(one["last_updated"])))
        ]
        settings = view.settings(caller)
        page = listed[part.offset : part.offset + part.limit]
        bodies = (sound(settings, "Tariff", one) for one in page)
        return paged(asked, part, view.page, len(listed), [one for one in bodies if one])

    def _dated(
        self, caller: Caller, contents: dict[str, Content], told: Told | None, now: datetime
    ) -> list[Content]:
        """The tariffs with the times that this caller knows; in the ledger's thread."""
        shown = self.view.ledger.shown.find(caller.name, KIND, contents)
        dated, rows = [], []
        for tariff_id, content in contents.items():
            digest = digest_of(bare(content))
            known = known_of(
                None if told is None else told.known(KIND, tariff_id), shown.get(tariff_id)
            )
            stamp = stamp_of(digest, from_date_time(str(content["last_updated"])), known, now)
            dated.append({**content, "last_updated": date_time(stamp)})
            rows.append(
                ShownRow(
                    party=caller.name,
                    kind=KIND,
                    object_id=tariff_id,
                    stamp_ms=to_ms(stamp),
                    digest=digest,
                )
            )
        self.view.keep([row for row in rows if shown.get(row.object_id) != row])
        return dated
