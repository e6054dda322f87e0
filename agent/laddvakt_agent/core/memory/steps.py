"""What the connector's own steps of current teach: the supply's impedance, and the site's phases.

A step lies between two stretches of steady current. Voltages before and after it give the impedance
of everything up to the meter; the site's currents show on which of its phases it appeared.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from laddvakt_agent.core.detect.measured import NOTHING, Measured
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.inputs import Inputs, Phases, Reset
from laddvakt_agent.core.settings import Settings

STEADY_A = 0.75  # between two samples; a vehicle that ramps changes more
SPACING_S = 1.0  # samples closer together could not tell a ramp from steadiness
WINDOW_S = 30.0  # a step that takes longer may be mixed with what others do
_MISSING_SHARE = 0.25  # of a step: less than this is not seen on a phase …
_SEEN_SHARE = 0.75  # … and more is

Ohms: TypeAlias = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A moment of steady current."""

    taken_s: float
    amps: Phases
    volts: Phases
    site: Phases | None = None  # the site's currents in this stretch …
    newer: Phases | None = None  # … and those since, until it is known that the stretch went on


@dataclass(frozen=True, slots=True, kw_only=True)
class StepsMemory:
    """The last steady stretch, and what the steps so far have shown."""

    last_s: float | None = None
    last_a: Phases = NOTHING
    steady_s: float | None = None  # since when the current is steady
    mark: Mark | None = None
    waiting: Mark | None = None  # the mark before the last step, until the site shows that
    ohms: Ohms = ((), (), ())  # per phase, the newest last
    base_ohm: Phases = NOTHING  # per phase, of the first steps
    astray: int = 0  # steps in a row that appeared on another phase of the site
    astray_at: tuple[int, int] = (0, 0)  # the mapped phase and the one it appeared on


def remember_steps(
    settings: Settings, before: StepsMemory, inputs: Inputs, measured: Measured, now_s: float
) -> StepsMemory:
    """The memory after this moment's readings; the same object when nothing is new."""
    memory = _looked(settings, before, measured)
    if "site_current_a" in settings.fitted and memory.steady_s is not None:
        memory = _sited(settings, memory, inputs, now_s)
    return _forgotten(memory, inputs)  # last, else the same reset again would forget more


def median(values: tuple[float, ...]) -> float:
    """The middle one, of an even number the lower."""
    return sorted(values)[(len(values) - 1) // 2]


def _forgotten(before: StepsMemory, inputs: Inputs) -> StepsMemory:
    """What a person answers for begins anew."""
    if Reset.SERVICE in inputs.resets:
        before = replace(before, ohms=((), (), ()), base_ohm=NOTHING)
    return replace(before, astray=0) if inputs.resets else before


def _looked(settings: Settings, before: StepsMemory, measured: Measured) -> StepsMemory:
    taken_s = measured.amps_s
    spacing_s = max(SPACING_S, 2.0 * settings.meter_update_s)
    if not measured.whole_a or (before.last_s is not None and taken_s < before.last_s + spacing_s):
        return before
    known = before.last_s is not None and taken_s <= before.last_s + WINDOW_S
    calm = known and _largest_a(before.last_a, measured.phase_a) <= STEADY_A
    before = replace(before, last_s=taken_s, last_a=measured.phase_a)
    if not calm:
        return replace(before, steady_s=None, waiting=None)
    mark = Mark(taken_s=taken_s, amps=measured.phase_a, volts=_volts(settings, measured))
    if before.steady_s is not None and before.mark is not None:
        return _placed(settings, before, _went_on(before.mark, mark))
    return replace(_stepped(settings, before, mark), steady_s=taken_s, mark=mark)


def _went_on(was: Mark, now: Mark) -> Mark:
    """A step may have come just before this moment, but not before the site was read."""
    return replace(now, site=was.site if was.newer is None else was.newer)


def _volts(settings: Settings, measured: Measured) -> Phases:
    """The voltages of the same moment as the currents."""
    together = abs(measured.volts_s - measured.amps_s) <= settings.meter_update_s
    return measured.phase_v if together and not measured.blind else NOTHING


def _largest_a(one: Phases, other: Phases) -> float:
    return max(
        (abs(a - b) for a, b in zip(one, other, strict=True) if a is not None and b is not None),
        default=0.0,
    )


def _stepped(settings: Settings, before: StepsMemory, mark: Mark) -> StepsMemory:
    """With what the step from the mark before to this one shows."""
    was = before.mark
    if was is None or mark.taken_s > was.taken_s + WINDOW_S:
        return before
    waiting = was if was.site is not None else None
    ohms, base_ohm = list(before.ohms), list(before.base_ohm)
    enough = int(rule_for(settings.rules, "supply_impedance_high").values["steps_count"])
    for phase in range(3):
        ohm = _ohm(settings, was, mark, phase)
        if ohm is None:
            continue
        ohms[phase] = (*ohms[phase], ohm)[-enough:]
        if base_ohm[phase] is None and len(ohms[phase]) == enough:
            base_ohm[phase] = median(ohms[phase])
    return replace(
        before,
        waiting=waiting,
        ohms=(ohms[0], ohms[1], ohms[2]),
        base_ohm=(base_ohm[0], base_ohm[1], base_ohm[2]),
    )


def _ohm(settings: Settings, was: Mark, now: Mark, phase: int) -> float | None:
    values = rule_for(settings.rules, "supply_impedance_high").values
    amps = was.amps[phase], now.amps[phase]
    volts = was.volts[phase], now.volts[phase]
    if amps[0] is None or amps[1] is None or volts[0] is None or volts[1] is None:
        return None
    more_a = abs(amps[1]) - abs(amps[0])
    if abs(more_a) < values["step_a"] or min(volts[0], volts[1]) < 0.5 * settings.nominal_voltage_v:
        return None
    return (volts[0] - volts[1]) / more_a


def _sited(settings: Settings, before: StepsMemory, inputs: Inputs, now_s: float) -> StepsMemory:
    """With the site's currents beside the steady stretch they belong to."""
    sample, mark, steady_s = inputs.site_current_a, before.mark, before.steady_s
    site = fresh(sample, settings.site_max_age_s, now_s)
    if sample is None or site is None or mark is None or steady_s is None:
        return before
    if sample.taken_s < steady_s + settings.meter_latency_s or mark.newer == site:
        return before
    newer = (number(site[0]), number(site[1]), number(site[2]))
    return replace(before, mark=replace(mark, newer=newer))


def _placed(settings: Settings, before: StepsMemory, after: Mark) -> StepsMemory:
    """With the verdict on where the step before this stretch appeared, once the site shows it."""
    was, before = before.waiting, replace(before, mark=after)
    if was is None or after.site is None:
        return before
    before = replace(before, waiting=None)
    least_a = rule_for(settings.rules, "phase_map_wrong").values["step_a"]
    own = [_change_a(was.amps, after.amps, phase) for phase in range(3)]
    site = [_change_a(was.site or NOTHING, after.site, phase) for phase in range(3)]
    stepping = [phase for phase, step_a in enumerate(own) if step_a >= least_a]
    mapped = {
        settings.phase_map[phase] - 1 for phase in stepping if phase < len(settings.phase_map)
    }
    if not mapped or len(mapped) == 3:
        return before  # a step of all three phases says nothing of their order
    step_a = min(own[phase] for phase in stepping)
    missing = [phase for phase in mapped if site[phase] < _MISSING_SHARE * step_a]
    others = [p for p in range(3) if p not in mapped and site[p] >= _SEEN_SHARE * step_a]
    if missing and others:
        enough = int(rule_for(settings.rules, "phase_map_wrong").values["steps_count"])
        found_at = (missing[0] + 1, others[0] + 1)
        return replace(before, astray=min(before.astray + 1, enough), astray_at=found_at)
    return before if missing else replace(before, astray=0)


def _change_a(one: Phases, other: Phases, phase: int) -> float:
    was, now = one[phase], other[phase]
    return 0.0 if was is None or now is None else abs(abs(now) - abs(was))
