"""What is remembered of the meter: what stands still under load, what it may show next."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from laddvakt_agent.core.detect.measured import NOTHING, Measured
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.inputs import Inputs, Phases, Reset, Role, Sample
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.contactor import energy_s, register_step_wh
from laddvakt_agent.core.rollover import rolled_over
from laddvakt_agent.core.settings import Settings, Supply

BLOCK_S = 0.05  # readings so close together come from one reply
OPEN_MIN_S = 5.0  # a contactor open for less says nothing about the meter's supply
_STEADY_A = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Unchanged:
    """A value and since when it has not changed under load."""

    value: tuple[float, ...] = ()
    since_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Still:
    """The energy register, and what has flowed since it last moved."""

    value_wh: float
    since_s: float
    flowed_wh: float = 0.0
    power_w: float = 0.0  # of the newest sample …
    power_s: float = 0.0  # … and when that was taken


@dataclass(frozen=True, slots=True, kw_only=True)
class Spell:
    """Whether the meter is heard while the contactor is open, and while it is closed."""

    closed: bool = False
    commanded_s: float = 0.0
    heard_open: bool = True  # after this opening, once settled
    heard_closed: bool = False
    silent: bool = False  # it was silent all through the last opening, and only then
    count: int = 0  # such openings in a row


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterMemory:
    """One meter."""

    still: Still | None = None  # `None` while not under load
    alike: Unchanged | None = None
    trusted_wh: float | None = None  # the last register value that can be true …
    trusted_s: float = 0.0  # … and when it was read
    last_a: Phases = NOTHING  # the newest currents …
    last_s: float | None = None  # … and when they were taken
    steady: bool = False  # they were much the same as those before
    doubt: str = ""  # why the readings cannot be true; empty while they can
    doubt_since_s: float = 0.0
    spell: Spell = field(default_factory=Spell)


def remember_meter(
    settings: Settings,
    life: Life,
    before: MeterMemory,
    inputs: Inputs,
    measured: Measured,
    now_s: float,
) -> MeterMemory:
    """The memory after this moment's readings."""
    still, alike = _unchanged(settings, before, inputs, measured, now_s)
    before = _steadied(_rebased(settings, before, inputs), measured)
    trusted_wh, trusted_s, register = _register(settings, before, inputs, measured, now_s)
    doubt = (
        register or _beyond(settings, measured) or _unbalanced(settings, before, inputs, measured)
    )
    return MeterMemory(
        still=still,
        alike=alike,
        trusted_wh=trusted_wh,
        trusted_s=trusted_s,
        last_a=before.last_a,
        last_s=before.last_s,
        steady=before.steady,
        doubt=doubt,
        doubt_since_s=_since_s(before, doubt, now_s),
        spell=_spell(settings, life, before.spell, inputs, measured, now_s),
    )


def _since_s(before: MeterMemory, doubt: str, now_s: float) -> float:
    if not doubt:
        return 0.0
    return before.doubt_since_s if before.doubt else now_s


def moved_since(settings: Settings, memory: MeterMemory, at_s: float) -> bool:
    """Whether anything the meter shows has changed since then: a frozen one convicts nobody."""
    alike, enough = memory.alike, rule_for(settings.rules, "meter_frozen").values["alike_count"]
    if alike is None or len(alike.value) < enough or alike.since_s > at_s:
        return True
    return memory.still is not None and memory.still.since_s > at_s


def _unchanged(
    settings: Settings, before: MeterMemory, inputs: Inputs, measured: Measured, now_s: float
) -> tuple[Still | None, Unchanged | None]:
    power_w, sample = measured.power_w, inputs.power_w
    if power_w is None or sample is None:
        return before.still, before.alike
    if abs(power_w) <= rule_for(settings.rules, "meter_frozen").values["load_w"]:
        return None, None
    still, taken_s = before.still, min(sample.taken_s, now_s)
    if power_w < 0.0:
        still = None  # the register counts import: it may stand while the meter shows export
    elif measured.energy_wh is not None:
        still = _still(settings, still, measured.energy_wh, inputs, abs(power_w), taken_s, now_s)
    shown = (value for value in (*measured.phase_v, *measured.phase_a, power_w) if value)
    return still, _same(before.alike, tuple(shown), taken_s)


def _still(
    settings: Settings,
    before: Still | None,
    energy_wh: float,
    inputs: Inputs,
    power_w: float,
    taken_s: float,
    now_s: float,
) -> Still:
    if before is None or before.value_wh != energy_wh:
        since_s = energy_s(inputs, now_s)
        return Still(value_wh=energy_wh, since_s=since_s, power_w=power_w, power_s=taken_s)
    if taken_s <= before.power_s:
        return before
    # A gap in the readings counts no longer than one reading may be used.
    elapsed_s = min(taken_s - before.power_s, settings.meter_max_age_s)
    more_wh = min(power_w, before.power_w) * elapsed_s / 3600.0
    return replace(before, flowed_wh=before.flowed_wh + more_wh, power_w=power_w, power_s=taken_s)


def _same(before: Unchanged | None, value: tuple[float, ...], taken_s: float) -> Unchanged:
    if before is not None and before.value == value:
        return before
    return Unchanged(value=value, since_s=taken_s)


def _rebased(settings: Settings, before: MeterMemory, inputs: Inputs) -> MeterMemory:
    """Another meter, or a technician's word: its register is taken as it is."""
    other = any(
        device.replaced and device.name == settings.meter_name and device.role is Role.METER
        for device in inputs.devices
    )
    if before.trusted_wh is None or not (other or Reset.SERVICE in inputs.resets):
        return before
    return replace(before, trusted_wh=None, doubt="")


def _steadied(before: MeterMemory, measured: Measured) -> MeterMemory:
    if not measured.amps_a or measured.amps_s == before.last_s:
        return before
    steady = before.last_s is not None and all(
        was is not None and now is not None and abs(now - was) <= _STEADY_A
        for was, now in zip(before.last_a, measured.phase_a, strict=True)
        if (was, now) != (None, None)
    )
    return replace(before, last_a=measured.phase_a, last_s=measured.amps_s, steady=steady)


def _register(
    settings: Settings, before: MeterMemory, inputs: Inputs, measured: Measured, now_s: float
) -> tuple[float | None, float, str]:
    """The register value to trust from now on, and why the present one cannot be true."""
    energy_wh, trusted_wh = measured.energy_wh, before.trusted_wh
    if energy_wh is None:
        return trusted_wh, before.trusted_s, ""
    taken_s = energy_s(inputs, now_s)
    if trusted_wh is None:
        return energy_wh, taken_s, ""
    step_wh = register_step_wh(settings, trusted_wh)
    if energy_wh < trusted_wh - step_wh:
        if rolled_over(trusted_wh, energy_wh, settings.meter_rollover_wh):
            return energy_wh, taken_s, ""
        return (
            trusted_wh,
            before.trusted_s,
            f"register went back by {trusted_wh - energy_wh:.0f} Wh",
        )
    more_wh = energy_wh - trusted_wh
    if settings.meter_exclusive and more_wh > _most_wh(
        settings, taken_s - before.trusted_s, step_wh
    ):
        return trusted_wh, before.trusted_s, f"register jumped by {more_wh:.0f} Wh"
    return max(energy_wh, trusted_wh), taken_s, ""


def _most_wh(settings: Settings, elapsed_s: float, step_wh: float) -> float:
    """What the fuse lets through in this time."""
    ratio = rule_for(settings.rules, "meter_implausible").values["jump_ratio"]
    most_w = settings.max_current_a * settings.nominal_voltage_v * settings.phases * ratio
    return most_w * (max(elapsed_s, 0.0) + settings.meter_update_s) / 3600.0 + 2.0 * step_wh


def _beyond(settings: Settings, measured: Measured) -> str:
    """Values that no grid and no fuse lets through."""
    values = rule_for(settings.rules, "meter_implausible").values
    most_v = values["voltage_ratio"] * settings.nominal_voltage_v
    most_a = values["current_ratio"] * settings.max_current_a
    for volts in measured.phase_v:
        if volts is not None and not -1.0 <= volts <= most_v:
            return f"{volts:.0f} V, possible {most_v:.0f} V"
    for amps in measured.amps_a:
        if amps > most_a:
            return f"{amps:.0f} A, possible {most_a:.0f} A"
    return ""


def _unbalanced(settings: Settings, before: MeterMemory, inputs: Inputs, measured: Measured) -> str:
    """More power than voltage and current make; only within one reply, at a steady load."""
    power_w, apparent_va = measured.power_w, 0.0
    if settings.supply is Supply.IT_3X230 or settings.meter_three_wire or power_w is None:
        return ""
    if not (before.steady and measured.whole_a and _one_block(inputs)):
        return ""
    for volts, amps in zip(measured.phase_v, measured.phase_a, strict=True):
        if amps and volts is None:
            return ""
        apparent_va += (volts or 0.0) * abs(amps or 0.0)
    values = rule_for(settings.rules, "meter_implausible").values
    most_w = values["power_ratio"] * apparent_va + values["power_margin_w"]
    return f"{power_w:.0f} W, possible {most_w:.0f} W" if power_w > most_w else ""


def _one_block(inputs: Inputs) -> bool:
    samples: tuple[Sample[Phases] | Sample[float] | None, ...] = (
        inputs.voltage_v,
        inputs.current_a,
        inputs.power_w,
    )
    times_s = [sample.taken_s for sample in samples if sample is not None]
    return len(times_s) == len(samples) and max(times_s) - min(times_s) <= BLOCK_S


def _spell(
    settings: Settings,
    life: Life,
    before: Spell,
    inputs: Inputs,
    measured: Measured,
    now_s: float,
) -> Spell:
    heard_s = None
    if measured.energy_wh is not None and measured.amps_a:
        heard_s = energy_s(inputs, now_s)
    if (before.closed, before.commanded_s) != (life.closed, life.commanded_since_s):
        before = _turned(before, life)
    if heard_s is None:
        return before
    if not life.closed:
        settled_s = life.commanded_since_s + settings.meter_settle_s + settings.meter_latency_s
        if heard_s < settled_s or (before.heard_open and before.count == 0):
            return before
        return replace(before, heard_open=True, count=0)
    if heard_s < life.commanded_since_s or (before.heard_closed and not before.silent):
        return before
    enough = int(rule_for(settings.rules, "meter_behind_contactor").values["observations_count"])
    count = min(before.count + before.silent, enough)
    return replace(before, heard_closed=True, silent=False, count=count)


def _turned(before: Spell, life: Life) -> Spell:
    """After the contactor was told something else."""
    long_open = life.commanded_since_s >= before.commanded_s + OPEN_MIN_S
    silent = not before.closed and before.heard_closed and not before.heard_open and long_open
    return Spell(
        closed=life.closed,
        commanded_s=life.commanded_since_s,
        heard_open=life.closed,  # of the opening that begins, nothing is known
        heard_closed=before.heard_closed if not life.closed else False,
        silent=silent and life.closed,
        count=before.count,
    )
