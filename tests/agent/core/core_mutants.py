"""Seeded defects of the core, each with the exploration that must notice it.

A mutant patches tables, rows or functions of the running process, never a file. Its check yields
what it finds broken; whoever asks stops at the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.core import (
    core_explore_parts,
    core_track_laws,
)
from agent.core.core_mutants_seek import Check, by_counter, by_days, by_hot_day, by_tables, by_track
from agent.core.core_mutants_wrong import (
    Patch,
    any_vehicle,
    as_latch_dropped,
    asks_and_offered,
    at_once,
    begun_anew,
    budget_off_by_one,
    close_if,
    forgiving,
    hasty,
    highest_limit,
    impatient,
    life_without,
    lose_lock,
    never_early,
    never_escalating,
    none_is_heard,
    power_without,
    punctual,
    remote_is_enough,
    restless,
    see_guarded,
    setting,
    swapped_power,
    unlocking,
    unnoted,
)
from laddvakt_agent.core import freshness, machine
from laddvakt_agent.core.detect import liveness
from laddvakt_agent.core.life import connector as tables
from laddvakt_agent.core.life import transitions
from laddvakt_agent.core.life.state import Power
from laddvakt_agent.core.memory import all as memory
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover import recovery


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A defect, and who must find it; what is found begins with `expected`."""

    apply: Patch
    check: Check
    expected: str = ""


MUTANTS: Mapping[str, Mutant] = {
    "a trip is ignored while ramping": Mutant(
        apply=power_without("trip", Power.RAMPING),
        check=by_tables("a tripping fault opens in the same step"),
    ),
    "a fault is ignored while suspended": Mutant(
        apply=life_without("fault", State.SUSPENDED_VEHICLE),
        check=by_tables("FAULTED if and only if a fault blocks"),
    ),
    "a fault is ignored while charging": Mutant(
        apply=life_without("fault", State.CHARGING),
        check=by_tables("a ramping fault ends the offer in the same step"),
    ),
    "unplugging is ignored while ramping": Mutant(
        apply=power_without("vehicle let go", Power.RAMPING),
        check=by_tables("closed only while the vehicle asks"),
    ),
    "keeping and ramping change places": Mutant(
        apply=swapped_power(Power.CLOSED, "keep", "ramp"),
        check=by_tables("CHARGING if and only if closed with an offer"),
    ),
    "closes without looking at its guards": Mutant(
        apply=close_if(asks_and_offered),
        check=by_tables("closing needs every guard fresh and a vehicle that asks"),
    ),
    "a ramp lasts for 60 s": Mutant(
        apply=setting(transitions, "RAMP_MAX_S", 60.0), check=by_tables("no ramp older than 6 s")
    ),
    "offers rise without spacing": Mutant(
        apply=setting(transitions, "PWM_SPACING_S", 0.0),
        check=by_tables("offers rise 5 s after the last change at the earliest"),
    ),
    "sessions outlive their fault": Mutant(
        apply=setting(tables, "_end_reason", lambda _: None),
        check=by_tables("a session ends with its authorisation or a fault that ends it"),
    ),
    "one reclosure too many": Mutant(
        apply=setting(recovery, "budget_left", budget_off_by_one),
        check=by_counter("over_current"),
    ),
    "the budget is not counted": Mutant(
        apply=setting(recovery, "_costs", lambda *_: False),
        check=by_track("over_current"),
        expected="each reclosure costs a retry",
    ),
    "the board's own reclosures are free": Mutant(
        apply=setting(recovery, "_charged", lambda track, _: track),
        check=by_track("over_current"),
        expected="a reclosure by the board uses up the budget",
    ),
    "the confirm time is ignored": Mutant(
        apply=setting(recovery, "_watch", hasty),
        check=by_track("pilot_fault"),
        expected="what is raised was seen for its confirm time",
    ),
    "an early trip is one like any other": Mutant(
        apply=setting(recovery, "_raised", never_early),
        check=by_track("residual_current_dc"),
        expected="service rows and early trips lock out at once",
    ),
    "a trip is forgotten with its vehicle": Mutant(
        apply=setting(recovery, "_costs", any_vehicle),
        check=by_track("residual_current_ac"),
        expected="a trip that left with its vehicle counts against the next",
    ),
    "nobody notes that a session was held back": Mutant(
        apply=setting(recovery, "_stand", unnoted),
        check=by_track("over_current"),
        expected="what holds a session back is noted",
    ),
    "a reclosure is forgotten": Mutant(
        apply=setting(recovery, "_costs", lambda *_: False), check=by_counter("board_error")
    ),
    "each step begins the ramp anew": Mutant(
        apply=setting(tables, "_powered", begun_anew), check=by_tables("a ramp begins once")
    ),
    "silence clears": Mutant(
        apply=setting(recovery, "advance", forgiving), check=by_track("board_error")
    ),
    "the clear time is ignored": Mutant(
        apply=setting(recovery, "leave_at_s", at_once),
        check=by_track("over_current_gross"),
        expected="the clear time is waited for",
    ),
    "the back-off is ignored": Mutant(
        apply=setting(recovery, "leave_at_s", impatient),
        check=by_track("contactor_did_not_close"),
        expected="the back-off is waited for",
    ),
    "the random delay is ignored": Mutant(
        apply=setting(recovery, "leave_at_s", punctual),
        check=by_track("frequency_out_of_range"),
        expected="the random delay is waited for",
    ),
    "what flaps is never waited for": Mutant(
        apply=setting(recovery, "leave_at_s", restless),
        check=by_track("bus_down"),
        expected="what flaps is quiet first",
    ),
    "flapping is not noticed": Mutant(
        apply=setting(recovery, "_recent", lambda *_: ()),
        check=by_track("bus_down"),
        expected="what was raised too often of late flaps",
    ),
    "a remote message clears a lock-out": Mutant(
        apply=remote_is_enough,
        check=by_track("emergency_stop"),
        expected="a person of the right role resets",
    ),
    "any reset lifts what nothing watches": Mutant(
        apply=setting(recovery, "_lifted", lambda _, around: bool(around.resets)),
        check=by_track("tilted"),
        expected="what nothing watches is left by a person at the charger",
    ),
    "the service role needs no test": Mutant(
        apply=setting(recovery, "_unproved", lambda *_: ()),
        check=by_track("contactor_welded"),
        expected="the self-tests pass first",
    ),
    "a lock-out is lost when the fault returns": Mutant(
        apply=setting(recovery, "_back", unlocking),
        check=by_track("contactor_disputed"),
        expected="a lock-out never ends while its fault stands",
    ),
    "later stages are never reached": Mutant(
        apply=setting(recovery, "_escalated", never_escalating),
        check=by_track("control_loop_late", "meter_lost"),
        expected="an act follows its stages",
    ),
    "the latch is dropped": Mutant(
        apply=setting(core_track_laws, "as_latch", as_latch_dropped),
        check=by_track("tilted"),
        expected="what must survive a restart is written down",
    ),
    "a restart frees a lock-out": Mutant(
        apply=setting(core_track_laws, "from_latch", lose_lock),
        check=by_track("tilted"),
        expected="a restart changes neither lock-out",
    ),
    "the limit is not the lowest": Mutant(
        apply=lambda patch: (
            patch.setattr(machine, "join", highest_limit),
            patch.setattr(core_explore_parts, "join", highest_limit),
        )[0],
        check=by_hot_day,
        expected="the offer is above a limit",
    ),
    "silence is overlooked": Mutant(
        apply=setting(liveness, "silences", lambda *_: ()),
        check=by_days(20_000),
        expected="closed only with a",
    ),
    "no reading is taken for a reading": Mutant(
        apply=setting(memory, "_heard_s", none_is_heard),
        check=by_days(20_000),
        expected="closed only with a",
    ),
    "closes unguarded": Mutant(
        apply=setting(freshness, "see", see_guarded),
        check=by_days(20_000),
        expected="closes only guarded",
    ),
}
