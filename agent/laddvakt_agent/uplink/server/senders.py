"""Sessions and faults as others pull them: what is going on, and the ledger's history.

Source: mod_sessions, Sender Interface; version_information_endpoint, Custom Modules.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

from laddvakt_agent.ledger.history import FAULT, SESSION
from laddvakt_agent.ledger.rows import FaultRow, SessionRow
from laddvakt_agent.published import FaultReport, SessionRecord, Station
from laddvakt_agent.session_records import session_record
from laddvakt_agent.session_rows import to_session
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.server.listing import Source, listing
from laddvakt_agent.uplink.server.paging import cut, paged
from laddvakt_agent.uplink.server.view import View, only_get
from laddvakt_agent.uplink.serving import Asked, Caller, Reply, Role
from laddvakt_agent.uplink.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionsSender:
    """Every session that is going on or over."""

    view: View
    identifier: str = "sessions"
    role: Role = Role.SENDER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """GET of the list; `date_from` is required.

        Raises:
            Refused: it cannot be read.
        """
        only_get(asked, 0)
        part = cut(asked.query, self.view.page, needs_from=True)
        settings = self.view.settings(asked.caller)
        live = {
            record.id: (objects.session(settings, record), record.changed_at)
            for record in self.view.station().sessions
        }
        history = self.view.ledger.history
        source: Source[SessionRecord] = Source(
            kind=SESSION,
            what="Session",
            listed=history.sessions,
            past=self._past,
            retimed=self._retimed,
            content=objects.session,
        )
        total, data = await listing(
            self.view, asked.caller, part.wanted(asked.caller.name), live, source
        )
        return paged(asked, part, self.view.page, total, data)

    def _past(self, session_id: str) -> SessionRecord | None:
        history = self.view.ledger.history
        bill = history.cdr_of(session_id)
        if bill is not None:
            return bill.session
        row = history.session(session_id)
        return None if row is None else unbilled(row)

    def _retimed(self, records: list[SessionRecord]) -> list[SessionRecord]:
        station = Station(evses=(), sessions=tuple(records), faults=(), cdrs=())
        return list(self.view.retime(station).sessions)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultsSender:
    """The custom module of faults, for those alone with whom it was agreed on."""

    view: View
    identifier: str  # `<country code><party id>-faults`, in lower case
    evse_uids: dict[str, str]  # by connector
    role: Role = Role.SENDER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        """Nobody else may even see that there is such a module."""
        return caller.sees_faults

    async def answer(self, asked: Asked) -> Reply:
        """GET of the list, oldest first.

        Raises:
            Refused: it cannot be read.
        """
        only_get(asked, 0)
        part = cut(asked.query, self.view.page)
        settings = self.view.settings(asked.caller)
        live = {
            report.id: (objects.fault(settings, report), report.changed_at)
            for report in self.view.station().faults
        }
        source: Source[FaultReport] = Source(
            kind=FAULT,
            what="Fault",
            listed=self.view.ledger.history.faults,
            past=self._past,
            retimed=list,
            content=objects.fault,
        )
        total, data = await listing(
            self.view, asked.caller, part.wanted(asked.caller.name), live, source
        )
        return paged(asked, part, self.view.page, total, data)

    def _past(self, fault_id: str) -> FaultReport | None:
        row = self.view.ledger.history.fault(fault_id)
        return None if row is None else self._report(row)

    def _report(self, row: FaultRow) -> FaultReport:
        return FaultReport(
            id=row.id,
            code=row.code,
            severity=row.severity,
            evse_uid=self.evse_uids.get(row.connector or ""),
            connector_id=row.connector,
            started_at=row.since_wall,
            cleared_at=row.cleared_wall,
            cause=row.cause,
            symptoms=row.symptoms,
            mrec=row.mrec,
            ocpp16=row.ocpp16,
            locked_out=row.locked_out,
            changed_at=row.changed_wall,
        )


def unbilled(row: SessionRow) -> SessionRecord:
    """A session that is over and never gets a bill."""
    record = session_record(
        to_session(row),
        evse_uid=row.evse_uid,
        token=row.token,
        auth_method=row.auth_method,
        meter_id=row.meter_id,
        wall_at=lambda second: row.begun_wall + timedelta(seconds=second - row.begun_s),
        changed_at=row.ended_wall or row.begun_wall,
    )
    return replace(record, authorization_reference=row.authorization_reference)
