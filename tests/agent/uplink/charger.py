"""A charger that lives a random life, and remembers every status it ever offered."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime

from agent.uplink.uplink_kit import T0, evse, fault, period, session
from laddvakt_agent.published import (
    CdrRecord,
    EvseStatus,
    FaultReport,
    PeriodRecord,
    SessionRecord,
    Station,
)


@dataclass
class Charger:
    """Two EVSEs; everything happens at the first one."""

    rng: random.Random
    wall: datetime = T0  # as its clock says, which may be set
    true: datetime = T0  # by which sessions are timed, as they are once it is known
    status: EvseStatus = EvseStatus.AVAILABLE
    changed_at: datetime = T0
    sessions: list[SessionRecord] = field(default_factory=list)
    cdrs: list[CdrRecord] = field(default_factory=list)
    faults: list[FaultReport] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)

    def live(self) -> Station:
        """One change or none."""
        self.rng.choice((self._status, self._begin, self._charge, self._end, self._fault))()
        return self.station()

    def station(self) -> Station:
        """As it is now."""
        state = evse(self.status, at=self.changed_at)
        self.offered.append(state.status.value)
        return Station(
            evses=(state, evse(EvseStatus.AVAILABLE, uid="evse-2")),
            sessions=tuple(self.sessions),
            faults=tuple(self.faults),
            cdrs=tuple(self.cdrs),
        )

    def _status(self) -> None:
        self.status, self.changed_at = self.rng.choice(list(EvseStatus)), self.wall

    def _begin(self) -> None:
        name = f"s-{len(self.sessions)}"
        self.sessions.append(session(name, started_at=self.true, changed_at=self.wall))

    def _charge(self) -> None:
        for number, record in enumerate(self.sessions):
            if record.ended_at is None:
                begins = self.true if record.periods else record.started_at
                more = replace(period(0, self.rng.randrange(0, 4000) / 2), started_at=begins)
                periods = (*self._timed(record), more)
                self.sessions[number] = replace(
                    record,
                    periods=periods,
                    energy_wh=sum(p.energy_wh for p in periods),
                    changed_at=self.wall,
                )

    def _end(self) -> None:
        for number, record in enumerate(self.sessions):
            if record.ended_at is None:
                ended = replace(
                    record,
                    ended_at=self.true,
                    periods=self._timed(record),
                    changed_at=self.wall,
                )
                self.sessions[number] = ended
                self.cdrs.append(
                    CdrRecord(
                        id=f"c-{number}",
                        session=ended,
                        end_wh=None,
                        charging_s=(self.true - record.started_at).total_seconds(),
                        parking_s=0.0,
                        remark=None,
                        created_at=self.wall,
                    )
                )

    def _timed(self, record: SessionRecord) -> tuple[PeriodRecord, ...]:
        """Its periods, of which the last one ends now."""
        if not record.periods:
            return ()
        *before, last = record.periods
        lasted_s = (self.true - last.started_at).total_seconds()
        return (*before, replace(last, duration_s=lasted_s))

    def _fault(self) -> None:
        if self.faults and self.faults[-1].cleared_at is None and self.rng.random() < 0.7:
            over_at = max(self.wall, self.faults[-1].started_at)
            self.faults[-1] = replace(self.faults[-1], cleared_at=over_at, changed_at=self.wall)
        else:
            name = f"f-{len(self.faults)}"
            self.faults.append(fault(name, started_at=self.wall, changed_at=self.wall))
