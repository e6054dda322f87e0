"""Once a second: every connector's numbers into the ring and the minute, and what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from laddvakt_agent.clock import Moment
from laddvakt_agent.core import machine
from laddvakt_agent.core.faults.catalogue import Severity, rule_for
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.telemetry.channels import CHANNELS, values
from laddvakt_agent.telemetry.frozen import encoded
from laddvakt_agent.telemetry.means import MINUTE_S, Minute, Value
from laddvakt_agent.telemetry.ring import Ring, Window
from laddvakt_agent.telemetry.store import Row

AFTER_S = 30.0  # a snapshot shows so much of what followed
BURST = 10  # snapshots at once, then one an hour: a fault that chatters must not wear the disk
REFILL_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What was frozen, still to be made small: on the disk's thread, not in the loop."""

    reason: str
    moment: Moment
    window: Window

    def row(self) -> Row:
        """As it is stored."""
        body = encoded(self.window)
        record: dict[str, Value | bytes] = {"reason": self.reason, "every_s": 1, "body": body}
        return Row(table="snapshots", moment=self.moment, record=record)


@dataclass(slots=True, kw_only=True)
class Sampler:
    """Remembers the seconds; what is ready to be written stands in `rows` and `cuts`."""

    guards: Mapping[str, Guard]
    book: FaultBook
    moment: Callable[[], Moment]
    rows: list[Row] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    refused: int = 0  # snapshots for which there was no budget
    ring: Ring = field(init=False)
    _minutes: dict[str, Minute] = field(default_factory=dict)
    _minute: int | None = None
    _told_s: dict[str, float] = field(default_factory=dict)  # of each connector's last event
    _known: set[str] = field(default_factory=set)  # faults that have their snapshot
    _due: list[tuple[float, str]] = field(default_factory=list)
    _budget: float = BURST
    _looked_s: float | None = None

    def __post_init__(self) -> None:
        self.ring = Ring([f"{name}/{channel}" for name in self.guards for channel in CHANNELS])

    def look(self, now_s: float) -> None:
        """Take down this second."""
        place = int(now_s // MINUTE_S)
        if self._minute is not None and place != self._minute:
            self._end_minute()
        self._minute = place
        taken: list[float] = []
        for name, guard in self.guards.items():
            outputs, state = machine.outputs(guard.connector), guard.connector.life.state
            told = values(guard.settings, guard.inputs, outputs, state, now_s)
            self._minutes.setdefault(name, Minute()).add(told)
            taken += told
        self.ring.add(now_s, taken)
        self._note_events()
        self._note_faults(now_s)
        self._cut_due(now_s)

    def freeze(self, reason: str, now_s: float) -> bool:
        """Keep the last quarter of an hour with half a minute of what follows.

        False where that has been done too often of late, or another is about to be cut.
        """
        if self._due:
            self._due.append((self._due[-1][0], reason))
            return True
        if self._budget < 1.0:
            self.refused += 1
            return False
        self._budget -= 1.0
        self._due.append((now_s + AFTER_S, reason))
        return True

    def end(self) -> None:
        """The agent stops: what has begun is as complete as it will be."""
        self._end_minute()
        self._cut()

    def _end_minute(self) -> None:
        moment = self.moment()
        for name, minute in self._minutes.items():
            record = {"connector": name, **minute.record()}
            self.rows.append(Row(table="minutes", moment=moment, record=record))
        self._minutes.clear()

    def _note_events(self) -> None:
        for name, guard in self.guards.items():
            since_s = self._told_s.get(name, 0.0)
            for at_s, what in guard.reasons:
                if at_s > since_s:
                    self._told_s[name] = at_s
                    record = {"connector": name, "what": what}
                    self.rows.append(Row(table="events", moment=self._at(at_s), record=record))

    def _at(self, at_s: float) -> Moment:
        now = self.moment()
        wall = now.at_wall - timedelta(seconds=now.at_s - at_s)
        return Moment(at_s=at_s, at_wall=wall, clock_state=now.clock_state)

    def _note_faults(self, now_s: float) -> None:
        """Every fault that concerns charging gets a snapshot, once."""
        standing = {entry.id: entry.fault for entry in self.book.entries.values()}
        for fault_id in standing.keys() - self._known:
            fault = standing[fault_id]
            severity = rule_for(self.book.rules, fault.code).severity
            if severity in (Severity.FAULT, Severity.SAFETY):
                self.freeze(f"{fault.code} {fault.subject} {fault_id}", now_s)
        self._known = set(standing)

    def _cut_due(self, now_s: float) -> None:
        if self._looked_s is not None:
            passed_s = max(now_s - self._looked_s, 0.0)
            self._budget = min(self._budget + passed_s / REFILL_S, float(BURST))
        self._looked_s = now_s
        if self._due and now_s >= self._due[0][0]:
            self._cut()

    def _cut(self) -> None:
        if self._due:
            reason = "; ".join(reason for _, reason in self._due)
            self._due.clear()
            cut = Cut(reason=reason, moment=self.moment(), window=self.ring.window())
            self.cuts.append(cut)
