"""What a platform should know of the published station, turned into the book's objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.book import Kind
from laddvakt_agent.uplink.text import identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from laddvakt_agent.published import CdrRecord, EvseState, FaultReport, Station
    from laddvakt_agent.uplink.book import Book
    from laddvakt_agent.uplink.objects import Content
    from laddvakt_agent.uplink.settings import UplinkSettings

_log = structlog.get_logger(__name__)


class Wanted:
    """Sets a book's wishes; of what the platform has no module for, nothing is wished."""

    def __init__(self, settings: UplinkSettings, book: Book, wall: Callable[[], datetime]) -> None:
        self._settings = settings
        self._book = book
        self._wall = wall
        self.unbuildable: set[str] = set()  # CDRs that the configuration does not let us write

    def take(self, station: Station) -> None:
        """Turn the station into wanted objects; what did not change is not built again."""
        urls = self._settings.endpoints
        if urls.locations is not None:
            self._location(station)
        if urls.sessions is not None:
            self._sessions(station)
        if urls.faults is not None:
            self._faults(station)
        if urls.cdrs is not None:
            self._cdrs(station.cdrs)

    def take_tariffs(self, tariffs: Mapping[str, Content]) -> None:
        """The tariffs there are now, by id, without `last_updated`; one told before goes."""
        if self._settings.endpoints.tariffs is None:
            return
        now = self._wall()
        gone: dict[str, Content] = {
            told: {} for told in self._book.told(Kind.TARIFF) if told not in tariffs
        }
        for tariff_id, content in {**gone, **tariffs}.items():
            self._book.want(Kind.TARIFF, tariff_id, content, changed_at=now, source=content)
        self._book.retain(Kind.TARIFF, {**gone, **tariffs})

    def _location(self, station: Station) -> None:
        place = self._settings.location
        if self._book.find(Kind.LOCATION, place.id) is None:
            fixed = objects.location(self._settings, {})
            now = self._wall()
            self._book.want(Kind.LOCATION, place.id, fixed, changed_at=now, source=place)
        for state in station.evses:
            self._book.want(
                Kind.EVSE,
                state.uid,
                self._evse(state, station.faults),
                changed_at=self._changed_at(state, station.faults),
                source=state,
            )

    def _evse(self, state: EvseState, faults: Iterable[FaultReport]) -> Content:
        """What changes of an EVSE: its status, and where it was agreed on, what stands against it.

        An additional field is conformant from 2.3.0 on: transport_and_format, Non-specified JSON
        fields.
        """
        content: Content = {"status": state.status.value}
        standing = objects.evse_faults(self._settings, state.uid, faults)
        return {**content, "faults": standing} if standing else content

    def _changed_at(self, state: EvseState, faults: Iterable[FaultReport]) -> datetime:
        if not self._settings.faults_inside:
            return state.changed_at
        here = (one.changed_at for one in faults if one.evse_uid in {None, state.uid})
        return max((state.changed_at, *here))

    def _sessions(self, station: Station) -> None:
        for record in station.sessions:
            if not self._known(Kind.SESSION, identifier(record.id, 36), record):
                content = objects.session(self._settings, record)
                object_id = str(content["id"])
                self._book.want(
                    Kind.SESSION,
                    object_id,
                    content,
                    changed_at=record.changed_at,
                    source=record,
                )
        self._retain(Kind.SESSION, (record.id for record in station.sessions))

    def _faults(self, station: Station) -> None:
        for report in station.faults:
            if not self._known(Kind.FAULT, identifier(report.id, 36), report):
                content = objects.fault(self._settings, report)
                self._book.want(
                    Kind.FAULT,
                    str(content["id"]),
                    content,
                    changed_at=report.changed_at,
                    source=report,
                )
        self._retain(Kind.FAULT, (report.id for report in station.faults))

    def _cdrs(self, records: Iterable[CdrRecord]) -> None:
        ids = []
        self.unbuildable.intersection_update(record.id for record in records)
        for record in records:
            ids.append(objects.cdr_id(record))
            if self._known(Kind.CDR, ids[-1], record) or record.id in self.unbuildable:
                continue
            follows = objects.follows(record)
            try:
                content = objects.cdr(self._settings, record)
                if record.credits is not None and follows is not None:
                    content = objects.as_told(content, self._book.body(Kind.CDR, follows))
            except ValueError as error:
                _log.error(
                    "cdr_not_built",
                    cdr=record.id,
                    reason=str(error),
                    remedy="put its EVSE and connector back into the configuration and restart: "
                    "the CDR is kept until then",
                )
                self.unbuildable.add(record.id)
                continue
            self._book.want(
                Kind.CDR,
                str(content["id"]),
                content,
                changed_at=record.created_at,
                source=record,
                follows=follows,
            )
        self._book.retain(Kind.CDR, ids)

    def _known(self, kind: Kind, object_id: str, record: object) -> bool:
        entry = self._book.find(kind, object_id)
        return entry is not None and entry.source == record

    def _retain(self, kind: Kind, record_ids: Iterable[str]) -> None:
        self._book.retain(kind, (identifier(record_id, 36) for record_id in record_ids))
