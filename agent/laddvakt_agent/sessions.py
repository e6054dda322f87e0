"""Keeps one connector's charging sessions: meter values, durable rows, and one CDR for each."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.published import (
    CdrRecord,
    PeriodRecord,
    SessionRecord,
    TokenRef,
)

CHECKPOINT_S = 300.0  # between durable meter values while charging: five minutes can be re-read
SETTLE_GRACE_S = 10.0  # a final meter value may come this much later than it should

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One session with what the core does not know: who charges, and what was last reported."""

    session: core.Session
    evse_uid: str
    token: TokenRef
    auth_method: str
    opened_s: float | None = None  # when the contactor opened for good
    checkpoint_s: float = 0.0
    told: SessionRecord | None = None  # as the backend was last told
    told_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class SessionKeeper:
    """The running session of one connector and those whose last meter value is still to come."""

    connector: str
    evse_uid: str
    meter_id: str | None
    wall_at: Callable[[float], datetime]
    save: Callable[[Kept], None]
    save_closed: Callable[[Kept, CdrRecord], None]
    settle_s: float  # final meter value: taken this long after the contactor opened
    welded: Callable[[], bool]  # the contactor does not open: billing stops at the open command
    report_s: float  # how often the backend hears of a running session
    running: Kept | None = None
    ending: list[Kept] = field(default_factory=list)
    recent: list[SessionRecord] = field(default_factory=list)

    def begin(self, token: TokenRef, auth_method: str, inputs: Inputs, now_s: float) -> None:
        """Open a session."""
        session = core.begin(str(uuid.uuid4()), self.connector, now_s, inputs.energy_wh)
        self.running = Kept(
            session=session,
            evse_uid=self.evse_uid,
            token=token,
            auth_method=auth_method,
            checkpoint_s=now_s,
        )
        self.running = self._tell(self.running, now_s)
        self.save(self.running)
        log.info("session_begun", connector=self.connector, session=session.id)

    def resume(self, kept: Kept, away_s: float) -> None:
        """A session of before the restart goes on; the station held it back since `away_s`."""
        session = core.observe(kept.session, None, charging=False, now_s=away_s, held=True)
        self.running = replace(kept, session=session)
        self.save(self.running)

    def refuse(self, kept: Kept, reason: str, ended_s: float, now_s: float) -> None:
        """A session of before the restart does not go on; its last meter value is awaited."""
        session = core.end(kept.session, reason, min(ended_s, now_s))
        kept = self._tell(replace(kept, session=session, opened_s=None), now_s)
        self.ending.append(kept)
        self.save(kept)
        log.warning("session_closed", connector=self.connector, session=session.id, reason=reason)

    def end(self, reason: str, now_s: float, *, opened_s: float | None) -> None:
        """The session is over; its last meter value is still awaited."""
        if self.running is None:
            return
        session = core.end(self.running.session, reason, now_s)
        kept = self._tell(replace(self.running, session=session, opened_s=opened_s), now_s)
        self.running = None
        self.ending.append(kept)
        self.save(kept)
        log.info("session_ended", connector=self.connector, session=session.id, reason=reason)

    def observe(self, inputs: Inputs, now_s: float, *, closed: bool, held: bool = False) -> bool:
        """Take in one step's readings; True when the backend should hear of a change.

        `closed`: the contactor is commanded closed. `held`: it is not, because of the station.
        """
        changed = self._observe_running(inputs, now_s, closed=closed, held=held)
        for kept in tuple(self.ending):
            place = self.ending.index(kept)
            session = core.observe(kept.session, inputs.energy_wh, closed, now_s)
            opened_s = now_s if kept.opened_s is None and not closed else kept.opened_s
            self.ending[place] = replace(kept, session=session, opened_s=opened_s)
            changed |= self._settle(place, inputs, now_s)
        return changed

    def records(self) -> tuple[SessionRecord, ...]:
        """The sessions as the backend should know them, newest last."""
        alive = [*self.ending, self.running] if self.running else self.ending
        return (*self.recent, *(kept.told for kept in alive if kept.told is not None))

    def energy_wh(self) -> float | None:
        """What the running session has drawn so far, by the latest reading."""
        return core.totals(self.running.session).energy_wh if self.running else None

    def _observe_running(self, inputs: Inputs, now_s: float, *, closed: bool, held: bool) -> bool:
        kept = self.running
        if kept is None:
            return False
        before = kept.session
        session = core.observe(before, inputs.energy_wh, closed, now_s, held=held)
        kept = replace(kept, session=session)
        switched = session.periods != before.periods
        begun = before.start_wh is None and session.start_wh is not None
        if switched or begun or now_s - kept.checkpoint_s >= CHECKPOINT_S:
            kept = replace(kept, checkpoint_s=now_s)
            self.save(kept)
        due = kept.told is None or (closed and now_s - kept.told_s >= self.report_s)
        report = switched or begun or due
        self.running = self._tell(kept, now_s) if report else kept
        return report

    def _tell(self, kept: Kept, now_s: float) -> Kept:
        return replace(kept, told=self._record(kept, now_s), told_s=now_s)

    def _settle(self, place: int, inputs: Inputs, now_s: float) -> bool:
        kept = self.ending[place]
        session = core.settle(
            kept.session,
            inputs.energy_wh,
            kept.opened_s,
            now_s,
            settle_s=self.settle_s,
            timeout_s=self.settle_s + SETTLE_GRACE_S,
            welded=self.welded(),
        )
        if not session.settled:
            return False
        del self.ending[place]
        kept = replace(kept, session=session)
        record = self._record(kept, now_s)
        cdr = self._cdr(kept, record, now_s)
        self.recent = [*self.recent, record][-10:]
        self.save_closed(kept, cdr)
        log.info(
            "session_settled",
            connector=self.connector,
            session=session.id,
            energy_wh=round(record.energy_wh, 3),
            estimated=session.estimated,
        )
        return True

    def _record(self, kept: Kept, now_s: float) -> SessionRecord:
        session = kept.session
        return SessionRecord(
            id=session.id,
            evse_uid=self.evse_uid,
            connector_id=self.connector,
            token=kept.token,
            auth_method=kept.auth_method,
            started_at=self.wall_at(session.begun_s),
            ended_at=self.wall_at(session.ended_s)
            if session.settled and session.ended_s is not None
            else None,
            meter_id=self.meter_id,
            start_wh=session.start_wh,
            energy_wh=core.totals(session).energy_wh,
            periods=self._periods(session),
            changed_at=self.wall_at(now_s),
        )

    def _periods(self, session: core.Session) -> tuple[PeriodRecord, ...]:
        return tuple(
            PeriodRecord(
                started_at=self.wall_at(period.start_s),
                duration_s=period.duration_s,
                energy_wh=period.energy_wh,
                charging=period.charging,
                held=period.held,
            )
            for period in core.totals(session).periods
        )

    def _cdr(self, kept: Kept, record: SessionRecord, now_s: float) -> CdrRecord:
        totals = core.totals(kept.session)
        remarks = [kept.session.end_reason or ""]
        if kept.session.estimated and self.welded():
            remarks.append("contactor welded: billed up to the open command")
        elif kept.session.estimated:
            remarks.append("end value estimated: no meter reading after the contactor opened")
        return CdrRecord(
            id=kept.session.id,
            session=record,
            end_wh=kept.session.end_wh,
            charging_s=totals.charging_s,
            parking_s=totals.parking_s,
            held_s=totals.held_s,
            remark="; ".join(part for part in remarks if part) or None,
            created_at=self.wall_at(now_s),
        )
