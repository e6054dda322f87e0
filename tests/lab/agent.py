"""The agent's part of the laboratory: cores, latches, sessions and the book of faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from lab.readings import Reader, Wishes
from laddvakt_agent.core import machine, resume, session
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset
from laddvakt_agent.core.model import (
    Effect,
    FaultCleared,
    FaultRaised,
    FaultUpdated,
    Latch,
    LatchesChanged,
    LockCommanded,
    SelfTestCommanded,
    SessionBegun,
    SessionEnded,
    State,
)
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.core.resume import Answer, Claim
from laddvakt_agent.core.session import Session, Terms, kind_of, terms_of
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.remedy import RESET_FOR

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
SETTLE_GRACE_S = 10.0
UNUSED_S = 120.0  # whoever was let in and did not begin must show the card again


def wall(now_s: float) -> datetime:
    """Wall time of a laboratory second."""
    return EPOCH + timedelta(seconds=now_s)


def empty_book() -> FaultBook:
    """A book that is kept nowhere."""
    return FaultBook(rules=CATALOGUE, evse_uids={}, save=lambda _: None)


@dataclass(slots=True, kw_only=True)
class Keeper:
    """One connector under supervision: what the shell keeps around its core."""

    settings: Settings
    reader: Reader
    book: FaultBook
    free: bool
    connector: machine.Connector
    inputs: Inputs = field(default_factory=Inputs)
    latches: tuple[Latch, ...] = ()
    wanted: bool = False  # somebody was let in
    wanted_s: float = 0.0
    stopped: bool = False  # free charging was stopped by hand: wait for the unplug
    in_service: bool = True
    resets: frozenset[Reset] = frozenset()
    running: Session | None = None
    claim: Claim | None = None  # it was found at the start and is not proved yet
    ending: list[tuple[Session, float]] = field(default_factory=list)  # … and awaited since
    billed: list[Session] = field(default_factory=list)
    sessions: int = 0
    tells: list[tuple[float, Effect]] | None = None  # every effect, where somebody wants them

    @property
    def terms(self) -> Terms:
        """How its sessions are counted."""
        return terms_of(self.settings)

    def step(self, now_s: float) -> bool:
        """One round of the core; True when it did more than tell evidence anew."""
        wishes = Wishes(
            authorised=self._authorised(), in_service=self.in_service, resets=self.resets
        )
        self.resets = frozenset()
        self.inputs = self._with_proof(self.reader.read(now_s, wishes), now_s)
        self.connector, effects = machine.step(self.settings, self.connector, self.inputs, now_s)
        self.book.watch(self.settings, self.connector.life, self.inputs, now_s, wall(now_s))
        self.reader.command(now_s, machine.outputs(self.connector))
        for effect in effects:
            if self.tells is not None:
                self.tells.append((now_s, effect))
            self._note(effect, now_s)
        self._forget_unused(now_s)
        self._meter(now_s)
        return any(not isinstance(effect, FaultUpdated) for effect in effects)

    def due_s(self, now_s: float) -> float | None:
        """When the core wants to be asked although nothing new is read."""
        due_s = machine.next_deadline_s(
            self.settings, self.connector, self.inputs, now_s, renewed=True
        )
        if self.claim is None:
            return due_s
        proof_s = resume.deadline_s(self.claim)
        return proof_s if due_s is None else min(due_s, proof_s)

    def start(self, now_s: float) -> str | None:
        """Somebody shows a card; a sentence when it is refused."""
        pilot = self.inputs.pilot
        if self.running is not None and (self.wanted or self.free):
            return "there is a session already"
        if not self.in_service:
            return "the connector is out of service"
        if self.connector.life.state is State.FAULTED:
            return "the connector is faulted"
        if pilot is None or pilot.value is Pilot.A:
            return "no vehicle there"
        self.wanted, self.wanted_s, self.stopped = True, now_s, False
        return None

    def stop(self) -> str | None:
        """Somebody stops; a sentence when there is nothing to stop."""
        if not (self.wanted or (self.free and not self.stopped)):
            return "no session to stop"
        self.wanted, self.stopped = False, True
        return None

    def reset(self, reset: Reset, now_s: float) -> str | None:
        """A reset counts for one step; a sentence when it would change nothing."""
        standing = [track for track in self.connector.tracks if track.standing]
        lifts = any(
            track.phase is Phase.CLEARING
            and track.needs in RESET_FOR
            and RESET_FOR[track.needs].value <= reset.value
            for track in standing
        )
        if not lifts and self._after(frozenset({reset}), now_s) == self._after(frozenset(), now_s):
            return "no fault stands that this would lift now"
        self.resets = self.resets | {reset}
        return None

    def die(self) -> None:
        """The agent ends: what has a dead-man falls open."""
        self.reader.let_go()

    def start_anew(self, now_s: float, away_s: float, *, unclean: bool) -> None:
        """Another run of the agent, from its latches."""
        self.settings = replace(self.settings, unclean_stop=unclean)
        self.reader.settings = self.settings
        self.claim = self._claimed(now_s, away_s)
        resumes = self.claim is not None
        if self.running is not None and not resumes:
            ended = session.end(self.running, "the agent was away", now_s)
            self.ending.append((session.inherited(ended, now_s), now_s))
            self.running = None
        elif self.running is not None:
            self.running = session.inherited(self.running, now_s)
        if not resumes:
            self.wanted = False
        self.connector = machine.initial(
            self.settings, self.latches, now_s, session_open=self.running is not None
        )
        for fault in machine.active_faults(self.connector):
            self.book.raised(self.settings.connector, fault, wall(now_s))

    def _claimed(self, now_s: float, away_s: float) -> Claim | None:
        """What is claimed of a session that was found open, unless it is refused at once."""
        if self.running is None:
            return None
        claim = Claim(
            started_s=now_s,
            alive_s=now_s - away_s,
            same_boot=True,
            within_s=resume.WITHIN_MAX_S,
            meter_serial=self.running.serial,
            last_wh=self.running.last_wh,
        )
        verdict = resume.judge(self.settings, self.connector.life, claim, Inputs(), now_s)
        return None if verdict.answer is Answer.REFUSED else claim

    def _with_proof(self, inputs: Inputs, now_s: float) -> Inputs:
        """As the shell does: nothing closes until a found session is proved to be the same."""
        if self.claim is None:
            return inputs
        verdict = resume.judge(self.settings, self.connector.life, self.claim, inputs, now_s)
        if verdict.answer is not Answer.OPEN:
            self.claim = None
        if verdict.answer is Answer.PROVED:
            return inputs
        refused = verdict.answer is Answer.REFUSED
        authorised = inputs.authorised and not refused
        return replace(inputs, session_unproved=True, authorised=authorised)

    def _authorised(self) -> bool:
        if not (self.wanted or (self.free and not self.stopped)):
            return False
        # The last session must have its final meter value before another one counts.
        return self.running is not None or not self.ending

    def _after(self, resets: frozenset[Reset], now_s: float) -> object:
        inputs = replace(self.inputs, resets=resets)
        return machine.step(self.settings, self.connector, inputs, now_s)[0].tracks

    def _forget_unused(self, now_s: float) -> None:
        if self.running is not None:
            return
        pilot = self.inputs.pilot
        fresh = pilot is not None and now_s < pilot.taken_s + self.settings.sample_max_age_s
        if fresh and pilot is not None and pilot.value is Pilot.A:
            self.wanted, self.stopped = False, False
        elif self.wanted and now_s > self.wanted_s + UNUSED_S:
            self.wanted = False

    def _note(self, effect: Effect, now_s: float) -> None:
        name = self.settings.connector
        match effect:
            case FaultRaised(fault=fault) | FaultUpdated(fault=fault):
                self.book.raised(name, fault, wall(now_s))
            case FaultCleared(code=code, subject=subject):
                self.book.cleared(name, code, subject, wall(now_s))
            case LatchesChanged(latches=latches):
                self.latches = latches
            case SessionBegun():
                self.sessions += 1
                shown = session.look(self.terms, self.inputs, closed=False)
                self.running = session.begin(
                    f"{name}-{self.sessions}", name, now_s, shown, self.terms
                )
            case SessionEnded(reason=reason):
                self._end(reason, now_s)
            case SelfTestCommanded(test=test):
                self.reader.start_test(test, now_s)
            case LockCommanded(locked=locked):
                self.reader.run_lock(now_s, locked=locked)
            case _:
                pass

    def _end(self, reason: str, now_s: float) -> None:
        self.wanted, self.stopped = False, True
        if self.running is not None:
            self.ending.append((session.end(self.running, reason, now_s), now_s))
            self.running = None

    def _meter(self, now_s: float) -> None:
        if self.running is None and not self.ending:
            return
        outputs = machine.outputs(self.connector)
        shown = session.look(
            self.terms,
            self.inputs,
            closed=outputs.closed,
            kind=kind_of(self.connector.life.state, offered=outputs.limit_a > 0.0),
            limit_a=outputs.limit_a,
        )
        if self.running is not None and self.claim is None:
            self.running = session.observe(self.running, shown, self.terms, now_s)
        for place, (ended, since_s) in enumerate(tuple(self.ending)):
            seen = session.observe(ended, shown, self.terms, now_s)
            self.ending[place] = (self._settled(seen, since_s, now_s), since_s)
        self.billed += [ended for ended, _ in self.ending if ended.settled]
        self.ending = [pair for pair in self.ending if not pair[0].settled]

    def _settled(self, ended: Session, since_s: float, now_s: float) -> Session:
        since_s = max(since_s, ended.opened_s or since_s)
        return session.settle(
            ended,
            self.terms,
            now_s,
            give_up_s=since_s + self.terms.settle_s + SETTLE_GRACE_S,
            standing={fault.code for fault in machine.active_faults(self.connector)},
        )
