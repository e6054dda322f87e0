"""What the connector's meter says now: fresh numbers only, looked at once for all detectors."""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_agent.core.freshness import LIVE_V, fresh, number
from laddvakt_agent.core.inputs import Inputs, Phases
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.settings import Settings

LOAD_SIDE_SETTLE_S = 2.0  # after closing, before a load-side voltage says anything of the supply
NOTHING: Phases = (None, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The usable measurements of one moment. Currents are without sign."""

    phase_v: Phases = NOTHING
    volts_v: tuple[float, ...] = ()  # the wired and active pairs that are known
    volts_s: float = 0.0  # when they were taken
    whole_v: bool = False  # none of them is missing
    blind: bool = False  # behind a contactor that is open or only just closed: no supply to see
    phase_a: Phases = NOTHING
    amps_a: tuple[float, ...] = ()  # the phases that are known
    amps_s: float = 0.0
    whole_a: bool = False
    power_w: float | None = None
    energy_wh: float | None = None


def shown_s(settings: Settings) -> float:
    """How long after something happened, in s, a reading may still show what was before it."""
    return settings.meter_latency_s + settings.meter_update_s


def measure(settings: Settings, life: Life, inputs: Inputs, now_s: float) -> Measured:
    """Everything of the meter that can be judged at this moment."""
    age_s = settings.meter_max_age_s
    volts, amps = inputs.voltage_v, inputs.current_a
    phase_v = _known(fresh(volts, age_s, now_s))
    phase_a = _known(fresh(amps, age_s, now_s))
    active = min(settings.phases, life.phases) if settings.voltage_load_side else settings.phases
    volts_v = _wired(settings, phase_v, active)
    amps_a = tuple(abs(value) for value in phase_a if value is not None)
    return Measured(
        phase_v=phase_v,
        volts_v=volts_v,
        volts_s=0.0 if volts is None or not volts_v else min(volts.taken_s, now_s),
        whole_v=len(volts_v) >= active,
        blind=settings.voltage_load_side and _blind(settings, life, inputs),
        phase_a=phase_a,
        amps_a=amps_a,
        amps_s=0.0 if amps is None or not amps_a else min(amps.taken_s, now_s),
        whole_a=len(amps_a) >= settings.phases,
        power_w=number(fresh(inputs.power_w, age_s, now_s)),
        energy_wh=number(fresh(inputs.energy_wh, age_s, now_s)),
    )


def _known(phases: Phases | None) -> Phases:
    if phases is None:
        return NOTHING
    first, second, third = phases
    return number(first), number(second), number(third)


def _wired(settings: Settings, phases: Phases, active: int) -> tuple[float, ...]:
    """The values that count. One wired phase may stand in any of the three places."""
    known = tuple(value for value in phases if value is not None)
    if active > 1 or len(known) < 2:
        return known
    if settings.phases > 1:
        return known[:1]  # the first pole is the one that closes alone
    return next(((value,) for value in known if value >= LIVE_V), known[:1])


def _blind(settings: Settings, life: Life, inputs: Inputs) -> bool:
    if not life.closed or inputs.voltage_v is None:
        return True
    settle_s = max(LOAD_SIDE_SETTLE_S + settings.meter_latency_s, 1.0 + shown_s(settings))
    return inputs.voltage_v.taken_s < life.commanded_since_s + settle_s
