"""The connector's tables against every summary of faults and every reading, timers fresh or due.

Lock, poles, waking and state F are explored alone (`core_explore_gear`). Here each is one bit of
the view that may be anything at any time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias, cast

from agent.core.core_explore import Count, Probe, every
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life.state import Hold, Life, Power, Trail, Vehicle, View
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.settings import Settings

NOW_S = 1e7
SETTINGS = Settings(connector="1", max_current_a=16.0, unattended_current_a=8.0)
DOMAINS: dict[str, tuple[object, ...]] = {
    # readings and wishes
    "vehicle": tuple(Vehicle),
    "complete": (False, True),
    "ready": (False, True),
    "metered": (False, True),
    "unloaded": (False, True),
    "authorised": (False, True),
    "in_service": (False, True),
    "reserved": (False, True),
    "unlock": (False, True),
    # one bit of each automaton beside the tables
    "secured": (False, True),
    "hold": (None, Hold.PHASES, Hold.SUPPLY),  # the others are rows of the same kind as PHASES
    "ceiling_a": (16.0, 0.0),
    # the summary of faults
    "act": tuple(Act),
    "derate": (False, True),
    "hold_s": (0.0, 1800.0),  # a longer hold is the same with a later bound
}
Key: TypeAlias = tuple[object, ...]
_FIXED: dict[str, object] = {"code": "some_fault", "limit_a": None}  # a limit is as a ceiling
LIMITS_A = {0.0: "none", 8.0: "derated", 16.0: "full"}


class Faults:
    """A summary whose fields are chosen when they are looked at."""

    __slots__ = ("_probe",)

    def __init__(self, probe: Probe) -> None:
        self._probe = probe

    def __getattr__(self, name: str) -> object:
        if name in _FIXED:
            return _FIXED[name]
        if name == "hold_s" and cast("Act", self._probe.act) < Act.RAMP:
            return None
        return getattr(self._probe, name)


def key(life: Life) -> Key:
    """What decides; times and reasons do not count, nor what belongs to the gear."""
    return (
        life.state,
        life.power,
        life.read_once,
        life.plugged,
        life.session,
        life.metered,
        life.over,
        life.rearmed,
        LIMITS_A.get(life.limit_a, "other"),
    )


def start(*, session_open: bool) -> Life:
    return Life(plugged=session_open, session=session_open)


def explore(until: str | None = None) -> tuple[set[Key], Count]:
    """Every reachable state. Stops at the first violation of the property `until`, if given."""
    lives, count = explore_lives(until)
    return set(lives), count


def explore_lives(until: str | None = None) -> tuple[dict[Key, Life], Count]:
    """Every reachable state with one life in it, the first found first."""
    count, queue = Count(), [start(session_open=False), start(session_open=True)]
    known = {key(life): life for life in queue}
    while queue:
        life = queue.pop()
        for timed in timers(life):
            for after in _every_step(timed, count):
                if key(after) not in known:
                    known[key(after)] = after
                    queue.append(after)
            if until is not None and any(v.startswith(until) for v in count.violations):
                return known, count
            if until is not None:
                count.violations.clear()
    count.states = len(known)
    return known, count


def _every_step(life: Life, count: Count) -> Iterator[Life]:
    def run(probe: Probe) -> Life:
        view, faults = cast("View", probe), cast("Summary", Faults(probe))
        after, trail = tables.settle(SETTINGS, life, view, faults, NOW_S)
        for name in broken(life, view, faults, after, trail):
            count.violations.append(f"{name}: {life} + {probe} -> {after}")
        return after

    for probe, after in every(DOMAINS, run):
        count.runs += 1
        count.covered += probe.stands_for()
        yield after


def timers(life: Life) -> Iterator[Life]:
    """Each running timer fresh, or due by just reaching its bound.

    The last opening is looked at by closing alone, and that begins at an offer made in an earlier
    step: elsewhere it may as well be due.
    """
    offering = life.power is Power.OFFERED
    opened = (NOW_S, NOW_S - 2.0) if offering else (NOW_S - 2.0,)
    # Two things wait for the same timer: closing 0.1 s after the offer, changing it again 5 s.
    offered = (NOW_S, NOW_S - 0.1, NOW_S - 5.0) if offering else (NOW_S, NOW_S - 5.0)
    # Half way a ramp that some step begins anew betrays itself.
    ramped = (NOW_S - 3.0, NOW_S - 6.0) if life.power is Power.RAMPING else (NOW_S,)
    holds = life.state is State.FAULTED and life.session
    held = (NOW_S, NOW_S - 1800.0) if holds else (NOW_S,)
    for opened_s, offered_s, ramped_s, held_s in itertools.product(opened, offered, ramped, held):
        yield replace(
            life,
            commanded_since_s=opened_s,
            limit_changed_s=offered_s,
            ramp_since_s=ramped_s,
            entered_s=held_s,
        )


def broken(before: Life, view: View, faults: Summary, after: Life, trail: Trail) -> Iterator[str]:
    """The properties that this step breaks."""
    yield from _broken_faults(faults, after)
    yield from _broken_safety(before, view, after)
    yield from _broken_offer(before, view, after)
    yield from _broken_session(before, view, faults, after, trail)
    if (faults.act >= Act.RAMP) is not (after.state is State.FAULTED):
        yield "FAULTED if and only if a fault blocks"
    if (after.state is State.CHARGING) is not (after.power is Power.CLOSED):
        yield "CHARGING if and only if closed with an offer"
    free = after.state in (State.AVAILABLE, State.RESERVED)
    if free and (after.state is State.RESERVED) is not view.reserved:
        yield "a free connector is RESERVED if and only if it is kept for somebody"
    if after is not before:  # else the same call again gives the same answer
        again, more = tables.settle(SETTINGS, after, view, faults, NOW_S)
        if again != after or more != Trail():
            yield "equal inputs again change nothing"


def _broken_faults(faults: Summary, after: Life) -> Iterator[str]:
    if after.closed and faults.act is Act.TRIP:
        yield "a tripping fault opens in the same step"
    if faults.act is Act.RAMP and after.limit_a > 0.0:
        yield "a ramping fault ends the offer in the same step"
    if after.limit_a > 8.0 and faults.derate:
        yield "a derating fault lowers the offer in the same step"


def _broken_safety(before: Life, view: View, after: Life) -> Iterator[str]:
    if after.power is Power.RAMPING and after.ramp_since_s + 6.0 <= NOW_S:
        yield "no ramp older than 6 s"
    ramping = before.power is Power.RAMPING and after.power is Power.RAMPING
    if ramping and after.ramp_since_s != before.ramp_since_s:
        yield "a ramp begins once"
    if after.power is Power.CLOSED and not (after.session and after.metered and view.authorised):
        yield "closed only in an authorised session whose first register value is known"
    resting = (Vehicle.ABSENT, Vehicle.CONNECTED)
    if after.closed and view.vehicle in resting:
        yield "closed only while the vehicle asks"
    if after.power is Power.CLOSED and view.vehicle is Vehicle.VENTILATION:
        yield "closed only where ventilation allows"
    if after.closed and view.hold is Hold.SUPPLY:
        yield "a lost supply opens in the same step"
    if after.closed and not before.closed:
        yield from _broken_closing(before, view)


def _broken_offer(before: Life, view: View, after: Life) -> Iterator[str]:
    if (after.limit_a > 0.0) is not (after.power in (Power.OFFERED, Power.CLOSED)):
        yield "an offer if and only if the power says so"
    if after.limit_a > before.limit_a and before.limit_changed_s + 5.0 > NOW_S:
        yield "offers rise 5 s after the last change at the earliest"
    if after.limit_a > 0.0 and view.hold is not None:
        yield "no offer while poles, waking, state F or the supply forbid it"
    if after.limit_a > 0.0 and after.limit_a > view.ceiling_a:
        yield "no offer above what is allowed"
    if 0.0 < after.limit_a < 6.0:
        yield "no offer below 6 A"


def _broken_closing(before: Life, view: View) -> Iterator[str]:
    if not (view.vehicle is Vehicle.ASKING and view.ready):
        yield "closing needs every guard fresh and a vehicle that asks"
    if before.power is not Power.OFFERED or before.limit_changed_s + 0.1 > NOW_S:
        yield "closing needs an offer made before"
    if before.commanded_since_s + 2.0 > NOW_S:
        yield "closing needs 2 s open"
    if not view.secured:
        yield "closing needs the plug held"


def _broken_session(
    before: Life, view: View, faults: Summary, after: Life, trail: Trail
) -> Iterator[str]:
    if trail.begun and not (view.authorised and view.in_service and faults.act < Act.FINISH):
        yield "a session begins authorised, in service and without faults against it"
    if trail.begun and before.over and view.vehicle is not Vehicle.ABSENT and not before.rearmed:
        yield "an ended session does not restart by itself"
    if after.session and (not view.authorised or faults.hold_s == 0.0):
        yield "a session ends with its authorisation or a fault that ends it"
    if after.session and (view.vehicle is Vehicle.ABSENT or view.unlock):
        yield "a session ends with the plug, or with the wish for it"
    if before.session and not after.session and trail.ended is None:
        yield "every end of a session is told"
    if after.closed and not after.session and after.power is not Power.RAMPING:
        yield "without a session only a ramp may still be closed"
