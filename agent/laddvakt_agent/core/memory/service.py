"""What is remembered of the controller and the site: late rounds, an overload, the start."""

from __future__ import annotations

from dataclasses import dataclass, replace

from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import fresh, number
from laddvakt_agent.core.inputs import ClockState, Inputs
from laddvakt_agent.core.settings import Settings

_LATE_KEPT = 5  # as many as the row may count


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceMemory:
    """The controller's and the site's past."""

    late_s: tuple[float, ...] = ()  # when the newest late rounds were, oldest first
    over_since_s: float | None = None  # a site phase is over its limit since then
    synced_s: float | None = None  # the clock was first seen synchronised then
    recovered_s: float | None = None  # an open session was found at the start, which was then


def remember_service(
    settings: Settings, before: ServiceMemory, inputs: Inputs, now_s: float
) -> ServiceMemory:
    """The memory after this moment's readings; the same object when nothing is new."""
    memory = before
    late_s = _late_s(settings, before.late_s, inputs, now_s)
    if late_s is not before.late_s:
        memory = replace(memory, late_s=late_s)
    over_since_s = _over_since_s(settings, before.over_since_s, inputs, now_s)
    if over_since_s != before.over_since_s:
        memory = replace(memory, over_since_s=over_since_s)
    if before.synced_s is None and inputs.clock is ClockState.SYNCED:
        memory = replace(memory, synced_s=now_s)
    return memory


def site_current_a(settings: Settings, inputs: Inputs, now_s: float) -> float | None:
    """The highest fresh current of the site's phases behind this connector, in A without sign.

    `None` while one of them is unknown: it may be the highest.
    """
    phases = fresh(inputs.site_current_a, settings.site_max_age_s, now_s)
    if phases is None:
        return None
    behind = [number(phases[phase - 1]) for phase in settings.phase_map[: settings.phases]]
    known = [abs(value_a) for value_a in behind if value_a is not None]
    return max(known) if known and len(known) == len(behind) else None


def _late_s(
    settings: Settings, before: tuple[float, ...], inputs: Inputs, now_s: float
) -> tuple[float, ...]:
    sample = inputs.round_late_s
    late_s = number(fresh(sample, settings.sample_max_age_s, now_s))
    if sample is None or late_s is None or (before and sample.taken_s <= before[-1]):
        return before
    if late_s <= rule_for(settings.rules, "control_loop_late").values["late_s"]:
        return before
    return (*before, sample.taken_s)[-_LATE_KEPT:]


def _over_since_s(
    settings: Settings, before_s: float | None, inputs: Inputs, now_s: float
) -> float | None:
    if settings.site_limit_a is None or inputs.site_current_a is None:
        return None
    current_a = site_current_a(settings, inputs, now_s)
    if current_a is None or current_a <= settings.site_limit_a:
        return None
    return inputs.site_current_a.taken_s if before_s is None else before_s
