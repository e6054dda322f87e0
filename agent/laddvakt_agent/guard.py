"""One connector under guard: its core, its hardware, its session; one step at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from laddvakt_agent.actuator import Actuator
from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Inputs, Pilot, Reset, SelfTest
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import (
    ContactorCommanded,
    Effect,
    FaultCleared,
    FaultRaised,
    FaultUpdated,
    Latch,
    LatchesChanged,
    LimitCommanded,
    LockCommanded,
    PhasesCommanded,
    ReservationDropped,
    SelfTestCommanded,
    SelfTestEnded,
    SessionBegun,
    SessionEnded,
    StateChanged,
    StateFCommanded,
)
from laddvakt_agent.core.resume import Answer, deadline_s
from laddvakt_agent.core.session import kind_of
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.evidence import Evidence
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.found import Found
from laddvakt_agent.guard_notes import note_fault, note_move
from laddvakt_agent.inputs import Roles, Wishes, left
from laddvakt_agent.published import TokenRef
from laddvakt_agent.reserved import Ceiling, Held, Reserver
from laddvakt_agent.sessions import SessionKeeper
from laddvakt_agent.wiring import Wiring

UNUSED_TOKEN_S = 120.0  # whoever was let in and did not begin must show the token again

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Guard:
    """Everything the shell holds about one connector."""

    settings: Settings
    evse_uid: str
    roles: Roles
    actuator: Actuator
    wiring: Wiring
    evidence: Evidence
    keeper: SessionKeeper
    book: FaultBook
    connector: Connector
    device_names: frozenset[str]
    free_token: TokenRef | None  # authorisation = "free": who is written down
    save_latches: Callable[[str, tuple[Latch, ...]], None]
    recorded: Callable[[tuple[Latch, ...]], bool] = lambda _: True  # a restart would find them
    latches: tuple[Latch, ...] = ()  # as last told
    found: Found | None = None  # a session of before the start, not yet proved to be the same
    found_words: str = ""  # what became of it
    token: TokenRef | None = None
    auth_method: str = "WHITELIST"
    authorization_reference: str | None = None  # the platform's own word for this permission
    prepared: bool = False  # the board was told once what it must do when the agent dies
    guarded: bool = False  # armed, or the contactor falls open by itself
    durable: bool = True  # False: no disk takes a session, so none begins
    in_service: bool = True
    maintenance: bool = False  # a technician works here
    unlock: bool = False  # somebody wants the plug
    tests_wanted: frozenset[SelfTest] = frozenset()
    shutting_down: bool = False
    stepped_s: float = 0.0
    steps: int = 0
    inputs: Inputs = field(default_factory=Inputs)
    opened_s: float | None = None
    stopped: bool = False  # free charging was stopped by hand: wait for the unplug
    started_s: float = 0.0  # when somebody was last let in
    resets: frozenset[Reset] = frozenset()
    reasons: list[tuple[float, str]] = field(default_factory=list)  # newest last
    group_id: str | None = None  # of the token
    awaited_until_s: float = 0.0  # let in from afar: so long the vehicle may still be plugged in
    reservation: Held | None = None  # it is kept for this customer
    reserver: Reserver | None = field(default=None, repr=False)  # it knows all guards
    ceiling: Ceiling | None = field(default=None, repr=False)  # by its charging profile
    visits: int = 0  # goes up whenever a vehicle leaves

    def start(
        self,
        token: TokenRef,
        auth_method: str,
        authorization_reference: str | None = None,
        group_id: str | None = None,
    ) -> None:
        """A person or the backend wants this connector to charge; see `kept_from`."""
        self.token, self.auth_method, self.stopped = token, auth_method, False
        self.authorization_reference, self.group_id = authorization_reference, group_id
        self.started_s = self.stepped_s

    def kept_from(self, token: TokenRef | None, group_id: str | None = None) -> bool:
        """Whether it is reserved, and not for the customer of this token."""
        held = self.reservation
        return held is not None and (token is None or not held.redeems(token, group_id))

    def stop(self) -> None:
        """End the session; the vehicle may stay plugged."""
        self.token, self.stopped = None, True

    def wishes(self) -> Wishes:
        """What is wanted now; resets count for one step."""
        resets, self.resets = self.resets, frozenset()
        tests, self.tests_wanted = self.tests_wanted, frozenset()
        unlock, self.unlock = self.unlock, False
        return Wishes(
            authorised=self._authorised(),
            session_unproved=self.found is not None,
            session_found=self.found_words,
            in_service=self.in_service and self.durable and not self.shutting_down,
            recorded=self.recorded(self.latches),
            reserved=self.reservation is not None,
            profile_limit_a=None if self.ceiling is None else self.ceiling.limit_a(),
            maintenance=self.maintenance,
            unlock=unlock,
            tests_wanted=tests,
            resets=resets,
        )

    def step(self, inputs: Inputs, now_s: float) -> bool:
        """One round of the core; True when something changed that others should know."""
        self.visits += left(self.inputs, inputs)
        self.inputs = inputs = self._with_proof(inputs, now_s)
        self.connector, effects = machine.step(self.settings, self.connector, inputs, now_s)
        self.stepped_s, self.steps = now_s, self.steps + 1
        wall = self.keeper.wall_at(now_s)
        self.book.watch(self.settings, self.connector.life, inputs, now_s, wall)
        self.actuator.want(machine.outputs(self.connector))
        for effect in effects:
            self._apply(effect, inputs, now_s)
        self.wiring.still(self.connector.tests.running)
        self._forget_unused(inputs, now_s)
        outputs = machine.outputs(self.connector)
        reported = self.keeper.observe(
            inputs,
            now_s,
            closed=outputs.closed,
            kind=kind_of(self.connector.life.state, offered=outputs.limit_a > 0.0),
            limit_a=outputs.limit_a,
        )
        return reported or bool(effects)

    def due_s(self, now_s: float) -> float | None:
        """When the next step is due even if no reading arrives."""
        proof_s = None if self.found is None else deadline_s(self.found.claim)
        core_s = machine.next_deadline_s(self.settings, self.connector, self.inputs, now_s)
        ceiling_s = None if self.ceiling is None else self.ceiling.due_s()
        dues = (core_s, proof_s, self.keeper.due_s(), ceiling_s)
        return min((due_s for due_s in dues if due_s is not None), default=None)

    @property
    def charging_wanted(self) -> bool:
        """Somebody was let in, or everybody is."""
        return self.token is not None or (self.free_token is not None and not self.stopped)

    def _authorised(self) -> bool:
        """Begins only where it can be guarded and billed; on the way out every session ends."""
        if self.shutting_down or not self.charging_wanted:
            return False
        if self.keeper.running is not None or self.found is not None:
            return True
        # The last session must have its final meter value before another one counts.
        free = not self.keeper.ending and not self.kept_from(self.token, self.group_id)
        return self._able() and free

    def _with_proof(self, inputs: Inputs, now_s: float) -> Inputs:
        """A found session goes on once the readings prove it, or ends once they refuse it."""
        if self.found is None or self.shutting_down:
            return inputs
        verdict = self.found.judge(self.settings, self.connector.life, inputs, now_s)
        if verdict.answer is Answer.OPEN:
            return inputs
        proved = verdict.answer is Answer.PROVED
        self.found_words = f"{'resumed' if proved else 'closed'}: {verdict.why}"
        if not proved:  # the core ends it in this very step
            return replace(inputs, authorised=False, session_found=self.found_words)
        log.info("session_resumed", connector=self._id, why=verdict.why)
        self.keeper.resume(self.found.kept, self.found.away_s)
        self.found = None
        return replace(inputs, session_unproved=False, session_found=self.found_words)

    def _able(self) -> bool:
        return self.prepared and self.durable

    def _forget_unused(self, inputs: Inputs, now_s: float) -> None:
        """An unplugged vehicle takes its authorisation with it; one not used runs out."""
        if self.keeper.running is not None or self.found is not None:
            return
        pilot = inputs.pilot
        age_s = self.settings.sample_max_age_s
        absent = pilot is not None and pilot.value is Pilot.A and now_s < pilot.taken_s + age_s
        if absent and now_s >= self.awaited_until_s:
            self.token, self.stopped = None, False
        elif self.token is not None and now_s > self.started_s + UNUSED_TOKEN_S:
            self.token = None
            log.info("authorisation_unused", connector=self._id, after_s=UNUSED_TOKEN_S)

    def _apply(self, effect: Effect, inputs: Inputs, now_s: float) -> None:
        """Carry out or write down one effect."""
        match effect:
            case ContactorCommanded() | LimitCommanded() | StateChanged():
                self._note_move(effect, now_s)
            case PhasesCommanded() | LockCommanded() | StateFCommanded() | SelfTestCommanded():
                log.info("wiring_commanded", connector=self._id, command=repr(effect))
                self.wiring.tell(effect)
            case SelfTestEnded() | ReservationDropped():
                self._note_word(effect, now_s)
            case FaultRaised() | FaultUpdated() | FaultCleared():
                note_fault(self.book, self._id, effect, self.keeper.wall_at(now_s))
            case SessionBegun():
                self._begin_session(inputs, now_s)
            case SessionEnded(reason=reason):
                self._end_session(reason, now_s)
            case LatchesChanged(latches=latches):
                self.latches = latches
                self.save_latches(self._id, latches)

    def _note_word(self, effect: SelfTestEnded | ReservationDropped, now_s: float) -> None:
        match effect:
            case SelfTestEnded(test=test, passed=passed, detail=detail):
                self.evidence.self_test(self._id, test, passed, detail, now_s)
            case ReservationDropped(reason=reason):
                log.warning("reservation_dropped", connector=self._id, reason=reason)
                if self.reservation is not None and self.reserver is not None:
                    self.reserver.dropped(self.reservation, reason)

    @property
    def _id(self) -> str:
        return self.settings.connector

    def _note_move(
        self, effect: ContactorCommanded | LimitCommanded | StateChanged, now_s: float
    ) -> None:
        note_move(self._id, effect)
        match effect:
            case ContactorCommanded(closed=True):
                self.opened_s = None
            case ContactorCommanded():
                self.opened_s = now_s
                memory = self.connector.memory
                self.evidence.contactor(self._id, memory.wear, memory.motion)
            case StateChanged(after=after, reason=reason):
                self.reasons = [*self.reasons, (now_s, f"{after.value}: {reason}")][-20:]
            case LimitCommanded():
                pass  # the log has it

    def _begin_session(self, inputs: Inputs, now_s: float) -> None:
        token = self.token or self.free_token
        if token is None:
            log.error("session_without_token", connector=self._id)
            return
        # Who charges freely was let in by nobody: an earlier permission is not theirs.
        method = "WHITELIST" if self.token is None else self.auth_method
        reference = None if self.token is None else self.authorization_reference
        held, self.awaited_until_s = self.reservation, 0.0
        if held is None:
            self.keeper.begin(token, method, inputs, now_s, authorization_reference=reference)
            return
        self.reservation = None
        self.keeper.begin(
            token,
            method,
            inputs,
            now_s,
            held.begun(now_s, self.keeper.wall_at(now_s)),
            authorization_reference=reference or held.authorization_reference,
            session_id=held.session_id,
        )
        if self.reserver is not None:
            self.reserver.redeemed(held)

    def _end_session(self, reason: str, now_s: float) -> None:
        """A clean stop of the agent keeps the session: the next start resumes it."""
        if self.shutting_down:
            return
        found, self.found = self.found, None
        if found is not None:
            self.keeper.refuse(found.kept, found.end_reason(reason), found.last_s, now_s)
            self.token, self.stopped = None, found.by_hand
            return
        closed = machine.outputs(self.connector).closed
        self.keeper.end(reason, now_s, opened_s=None if closed else (self.opened_s or now_s))
        self.token, self.stopped = None, True
