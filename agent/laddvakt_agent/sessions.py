"""Keeps one connector's charging sessions: meter values, durable rows, and one CDR for each."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Set
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from laddvakt_agent.core import session as core
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.moved import Moved
from laddvakt_agent.published import CdrRecord, SessionRecord, TimeBasis, TokenRef
from laddvakt_agent.session_records import cdr_record, session_record

CHECKPOINT_S = 300.0  # between durable meter values while charging: five minutes can be re-read
SETTLE_GRACE_S = 10.0  # a final meter value may come this much later than it should
RECENT = 10  # ended sessions that are told on
PATIENCE_S = 60.0  # … and after a restart, or where the meter signs it, by so much

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One session with what the core does not know: who charges, and what was last reported."""

    session: core.Session
    evse_uid: str
    token: TokenRef
    auth_method: str
    meter_id: str | None = None  # what to call a meter that does not tell its serial number
    awaited_s: float = 0.0  # since then its stop value is awaited …
    grace_s: float = SETTLE_GRACE_S  # … and for so long beyond the time when it should come
    checkpoint_s: float = 0.0
    told: SessionRecord | None = None  # as the backend was last told
    told_s: float = 0.0
    moved: tuple[Moved, ...] = ()  # boots it began in before this one
    authorization_reference: str | None = None
    tariff: str | None = None  # in force when it began, see pricing.costs


@dataclass(slots=True, kw_only=True)
class SessionKeeper:
    """The running session of one connector and those whose last meter value is still to come."""

    connector: str
    evse_uid: str
    meter_id: str | None
    terms: core.Terms
    wall_at: Callable[[float], datetime]
    save: Callable[[Kept], None]
    save_closed: Callable[[Kept, CdrRecord], None]
    standing: Callable[[], Set[str]]  # the codes of the faults that stand at this connector
    report_s: float  # how often the backend hears of a running session
    bases: Callable[[tuple[Moved, ...]], tuple[TimeBasis, ...]] = lambda moved: ()  # of `wall_at`
    # The tariff of a session that begins then, with this type of token; and what that costs.
    tariff_at: Callable[[datetime, str], str | None] = lambda at, token_type: None
    priced: Callable[[SessionRecord, str | None], SessionRecord] = lambda record, tariff: record
    # When, since it was last asked, the price of a running session may have changed.
    turned: Callable[[str | None, core.Session, core.Shown, float], float | None] = lambda *_: None
    running: Kept | None = None
    ending: list[Kept] = field(default_factory=list)
    recent: list[SessionRecord] = field(default_factory=list)
    heard: Callable[[str], bool] = lambda session_id: True  # the backend has this one's end
    # Reservations nobody has redeemed.
    kept_for: Callable[[], tuple[SessionRecord, ...]] = field(default=tuple, repr=False)

    @property
    def settle_s(self) -> float:
        """A final meter value is taken so long after the contactor opened."""
        return self.terms.settle_s

    def begin(
        self,
        token: TokenRef,
        auth_method: str,
        inputs: Inputs,
        now_s: float,
        reservation: core.Reservation | None = None,
        *,
        authorization_reference: str | None = None,
        session_id: str | None = None,
    ) -> None:
        """Open a session; `reservation`: the one it redeems, whose `session_id` goes on."""
        shown = core.look(self.terms, inputs, closed=False)
        session = core.begin(
            session_id or str(uuid.uuid4()), self.connector, now_s, shown, self.terms, reservation
        )
        kept = Kept(
            session=session,
            evse_uid=self.evse_uid,
            token=token,
            auth_method=auth_method,
            meter_id=self.meter_id,
            grace_s=self._grace_s,
            checkpoint_s=now_s,
            authorization_reference=authorization_reference,
            tariff=self.tariff_at(self.wall_at(now_s), token.type),
        )
        self.running = self._tell(kept, now_s)
        self.save(self.running)
        log.info("session_begun", connector=self.connector, session=session.id)

    def resume(self, kept: Kept, away_s: float) -> None:
        """A session of before the restart goes on; the station held it back since `away_s`."""
        since_s = max(away_s, kept.session.periods[-1].start_s)
        nothing = core.Shown(kind=core.Kind.STATION, serial=kept.session.serial)
        session = core.observe(kept.session, nothing, self.terms, since_s)
        self.running = replace(kept, session=session, grace_s=self._grace_s)
        self.save(self.running)

    def refuse(self, kept: Kept, reason: str, ended_s: float, now_s: float) -> None:
        """A session of before the restart does not go on; its last meter value is awaited."""
        self._await(kept, core.end(kept.session, reason, min(ended_s, now_s)), now_s)

    def overtaken(self, kept: Kept, by: core.Session, ended_s: float, now_s: float) -> None:
        """A session of before the restart after which another one began; the meter is that one's.

        `ended_s`: until when it is known, if its end was not written down.
        """
        session = core.end(kept.session, "another session began after it", min(ended_s, now_s))
        self._await(kept, core.overtaken(session, by, self.terms), now_s)

    def end(self, reason: str, now_s: float, *, opened_s: float | None) -> None:
        """The session is over; its last meter value is still awaited.

        `opened_s`: when the contactor was told to open, `None` while it is closed.
        """
        if self.running is not None:
            kept, self.running = self.running, None
            self._await(kept, core.end(kept.session, reason, now_s, opened_s=opened_s), now_s)

    def observe(
        self,
        inputs: Inputs,
        now_s: float,
        *,
        closed: bool,
        kind: core.Kind | None = None,
        limit_a: float = 0.0,
    ) -> bool:
        """Take in one step's readings; True when the backend should hear of a change.

        `closed`: the contactor is commanded closed. `kind`: why it is open, if not because of the
        vehicle. `limit_a`: what is offered.
        """
        shown = core.look(self.terms, inputs, closed=closed, kind=kind, limit_a=limit_a)
        changed = self._observe_running(shown, now_s)
        for kept in tuple(self.ending):
            session = core.observe(kept.session, shown, self.terms, now_s)
            place = self.ending.index(kept)
            self.ending[place] = replace(kept, session=session)
            changed |= self._settle(place, now_s)
        return changed

    def due_s(self) -> float | None:
        """When a session that has ended is settled even if its meter says nothing more."""
        return min((self._give_up_s(kept) for kept in self.ending), default=None)

    def records(self) -> tuple[SessionRecord, ...]:
        """The sessions as the backend should know them, newest last."""
        alive = [*self.ending, self.running] if self.running else self.ending
        told = (kept.told for kept in alive if kept.told is not None)
        return (*self.recent, *told, *self.kept_for())

    def energy_wh(self) -> float | None:
        """What the running session has drawn so far, by the latest reading."""
        return core.totals(self.running.session).energy_wh if self.running else None

    def record(self, kept: Kept, changed_at: datetime) -> SessionRecord:
        """The session as the backend should know it now."""
        record = session_record(
            kept.session,
            evse_uid=kept.evse_uid,
            token=kept.token,
            auth_method=kept.auth_method,
            authorization_reference=kept.authorization_reference,
            meter_id=kept.meter_id or self.meter_id,
            wall_at=self.wall_at,
            changed_at=changed_at,
        )
        return self.priced(replace(record, bases=self.bases(kept.moved)), kept.tariff)

    def remember(self, record: SessionRecord) -> None:
        """An ended one: the newest are told on, and all that the backend has yet to hear of."""
        recent = [*self.recent, record]
        old = len(recent) - RECENT
        self.recent = [
            one for place, one in enumerate(recent) if place >= old or not self.heard(one.id)
        ]

    @property
    def _grace_s(self) -> float:
        return PATIENCE_S if self.terms.signed_only else SETTLE_GRACE_S

    def _observe_running(self, shown: core.Shown, now_s: float) -> bool:
        kept = self.running
        if kept is None:
            return False
        before = kept.session
        turned_s = self.turned(kept.tariff, before, shown, now_s)
        session = before if turned_s is None else core.divided(before, turned_s)
        session = core.observe(session, shown, self.terms, now_s)
        kept = replace(kept, session=session)
        switched = _kinds(session) != _kinds(before)
        begun = (before.start, before.other) != (session.start, session.other)
        if session.conducting and not before.conducting:
            self._warn_unsigned(session)
        if switched or begun or now_s - kept.checkpoint_s >= CHECKPOINT_S:
            kept = replace(kept, checkpoint_s=now_s)
            self.save(kept)
        due = kept.told is None or (shown.closed and now_s - kept.told_s >= self.report_s)
        report = switched or begun or due
        self.running = self._tell(kept, now_s) if report else kept
        return report

    def _warn_unsigned(self, session: core.Session) -> None:
        signed = session.start is not None and session.start.signed is not None
        if self.terms.signed_only and not signed:
            log.warning(
                "session_not_signed",
                connector=self.connector,
                session=session.id,
                remedy="the meter has signed no start value: without one this session is not "
                'billed; use a meter that signs, or calibration_law = "none" where that is lawful',
            )

    def _await(self, kept: Kept, session: core.Session, now_s: float) -> None:
        kept = self._tell(replace(kept, session=session, awaited_s=now_s), now_s)
        self.ending.append(kept)
        self.save(kept)
        log.info(
            "session_ended",
            connector=self.connector,
            session=session.id,
            reason=session.end_reason,
        )

    def _tell(self, kept: Kept, now_s: float) -> Kept:
        return replace(kept, told=self.record(kept, self.wall_at(now_s)), told_s=now_s)

    def _settle(self, place: int, now_s: float) -> bool:
        kept = self.ending[place]
        session = core.settle(
            kept.session,
            self.terms,
            now_s,
            give_up_s=self._give_up_s(kept),
            standing=self.standing(),
        )
        if not session.settled:
            return False
        del self.ending[place]
        self._close(replace(kept, session=session), now_s)
        return True

    def _give_up_s(self, kept: Kept) -> float:
        since_s = max(kept.awaited_s, kept.session.opened_s or kept.awaited_s)
        return since_s + self.terms.settle_s + kept.grace_s

    def _close(self, kept: Kept, now_s: float) -> None:
        """The bill of a settled session, or the word that there is none."""
        session, at = kept.session, self.wall_at(now_s)
        record = self.record(kept, at)
        self.remember(record)
        if session.unbilled is None:
            self.save_closed(kept, cdr_record(session, record, at))
        else:
            self.save(kept)
            log.error(
                "session_unbilled",
                connector=self.connector,
                session=session.id,
                reason=session.unbilled,
                energy_wh=round(record.energy_wh, 3),
            )
        log.info(
            "session_settled",
            connector=self.connector,
            session=session.id,
            energy_wh=round(record.energy_wh, 3),
            quality=None if session.end is None else session.end.quality.value,
            reason=None if session.end is None else session.end.reason,
        )


def _kinds(session: core.Session) -> tuple[int, core.Period]:
    """What tells one set of periods from another, apart from the current in the last one."""
    last = session.periods[-1]
    return len(session.periods), replace(last, max_a=core.NO_PHASES)
