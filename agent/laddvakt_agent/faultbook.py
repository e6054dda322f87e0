"""One book of faults for the whole station: the same fault seen by two connectors is one fault."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from laddvakt_agent.core.catalogue import FaultRule, SubjectKind, rule_for
from laddvakt_agent.core.diagnose import causes
from laddvakt_agent.core.inputs import DeviceHealth
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.published import FaultReport

Identity = tuple[str, str]  # (code, subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One standing fault with everything people want to know about it."""

    id: str
    fault: ActiveFault
    connectors: frozenset[str]  # empty: it stood before a restart and was not seen again yet
    started_at: datetime
    changed_at: datetime
    cause: str
    symptoms: tuple[str, ...] = ()
    cleared_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class FaultBook:
    """Standing faults by identity, and what became of the latest ones."""

    rules: Mapping[str, FaultRule]
    evse_uids: Mapping[str, str]  # connector id → EVSE uid
    save: Callable[[Entry], None]
    devices: tuple[DeviceHealth, ...] = ()  # which device sits on which line
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)  # device, line → connectors
    entries: dict[Identity, Entry] = field(default_factory=dict)
    recent: list[Entry] = field(default_factory=list)  # cleared ones, newest last

    def inherit(self, entries: Iterable[Entry]) -> None:
        """Take over what stood when the agent last stopped, so that a fault keeps its id."""
        for entry in entries:
            self.entries[entry.fault.code, entry.fault.subject] = entry

    def raised(self, connector: str, fault: ActiveFault, at: datetime) -> None:
        """`connector` sees this fault now, or sees it changed."""
        identity = (fault.code, fault.subject)
        known = self.entries.get(identity)
        if known is None:
            entry = Entry(
                id=str(uuid.uuid4()),
                fault=fault,
                connectors=frozenset({connector}),
                started_at=at,
                changed_at=at,
                cause=fault.code,
            )
        else:
            connectors = known.connectors | {connector}
            entry = replace(known, fault=fault, connectors=connectors, changed_at=at)
        self.entries[identity] = entry
        self._diagnose(at, touched=identity)

    def cleared(self, connector: str, code: str, subject: str, at: datetime) -> None:
        """`connector` no longer sees it; the fault ends when nobody does."""
        known = self.entries.get((code, subject))
        if known is None:
            return
        left = known.connectors - {connector}
        if left:
            self.entries[code, subject] = replace(known, connectors=left)
            return
        self._end(known, at)

    def drop_unseen(self, at: datetime) -> None:
        """End what was inherited and has not been seen again since the start."""
        for entry in [entry for entry in self.entries.values() if not entry.connectors]:
            self._end(entry, at)

    def of(self, connector: str) -> tuple[Entry, ...]:
        """The standing faults this connector sees, oldest first."""
        seen = [entry for entry in self.entries.values() if connector in entry.connectors]
        return tuple(sorted(seen, key=lambda entry: entry.started_at))

    def first_cause(self, connector: str | None) -> str:
        """The cause to name first, of a connector or of the station; "none" where none stands."""
        entries = self.of(connector) if connector else tuple(self.entries.values())
        oldest = min(entries, key=lambda entry: entry.started_at, default=None)
        return "none" if oldest is None else oldest.cause

    def reports(self) -> tuple[FaultReport, ...]:
        """Standing faults and the latest cleared ones, for backend and pages."""
        return tuple(self._report(entry) for entry in (*self.recent, *self.entries.values()))

    def _end(self, entry: Entry, at: datetime) -> None:
        identity = (entry.fault.code, entry.fault.subject)
        del self.entries[identity]
        ended = replace(entry, cleared_at=at, changed_at=at)
        self.save(ended)
        self.recent = [*self.recent, ended][-50:]
        self._diagnose(at, touched=None)

    def _diagnose(self, at: datetime, touched: Identity | None) -> None:
        """Name causes anew: one fault can turn others into its symptoms, or free them."""
        active = tuple(entry.fault for entry in self.entries.values())
        causes_of: dict[Identity, str] = {}
        symptoms_of: dict[Identity, tuple[str, ...]] = {}
        for cause in causes(active, self.devices):
            for fault in (cause.fault, *cause.symptoms):
                causes_of[fault.code, fault.subject] = cause.fault.code
            codes = tuple(symptom.code for symptom in cause.symptoms)
            symptoms_of[cause.fault.code, cause.fault.subject] = codes
        for identity, entry in tuple(self.entries.items()):
            cause_code, symptoms = causes_of[identity], symptoms_of.get(identity, ())
            if (cause_code, symptoms) != (entry.cause, entry.symptoms):
                self.entries[identity] = replace(
                    entry, cause=cause_code, symptoms=symptoms, changed_at=at
                )
            elif identity != touched:
                continue
            self.save(self.entries[identity])

    def _report(self, entry: Entry) -> FaultReport:
        rule = rule_for(self.rules, entry.fault.code)
        connector = self._connector(entry, rule)
        return FaultReport(
            id=entry.id,
            code=entry.fault.code,
            severity=rule.severity.value,
            evse_uid=self.evse_uids.get(connector) if connector else None,
            connector_id=connector,
            started_at=entry.started_at,
            cleared_at=entry.cleared_at,
            cause=entry.cause,
            symptoms=entry.symptoms,
            mrec=rule.mrec,
            ocpp16=rule.ocpp16,
            locked_out=entry.fault.locked_out,
            changed_at=entry.changed_at,
        )

    def _connector(self, entry: Entry, rule: FaultRule) -> str | None:
        """The connector a fault belongs to; what several share belongs to none of them."""
        subject = entry.fault.subject
        if rule.subject_kind is SubjectKind.CONNECTOR:
            return subject if subject in self.evse_uids else None
        owners = self.owners.get(subject, frozenset())
        return next(iter(owners)) if len(owners) == 1 else None
