"""CDRs as others pull them; mod_cdrs, Sender Interface. One that was told never changes."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog

from laddvakt_agent.ledger.history import CDR, Page, Wanted, to_ms
from laddvakt_agent.ledger.shown import OWN, ShownRow
from laddvakt_agent.published import CdrRecord, Station
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.server.paging import cut, paged
from laddvakt_agent.uplink.server.view import View, only_get
from laddvakt_agent.uplink.serving import Asked, Caller, Reply, Role
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_agent.uplink.text import from_date_time
from laddvakt_agent.uplink.version import Version

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class CdrsSender:
    """Every bill; one whose times may still move waits until the clock is set."""

    view: View
    identifier: str = "cdrs"
    role: Role = Role.SENDER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """GET of the list.

        Raises:
            Refused: it cannot be read.
        """
        only_get(asked, 0)
        view, caller = self.view, asked.caller
        part = cut(asked.query, view.page)
        await view.noted()
        wanted, hidden = part.wanted(caller.name), view.hidden_boot()
        page, records, bodies = await view.read(lambda: self._read(wanted, hidden))
        retimed = view.retime(Station(evses=(), sessions=(), faults=(), cdrs=tuple(records))).cdrs
        told = view.told(caller.name)
        first = bodies if told is not None and told.version is caller.version else {}
        settings = view.settings(caller)
        data = await view.read(lambda: self._contents(settings, retimed, first, page))
        return paged(asked, part, view.page, page.total, data)

    def _read(
        self, wanted: Wanted, hidden: str | None
    ) -> tuple[Page, list[CdrRecord], dict[str, str]]:
        """On the ledger's thread: the page, its bills, and those already told as they were told."""
        history = self.view.ledger.history
        page = history.cdrs(wanted, without_boot=hidden)
        found = [history.cdr(place.object_id) for place in page.places]
        records = [record for record in found if record is not None]
        ids = {r.id for r in records} | {r.credits for r in records if r.credits is not None}
        told = {cdr_id: history.told_body(wanted.party, CDR, cdr_id) for cdr_id in ids}
        return page, records, {cdr_id: body for cdr_id, body in told.items() if body}

    def _contents(
        self,
        settings: UplinkSettings,
        records: tuple[CdrRecord, ...],
        told: dict[str, str],
        page: Page,
    ) -> list[Content]:
        """On the ledger's thread; a time that became known better since it was noted is noted."""
        noted_ms = {place.object_id: place.stamp_ms for place in page.places}
        contents: list[Content] = []
        news: list[ShownRow] = []
        for record in records:
            content = self._content(settings, record, told)
            if content is None:
                continue
            contents.append(content)
            stamp_ms = to_ms(from_date_time(str(content["last_updated"])))
            if stamp_ms != noted_ms[record.id]:
                news.append(ShownRow(party=OWN, kind=CDR, object_id=record.id, stamp_ms=stamp_ms))
        self.view.keep(news)
        return contents

    def _content(
        self, settings: UplinkSettings, record: CdrRecord, told: dict[str, str]
    ) -> Content | None:
        if (body := _decoded(told, record.id)) is not None:
            return body
        try:
            content = objects.cdr(settings, record)
            if record.credits is None:
                return content
            return objects.as_told(content, _decoded(told, record.credits))
        except ValueError as error:
            log.error(
                "cdr_not_shown",
                cdr=record.id,
                reason=str(error),
                remedy="put its EVSE and connector back into the configuration and restart",
            )
            return None


def _decoded(told: dict[str, str], cdr_id: str) -> Content | None:
    return msgspec.json.decode(told[cdr_id], type=dict) if cdr_id in told else None
