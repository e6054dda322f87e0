"""Why it is not charging, or that it does: the chain of reasons for each state."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.explain.words import Case, Link, behind, drawn, faults
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.freshness import fresh, guards
from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.core.life.limits import MIN_OFFER_A, ceiling_a, lowest
from laddvakt_agent.core.life.state import Hold, Power, Vehicle
from laddvakt_agent.core.life.transitions import OFFER_LEAD_S, PWM_SPACING_S
from laddvakt_agent.core.model import State

ASKS_S = 5.0  # a vehicle takes so long to answer an offer


def why(case: Case) -> Iterator[Link]:
    """The chain, what is seen first."""
    life = case.life
    match life.state:
        case State.CHARGING:
            yield Link(what="it charges: the contactor is closed", since_s=life.commanded_since_s)
            yield from drawn(case)
        case State.FAULTED:
            yield Link(what="a fault holds the contactor open", since_s=life.entered_s)
            yield from faults(case, Act.RAMP)
        case State.UNAVAILABLE:
            yield from _unavailable(case)
        case State.AVAILABLE | State.RESERVED:
            yield from _free(case)
        case State.FINISHING:
            yield Link(
                what="the session is over and the vehicle is still plugged in",
                since_s=life.entered_s,
                change="unplug, or authorise anew for another session",
            )
        case _:  # PREPARING and both SUSPENDED: a vehicle is there
            yield from _waiting(case)


def _unavailable(case: Case) -> Iterator[Link]:
    life = case.life
    if not life.read_once and not case.view.complete:
        yield Link(
            what="not everything that guards the connector has been read since the start",
            since_s=case.connector.started_s,
            change="a complete round of readings",
        )
        yield from _missing(case)
        return
    yield case.shell or Link(
        what="the connector is closed by command or schedule",
        since_s=life.entered_s,
        change=f"laddvakt connector {case.settings.connector} in",
    )


def _free(case: Case) -> Iterator[Link]:
    life = case.life
    what = "no vehicle is plugged in"
    if life.state is State.RESERVED:
        what += "; the connector is reserved"
    yield Link(what=what, since_s=life.entered_s, change="plug in a vehicle")
    yield from faults(case, Act.FINISH)


def _waiting(case: Case) -> Iterator[Link]:
    """A vehicle is there: what is missing for closing, in the order in which it is asked for."""
    life, view = case.life, case.view
    told = False
    for link in (*_session_missing(case), *_held(case), *_vehicle(case), *_timers(case)):
        told = True
        yield link
    if told:
        return
    if not view.ready or not view.secured:
        yield Link(
            what="the vehicle asks; what guards closing is not confirmed yet",
            since_s=life.limit_changed_s,
            change="fresh readings of everything that guards it",
        )
        yield from _missing(case)
        return
    yield Link(what="everything is there: the contactor closes now", since_s=life.limit_changed_s)


def _session_missing(case: Case) -> Iterator[Link]:
    life, view = case.life, case.view
    if life.session:
        return
    against = tuple(faults(case, Act.FINISH))
    if against:
        yield Link(what="a fault allows no new session", since_s=against[0].since_s)
        yield from against
    elif case.shell is not None:
        yield case.shell
    elif not view.in_service:
        yield Link(
            what="the connector is closed by command or schedule",
            change=f"laddvakt connector {case.settings.connector} in",
        )
    elif not view.authorised:
        yield Link(
            what="plugged in, but nobody has authorised it",
            since_s=life.entered_s,
            change="show a card, or start it from the app",
        )


def _held(case: Case) -> Iterator[Link]:
    """The station itself offers nothing although a session wants it."""
    life, hold = case.life, case.view.hold
    if not life.session:
        return
    if case.connector.tests.running is SelfTest.RESIDUAL:
        yield Link(
            what="the residual-current monitor tests itself",
            since_s=case.connector.tests.since_s,
            change="the end of the test, a minute at most",
        )
    if hold is not None:
        since_s, change = _HOLDS[hold]
        yield Link(what=hold.value, since_s=getattr(life, since_s), change=change)
    deciding = lowest(life.limits)
    if deciding is not None and ceiling_a(life.limits) < MIN_OFFER_A:
        yield Link(
            what=f"{deciding.name} allows {deciding.limit_a:g} A, less than the {MIN_OFFER_A:g} A "
            f"a charger can offer: {deciding.detail}",
            since_s=deciding.since_s,
            change=f"more than {MIN_OFFER_A:g} A from {deciding.name}",
        )
        yield from behind(case, deciding.detail)


_HOLDS = {
    Hold.SUPPLY: ("entered_s", "the supply's return"),
    Hold.PROOF: ("entered_s", "fresh readings of vehicle, lock and meter; 30 s at most"),
    Hold.STATE_F: ("told_since_s", "the end of the pulse"),
    Hold.PHASES: ("phases_tried_s", "the end of the switching, about 12 s"),
    Hold.WAKING: ("wake_since_s", "the end of the pulse, 5 s"),
}


def _vehicle(case: Case) -> Iterator[Link]:
    life, vehicle = case.life, case.view.vehicle
    if not life.session or vehicle is Vehicle.ASKING:
        return
    match vehicle:
        case Vehicle.VENTILATION:
            what, change = "the vehicle asks for ventilation (state D)", "a place with ventilation"
        case Vehicle.CONNECTED if case.now_s < life.limit_changed_s + ASKS_S and life.limit_a > 0.0:
            what, change = f"{life.limit_a:g} A are offered since a moment", "the vehicle's answer"
        case Vehicle.CONNECTED if life.limit_a > 0.0:
            what = f"{life.limit_a:g} A are offered, the vehicle does not ask (pilot B)"
            change = "the vehicle: full, paused, or on a timer of its own"
        case Vehicle.CONNECTED:
            what, change = "the vehicle is connected and waits for an offer (pilot B)", "the offer"
        case _:
            what, change = f"the pilot says: {vehicle.value}", "a good pilot reading"
    yield Link(what=what, since_s=max(life.entered_s, life.limit_changed_s), change=change)


def _timers(case: Case) -> Iterator[Link]:
    life, now_s = case.life, case.now_s
    if not life.session:
        return
    if life.power is Power.OFF:
        wait_s = max(life.limit_changed_s + PWM_SPACING_S - now_s, 0.0)
        if wait_s > 0.0:
            yield Link(
                what="the offer was changed a moment ago",
                since_s=life.limit_changed_s,
                change=f"{wait_s:.0f} s: the vehicle has {PWM_SPACING_S:g} s to follow a change",
            )
        return
    ready_s = max(
        life.commanded_since_s + case.settings.reclose_min_s, life.limit_changed_s + OFFER_LEAD_S
    )
    if now_s < ready_s:
        yield Link(
            what="the contactor was opened a moment ago",
            since_s=life.commanded_since_s,
            change=f"{ready_s - now_s:.1f} s",
        )


def _missing(case: Case) -> Iterator[Link]:
    """The guarding readings that are not there."""
    age_s = case.settings.sample_max_age_s
    for role, sample in guards(case.settings, case.inputs):
        if fresh(sample, age_s, case.now_s) is None:
            taken_s = None if sample is None else sample.taken_s
            yield Link(what=f"nothing fresh from the {role.value}", since_s=taken_s)
    if case.settings.socket and not case.view.secured:
        yield Link(
            what="the lock does not say that it holds the plug", since_s=case.life.lock_since_s
        )
    if not case.inputs.guarded and case.settings.unattended_current_a is None:
        yield Link(what="no watchdog is armed that opens the contactor if the agent dies")
    if not case.inputs.recorded:
        yield Link(
            what="the disk has not taken what the last fault used up of its retries",
            change="a disk that takes it: see storage_full, storage_read_only",
        )
