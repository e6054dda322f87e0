"""What a meter that cannot be believed looks like. One that is silent is `meter_lost`."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.words import values
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.inputs import Role
from laddvakt_agent.core.memory.contactor import register_step_wh
from laddvakt_agent.core.memory.meter import MeterMemory
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Detector, Scene, of_meter
from laddvakt_agent.core.settings import Settings


def meter_frozen(s: Scene) -> Finding:
    """Energy does not move under load, or everything measured repeats itself.

    The energy register is given the time in which several of its steps should have flowed, however
    the power changed meanwhile, and never less than the row's confirm time.
    """
    now, meter = s.memory.power.now, s.memory.power.meter
    if now.power_w is None or now.energy_wh is None:
        return UNKNOWN
    stands_s = _stands_s(s, meter)
    if stands_s is not None:
        shown = f"energy unchanged at {now.power_w:.0f} W"
        return Finding(present=True, since_s=stands_s, evidence=shown)
    rule, alike = values(s, "meter_frozen"), meter.alike
    if alike is None or len(alike.value) < rule["alike_count"]:
        return AWAY
    if s.now_s < alike.since_s + rule["alike_s"]:
        return AWAY
    shown = f"{len(alike.value)} values alike for {rule['alike_s']:g} s at {now.power_w:.0f} W"
    return Finding(present=True, since_s=alike.since_s, evidence=shown)


def meter_implausible(s: Scene) -> Finding:
    """The readings cannot be true; the memory says why."""
    now, meter = s.memory.power.now, s.memory.power.meter
    if meter.doubt:
        return Finding(present=True, since_s=meter.doubt_since_s, evidence=meter.doubt)
    return AWAY if now.energy_wh is not None and now.amps_a else UNKNOWN


def meter_reversed(s: Scene) -> Finding:
    """It counts what the vehicle draws as if it were fed back."""
    now, rule = s.memory.power.now, values(s, "meter_reversed")
    if not s.life.closed:
        return AWAY
    if now.power_w is None or not now.amps_a:
        return UNKNOWN
    if now.amps_s < s.life.commanded_since_s + s.settings.meter_settle_s:
        return UNKNOWN
    if now.power_w >= -rule["export_w"] or max(now.amps_a) <= rule["current_a"]:
        return AWAY
    shown = f"{now.power_w:.0f} W while the vehicle draws {max(now.amps_a):.1f} A"
    return Finding(present=True, evidence=shown)


def meter_replaced(s: Scene) -> Finding:
    """Another serial number answers; the hardware layer has read it several times."""
    for device in s.inputs.devices:
        if device.name == s.settings.meter_name and device.role is Role.METER:
            if device.replaced:
                return Finding(present=True, evidence=device.replaced)
            return UNKNOWN if device.heard_s is None else AWAY
    return UNKNOWN


def meter_behind_contactor(s: Scene) -> Finding:
    """It answers while the contactor is closed, and never while it is open."""
    enough = values(s, "meter_behind_contactor")["observations_count"]
    count = s.memory.power.meter.spell.count
    if count < enough:
        return AWAY
    return Finding(present=True, evidence=f"silent in each of the last {count} openings")


def _frozen_due_s(s: Scene) -> Iterator[float]:
    meter, rule = s.memory.power.meter, rule_for(s.settings.rules, "meter_frozen")
    if meter.still is not None:
        yield meter.still.since_s + rule.confirm_s
    if meter.alike is not None:
        yield meter.alike.since_s + rule.values["alike_s"]


def _stands_s(s: Scene, meter: MeterMemory) -> float | None:
    """Since when the energy register has not moved, if that is too long; else `None`."""
    still, rule = meter.still, rule_for(s.settings.rules, "meter_frozen")
    if still is None or s.now_s < still.since_s + rule.confirm_s:
        return None
    due_wh = rule.values["steps_count"] * register_step_wh(s.settings, still.value_wh)
    return still.since_s if still.flowed_wh >= due_wh else None


def _import_only(settings: Settings) -> bool:
    return not settings.export_allowed


DETECTORS: tuple[Detector, ...] = (
    Detector(
        code="meter_frozen",
        subject=of_meter,
        needs=("power_w", "energy_wh", "voltage_v", "current_a"),
        look=meter_frozen,
        due_s=_frozen_due_s,
    ),
    Detector(
        code="meter_implausible",
        subject=of_meter,
        needs=("power_w", "energy_wh", "voltage_v", "current_a"),
        look=meter_implausible,
    ),
    Detector(
        code="meter_reversed",
        subject=of_meter,
        needs=("power_w", "current_a"),
        look=meter_reversed,
        fitted=_import_only,
    ),
    Detector(
        code="meter_replaced",
        subject=of_meter,
        needs=("devices",),
        look=meter_replaced,
    ),
    Detector(
        code="meter_behind_contactor",
        subject=of_meter,
        needs=("energy_wh", "current_a"),
        look=meter_behind_contactor,
    ),
)
