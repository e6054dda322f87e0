"""Lock, poles, waking and state F, each explored alone: every sight, every timer fresh or due."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from agent.core.core_explore import Count
from laddvakt_agent.core.life import lock, phases, state_f, wake
from laddvakt_agent.core.life.lock import Lock, LockSight
from laddvakt_agent.core.life.phases import Phases, PhasesSight, Poles
from laddvakt_agent.core.life.state_f import Sign, SignSight, Told
from laddvakt_agent.core.life.wake import Wake, WakeSight, Waking

NOW_S = 1e6
APART_S = 300.0
AFTER_S = 30.0
BOTH = (False, True)
MAYBE = (None, False, True)
ENOUGH = 1000  # violations: what breaks a bound may never end

S = TypeVar("S")
V = TypeVar("V")


@dataclass(frozen=True, kw_only=True)
class Automaton(Generic[S, V]):
    """One automaton and what it must never do."""

    start: S
    sights: tuple[V, ...]
    advance: Callable[[S, V, float], S]
    key: Callable[[S], Hashable]
    timers: Callable[[S], Iterable[S]]
    broken: Callable[[S, V, S], Iterator[str]]

    def explore(self) -> tuple[list[S], Count]:
        """One state of each reachable kind, and what was found on the way."""
        known, queue, count = {self.key(self.start): self.start}, [self.start], Count()
        while queue and len(count.violations) < ENOUGH:
            state = queue.pop()
            for timed, sight in itertools.product(self.timers(state), self.sights):
                count.runs += 1
                after = self.advance(timed, sight, NOW_S)
                names = list(self.broken(timed, sight, after))
                if self.advance(after, sight, NOW_S) is not after:
                    names.append("equal facts again change nothing")
                count.violations += [f"{name}: {timed} + {sight} -> {after}" for name in names]
                if self.key(after) not in known:
                    known[self.key(after)] = after
                    queue.append(after)
        count.states, count.covered = len(known), count.runs
        return list(known.values()), count


def _lock_timers(state: Lock) -> Iterator[Lock]:
    for ago_s in (0.0, 1.0, 2.0, 10.0, 60.0, 600.0):
        yield replace(state, since_s=NOW_S - ago_s)


def _lock_broken(before: Lock, s: LockSight, after: Lock) -> Iterator[str]:
    if s.closed and not after.locked:
        yield "the plug is held while the contactor is closed"
    if s.wanted and not after.locked:
        yield "the plug is held for its session"
    if not 0 <= after.tries <= 13:
        yield "tries are bounded"
    if (after.told, after.since_s) != (before.told, before.since_s):
        yield from _lock_command_broken(before, s, after)


def _lock_command_broken(before: Lock, s: LockSight, after: Lock) -> Iterator[str]:
    if not after.locked and (s.closed or s.dead is False or s.wanted):
        yield "nobody lets go of a live plug, or of one in use"
    if not after.locked and s.dead is None and not s.answered:
        yield "letting go needs a witness, or a person at the charger"
    if before.told and after.locked is before.locked:
        least_s = 2.0 if before.tries < 3 else 60.0 if before.tries < 13 else 600.0
        if NOW_S - before.since_s < (min(least_s, 10.0) if s.asked else least_s):
            yield "tries keep their distance"
        if after.tries < before.tries and s.said is not before.locked:
            yield "tries are counted until it obeys"


LOCK = Automaton(
    start=Lock(),
    sights=tuple(
        LockSight(*facts) for facts in itertools.product(BOTH, BOTH, MAYBE, BOTH, BOTH, BOTH, MAYBE)
    ),
    advance=lock.advance,
    key=lambda state: (state.told, state.locked, state.tries),
    timers=_lock_timers,
    broken=_lock_broken,
)


def _phases_timers(state: Phases) -> Iterator[Phases]:
    for since_s, tried_s in itertools.product((0.0, 1.0), (0.0, APART_S)):
        yield replace(state, since_s=NOW_S - since_s, tried_s=NOW_S - tried_s)


def _phases_broken(before: Phases, s: PhasesSight, after: Phases) -> Iterator[str]:
    waited = before.tried_s + APART_S <= NOW_S
    settled = s.confirmed and before.since_s + 1.0 <= NOW_S
    if after.poles is Poles.WAITING and before.poles is Poles.STANDING and not waited:
        yield "offers are held back for poles seldom"
    if after.poles is Poles.STANDING and before.poles is Poles.SETTLING and not settled:
        yield "an offer waits until the poles have settled"
    if after.poles is Poles.STANDING and before.poles is Poles.UNKNOWN:
        yield "unknown poles are set first"
    if (before.phases, before.since_s) != (after.phases, after.since_s):
        yield from _switching_broken(before, s, after, waited=waited)


def _switching_broken(
    before: Phases, s: PhasesSight, after: Phases, *, waited: bool
) -> Iterator[str]:
    if not s.quiet:
        yield "poles move only in an open contactor without an offer"
    if after.phases != s.wanted:
        yield "poles move where they are wanted"
    if before.poles is Poles.STANDING and not waited:
        yield "poles move seldom"
    if after.poles is Poles.STANDING:
        yield "an offer waits until the poles have settled"


PHASES = Automaton(
    start=Phases(),
    sights=tuple(
        PhasesSight(wanted, quiet, confirmed, APART_S)
        for wanted, quiet, confirmed in itertools.product((1, 3), BOTH, BOTH)
    ),
    advance=phases.advance,
    key=lambda state: (state.poles, state.phases),
    timers=_phases_timers,
    broken=_phases_broken,
)


def _wake_timers(state: Waking) -> Iterator[Waking]:
    for ago_s in (0.0, wake.PULSE_S, AFTER_S):
        yield replace(state, since_s=NOW_S - ago_s)


def _wake_broken(before: Waking, s: WakeSight, after: Waking) -> Iterator[str]:
    if after.wake is Wake.PULSE and before.wake is not Wake.PULSE:
        if not s.offered or before.since_s + AFTER_S > NOW_S:
            yield "only who sleeps on an offer is woken, and only after a while"
        if before.wake not in (Wake.WAITING, Wake.DRY) or (s.closed and s.draws is not False):
            yield "who is awake, or may be, is left alone"
    if after.wake is Wake.PULSE and after.since_s + wake.PULSE_S <= NOW_S:
        yield "a pulse ends"
    if after.pulses > wake.PULSES_MAX:
        yield "pulses are bounded"
    if not s.session and after.pulses and after.wake is not Wake.PULSE:
        yield "pulses are counted per session"
    if after.wake in (Wake.WAITING, Wake.DRY, Wake.AWAKE) and not s.offered:
        yield "without an offer nobody waits for the vehicle"


WAKE = Automaton(
    start=Waking(),
    sights=tuple(
        WakeSight(session, offered and session, closed, draws, AFTER_S)
        for session, offered, closed, draws in itertools.product(BOTH, BOTH, BOTH, MAYBE)
    ),
    advance=wake.advance,
    key=lambda state: (state.wake, state.pulses),
    timers=_wake_timers,
    broken=_wake_broken,
)


def _sign_timers(state: Sign) -> Iterator[Sign]:
    for ago_s in (0.0, state_f.PULSE_S):
        yield replace(state, since_s=NOW_S - ago_s)


def _sign_broken(before: Sign, s: SignSight, after: Sign) -> Iterator[str]:
    shown, was_shown = after.told is Told.SHOWN, before.told is Told.SHOWN
    due = s.tripped and s.plugged and not s.closed
    if shown and s.closed:
        yield "F never while closed"
    if shown and not was_shown and not due:
        yield "F only after a trip, for a vehicle that is there"
    if shown and before.told is Told.TOLD:
        yield "one trip is told once"
    if shown and after.since_s + state_f.PULSE_S <= NOW_S:
        yield "F ends"
    if due and before.told is Told.QUIET and not shown:
        yield "a trip is told"
    if was_shown and not shown and not s.closed and before.since_s + 0.3 > NOW_S:
        yield "F lasts 0.3 s at least"


STATE_F = Automaton(
    start=Sign(),
    sights=tuple(SignSight(*facts) for facts in itertools.product(BOTH, BOTH, BOTH)),
    advance=state_f.advance,
    key=lambda state: state.told,
    timers=_sign_timers,
    broken=_sign_broken,
)
