"""Silence as a fault of its own: devices and the meter; and what is said of lines beside it."""

from __future__ import annotations

from collections.abc import Iterator

from laddvakt_agent.core.detect.lines import troubles
from laddvakt_agent.core.faults.catalogue import rule_for
from laddvakt_agent.core.freshness import (
    AHEAD_MAX_S,
    currents_a,
    fresh,
    guards,
    known_time,
    meter_guards,
    number,
)
from laddvakt_agent.core.inputs import Role
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.scene import AWAY, UNKNOWN, Found, Scene

_LATE_SHARE = 2.0 / 3.0  # of the age a meter's value may have: two of the three reads it spans


def silences(scene: Scene, started_s: float) -> Iterator[Found]:
    """What is silent now, and for how long; never heard counts from `started_s`."""
    for name, (heard_s, roles) in _heard(scene, started_s).items():
        yield "device_lost", name, device_lost(scene, heard_s, roles)
    yield from troubles(scene)
    yield "meter_lost", scene.settings.meter_name, meter_lost(scene, started_s)


def device_lost(scene: Scene, heard_s: float, roles: frozenset[Role]) -> Finding:
    """A guarding device is silent, or what guards in its replies is missing."""
    rule = rule_for(scene.settings.rules, "device_lost")
    acts = dict(rule.act_by_role)
    act = max(acts.get(role.value, rule.stages[0][1]) for role in roles)
    return Finding(
        present=scene.now_s >= heard_s + _device_silent_s(scene),
        since_s=heard_s,
        act=act,
        evidence=f"nothing usable from {', '.join(sorted(role.value for role in roles))}",
    )


def meter_lost(scene: Scene, started_s: float) -> Finding:
    """No usable current or energy value; over only after several good replies."""
    heard_s = _meter_heard_s(scene, started_s)
    if scene.now_s >= heard_s + _meter_silent_s(scene):
        return Finding(present=True, since_s=heard_s, evidence="no current or energy value")
    energy = fresh(scene.inputs.energy_wh, scene.settings.meter_max_age_s, scene.now_s)
    if not currents_a(scene.settings, scene.inputs, scene.now_s) or number(energy) is None:
        return Finding(present=True, evidence="it answers, but not with numbers")
    enough = rule_for(scene.settings.rules, "meter_lost").values["replies_count"]
    return AWAY if scene.memory.replies.count >= enough else UNKNOWN


def deadlines_s(scene: Scene, started_s: float) -> Iterator[float]:
    """When silence begins to count."""
    for heard_s, _ in _heard(scene, started_s).values():
        yield heard_s + _device_silent_s(scene)
    yield _meter_heard_s(scene, started_s) + _meter_silent_s(scene)


def _heard(scene: Scene, started_s: float) -> dict[str, tuple[float, frozenset[Role]]]:
    """Per guarding device: its oldest guarding reading, and its roles. Meters are not among them.

    A device that answers but leaves out what guards is as good as silent.
    """
    names: dict[Role, str] = {}
    heard: dict[str, tuple[float, frozenset[Role]]] = {}
    for device in scene.inputs.devices:
        if device.role is Role.METER:
            continue
        names.setdefault(device.role, device.name)
        at_s = _since_start_s(device.heard_s, scene.now_s, started_s)
        _add(heard, device.name, device.role, at_s)
    roles = (role for role, _ in guards(scene.settings, scene.inputs))
    for role, heard_s in zip(roles, scene.memory.heard_s, strict=False):  # the meter's come last
        at_s = _since_start_s(heard_s, scene.now_s, started_s)
        _add(heard, names.get(role, role.value), role, at_s)
    return heard


def _add(
    heard: dict[str, tuple[float, frozenset[Role]]], name: str, role: Role, at_s: float
) -> None:
    before_s, roles = heard.get(name, (at_s, frozenset()))
    heard[name] = (min(before_s, at_s), roles | {role})


def _since_start_s(taken_s: float | None, now_s: float, started_s: float) -> float:
    """When something was last heard; never, or in the future, counts from the start."""
    known_s = known_time(taken_s)
    return started_s if known_s > now_s + AHEAD_MAX_S else max(known_s, started_s)


def _meter_heard_s(scene: Scene, started_s: float) -> float:
    heard = scene.memory.heard_s[-len(meter_guards(scene.inputs)) :]
    return min(_since_start_s(heard_s, scene.now_s, started_s) for heard_s in heard)


def _device_silent_s(scene: Scene) -> float:
    rule = rule_for(scene.settings.rules, "device_lost")
    return min(scene.settings.sample_max_age_s, rule.confirm_s)


def _meter_silent_s(scene: Scene) -> float:
    """One that is read seldom is not lost between two reads."""
    rule, age_s = rule_for(scene.settings.rules, "meter_lost"), scene.settings.meter_max_age_s
    return max(min(age_s, rule.confirm_s), _LATE_SHARE * age_s)
