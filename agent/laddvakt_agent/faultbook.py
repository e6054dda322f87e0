"""One book of faults for the whole station: the same fault seen by two connectors is one fault."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from laddvakt_agent.core.diagnose.causes import Cause, diagnose
from laddvakt_agent.core.diagnose.picture import Beside, Past, Picture, follow
from laddvakt_agent.core.faults.catalogue import FaultRule, SubjectKind, rule_for
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.published import FaultReport

Identity = tuple[str, str]  # (code, subject)
LOOK_AGAIN_S = 5.0  # what time alone changes in a diagnosis is seen after so long at the latest
PAST_KEPT = 50
SAME_START = timedelta(seconds=60)  # a fault is told so long after it began, at most


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
    because: str = ""  # why its cause explains it; empty where it is the cause itself
    suspected: str = ""  # what its diagnosis is not sure of
    cleared_at: datetime | None = None
    origin: tuple[str, float] | None = None  # an earlier boot and its second when it began
    kept: tuple[datetime | None, ...] = ()  # those of its times that an earlier boot gave it


@dataclass(slots=True, kw_only=True)
class FaultBook:
    """Standing faults by identity, and what became of the latest ones."""

    rules: Mapping[str, FaultRule]
    evse_uids: Mapping[str, str]  # connector id → EVSE uid
    save: Callable[[Entry], None]
    owners: Mapping[str, frozenset[str]] = field(default_factory=dict)  # device, line → connectors
    entries: dict[Identity, Entry] = field(default_factory=dict)
    recent: list[Entry] = field(default_factory=list)  # cleared ones, newest last
    beside: dict[str, Beside] = field(default_factory=dict)  # what each connector did
    past: tuple[Past, ...] = ()  # faults that have cleared, the newest last
    causes: tuple[Cause, ...] = ()  # of what stands now, the one to name first
    now_s: float = 0.0
    looked_s: float = 0.0

    def inherit(self, entries: Iterable[Entry]) -> None:
        """Take over what stood when the agent last stopped, so that a fault keeps its id."""
        for entry in entries:
            self.entries[entry.fault.code, entry.fault.subject] = entry

    def watch(
        self, settings: Settings, life: Life, inputs: Inputs, now_s: float, at: datetime
    ) -> None:
        """What a connector does and sees at this moment; to be called each round, before faults."""
        name = settings.connector
        before = self.beside.get(name, Beside())
        self.beside[name] = follow(settings, life, before, inputs, now_s)
        self.now_s = max(self.now_s, now_s)
        moved = self.beside[name].switchings != before.switchings
        if self.entries and (moved or now_s >= self.looked_s + LOOK_AGAIN_S):
            self._diagnose(at, touched=None)

    def raised(self, connector: str, fault: ActiveFault, at: datetime) -> None:
        """`connector` sees this fault now, or sees it changed."""
        identity = (fault.code, fault.subject)
        self.now_s = max(self.now_s, fault.since_s)
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

    def restamp(
        self, moved: timedelta, when: Callable[[str, float], datetime | None], at: datetime
    ) -> None:
        """More is known of the clock: the times of this boot move, those before are looked up."""
        for identity, entry in self.entries.items():
            self.entries[identity] = restamped(entry, moved, when, at)
        self.recent = [restamped(entry, moved, when, at) for entry in self.recent]

    def of(self, connector: str) -> tuple[Entry, ...]:
        """The standing faults this connector sees, oldest first."""
        seen = [entry for entry in self.entries.values() if connector in entry.connectors]
        return tuple(sorted(seen, key=lambda entry: entry.started_at))

    def first_cause(self, connector: str | None) -> str:
        """The cause to name first, of a connector or of the station; "none" where none stands."""
        mine = {(entry.fault.code, entry.fault.subject) for entry in self.of(connector or "")}
        for cause in self.causes:
            faults = {(fault.code, fault.subject) for fault in (cause.fault, *cause.symptoms)}
            if connector is None or mine & faults:
                return cause.fault.code
        return "none"

    def cause_of(self, entry: Entry) -> tuple[int, str | None]:
        """The place of a standing fault's cause among all, and the id of whom it is shown under.

        A cause that does not stand itself, because it was concluded or has just cleared, is shown
        under the first of its symptoms.
        """
        for place, cause in enumerate(self.causes):
            faults = (cause.fault, *cause.symptoms) if cause.stands else cause.symptoms
            if entry.fault in faults and entry.cleared_at is None:
                return place, self.entries[faults[0].code, faults[0].subject].id
        return len(self.causes), None

    def reports(self) -> tuple[FaultReport, ...]:
        """Standing faults and the latest cleared ones, for backend and pages."""
        return tuple(self._report(entry) for entry in (*self.recent, *self.entries.values()))

    def _end(self, entry: Entry, at: datetime) -> None:
        identity = (entry.fault.code, entry.fault.subject)
        del self.entries[identity]
        self.past = (*self.past, Past(fault=entry.fault, cleared_s=self.now_s))[-PAST_KEPT:]
        ended = replace(entry, cleared_at=at, changed_at=at)
        self.save(ended)
        self.recent = [*self.recent, ended][-50:]
        self._diagnose(at, touched=None)

    def _diagnose(self, at: datetime, touched: Identity | None) -> None:
        """Name causes anew: one fault can turn others into its symptoms, or free them."""
        self.looked_s = self.now_s
        self.causes = diagnose(
            Picture(
                now_s=self.now_s,
                standing=tuple(entry.fault for entry in self.entries.values()),
                past=self.past,
                connectors=self.beside,
                rules=self.rules,
            )
        )
        for entry in [told for cause in self.causes for told in self._told(cause)]:
            identity = (entry.fault.code, entry.fault.subject)
            if entry != self.entries[identity]:
                self.entries[identity] = replace(entry, changed_at=at)
            elif identity != touched:
                continue
            self.save(self.entries[identity])

    def _told(self, cause: Cause) -> Iterator[Entry]:
        """The entries of one cause with what is now known of them."""
        codes, code = tuple(symptom.code for symptom in cause.symptoms), cause.fault.code
        for fault, because in zip(cause.symptoms, cause.because, strict=True):
            entry = self.entries[fault.code, fault.subject]
            yield replace(
                entry, cause=code, symptoms=(), because=because, suspected=cause.suspected
            )
        if cause.stands:
            entry = self.entries[code, cause.fault.subject]
            yield replace(entry, cause=code, symptoms=codes, because="", suspected=cause.suspected)

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


def restamped(
    entry: Entry, moved: timedelta, when: Callable[[str, float], datetime | None], at: datetime
) -> Entry:
    """The entry with its times as they are known now; none gets before its beginning.

    `moved`: by how much the times of this boot move; `when`: the wall time of a second of any boot.
    """

    def corrected(time: datetime) -> datetime:
        return time if time in entry.kept else time + moved

    began = None if entry.origin is None else when(*entry.origin)
    started_at = corrected(entry.started_at)
    if began is not None and abs(began - started_at) > SAME_START:
        started_at = began
    cleared_at = None if entry.cleared_at is None else max(corrected(entry.cleared_at), started_at)
    moves = (started_at, cleared_at) != (entry.started_at, entry.cleared_at)
    changed_at = max(at if moves else corrected(entry.changed_at), started_at)
    kept = (started_at if entry.started_at in entry.kept else None, *entry.kept[1:])
    return replace(
        entry, started_at=started_at, cleared_at=cleared_at, changed_at=changed_at, kept=kept
    )
