"""The connector at work: its two tables are applied until nothing moves, then its gear follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.life import gear
from laddvakt_agent.core.life.state import Context, Life, Move, Power, Trail, Vehicle, View
from laddvakt_agent.core.life.transitions import (
    LIFE_ROWS,
    OFFER_LEAD_S,
    POWER_ROWS,
    PWM_SPACING_S,
    RAMP_MAX_S,
    pwm_spaced,
)
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.settings import Settings

_MOVES_MAX = 12  # life, session and power settle in far fewer; the exploration proves it


class Sight(View, gear.GearView, Protocol):
    """All that is read of the connector."""


def advance(
    settings: Settings, life: Life, sight: Sight, faults: Summary, now_s: float
) -> tuple[Life, Trail]:
    """The connector one pass on; the same object when nothing moved."""
    life, trail = settle(settings, life, sight, faults, now_s)
    return gear.advance(settings, life, sight, faults, now_s), trail


def settle(
    settings: Settings, life: Life, view: View, faults: Summary, now_s: float
) -> tuple[Life, Trail]:
    """Apply the tables until nothing moves; the same object when nothing moved."""
    trail = Trail()
    for _ in range(_MOVES_MAX):
        moved, trail = _once(Context(settings, life, view, faults, now_s), trail)
        if moved is life or moved == life:
            break
        life = moved
    return life, trail


def deadlines_s(settings: Settings, life: Life, faults: Summary) -> Iterator[float]:
    """When the tables may move although nothing new is read."""
    yield life.limit_changed_s + OFFER_LEAD_S
    yield life.limit_changed_s + PWM_SPACING_S
    yield life.commanded_since_s + settings.reclose_min_s
    if life.power is Power.RAMPING:
        yield life.ramp_since_s + RAMP_MAX_S
    if faults.hold_s is not None:
        yield life.entered_s + faults.hold_s
    yield from gear.deadlines_s(settings, life)


def _once(c: Context, trail: Trail) -> tuple[Life, Trail]:
    c = _with(c, _noted(c))
    life, trail = _session(c, trail)
    c = _with(c, life)
    for name, guard, target in LIFE_ROWS[life.state]:
        if guard(c):
            if target is not life.state:
                moved = Move(before=life.state, after=target, reason=name)
                trail = replace(trail, moves=(*trail.moves, moved))
                life = replace(life, state=target, reason=name, entered_s=c.now_s)
            break
    return _powered(_with(c, life)), trail


def _with(c: Context, life: Life) -> Context:
    if life is c.life:
        return c
    return Context(c.settings, life, c.view, c.faults, c.now_s)


def _noted(c: Context) -> Life:
    """What the readings teach for later."""
    life, view = c.life, c.view
    if not life.read_once and view.complete:
        life = replace(life, read_once=True)
    if view.vehicle is Vehicle.ABSENT and (life.plugged or life.over or life.rearmed):
        life = replace(life, plugged=False, over=False, rearmed=False)
    plugs = (Vehicle.CONNECTED, Vehicle.ASKING, Vehicle.VENTILATION)
    if not life.plugged and view.vehicle in plugs:
        life = replace(life, plugged=True)
    if life.over and not life.rearmed and not view.authorised:
        life = replace(life, rearmed=True)
    if life.session and not life.metered and view.metered:
        life = replace(life, metered=True)
    return life


def _session(c: Context, trail: Trail) -> tuple[Life, Trail]:
    life = c.life
    if life.session:
        ended = _end_reason(c)
        if ended is None:
            return life, trail
        life = replace(
            life, session=False, metered=False, over=life.plugged, rearmed=not c.view.authorised
        )
        return life, replace(trail, ended=ended)
    if _may_begin(c):
        life = replace(life, session=True, metered=c.view.metered, over=False, rearmed=False)
        return life, replace(trail, begun=True)
    return life, trail


def _end_reason(c: Context) -> str | None:
    if not c.life.plugged:
        return "unplugged"
    if not c.view.authorised:
        return "stopped"
    if c.view.unlock:
        return "plug asked for"
    hold_s = c.faults.hold_s
    if hold_s is None:
        return None
    held_s = c.life.entered_s if c.life.state is State.FAULTED else c.now_s
    if c.now_s >= held_s + hold_s:
        return f"fault: {c.faults.code}"
    return None


def _may_begin(c: Context) -> bool:
    life = c.life
    return (
        life.state in (State.PREPARING, State.FINISHING)
        and life.plugged
        and c.view.authorised
        and (life.rearmed or not life.over)
        and c.faults.act < Act.FINISH
        and c.view.in_service
    )


def _powered(c: Context) -> Life:
    life = c.life
    power, reason = life.power, life.power_reason
    for name, guard, target in POWER_ROWS[power]:
        if guard(c):
            power = target
            reason = name if target is not life.power else reason
            break
    if power is not life.power:
        life = _switched(life, power, reason, c.now_s)
    return _offered(c, life)


def _switched(life: Life, power: Power, reason: str, now_s: float) -> Life:
    was_closed = life.closed
    life = replace(life, power=power, power_reason=reason)
    if power is Power.RAMPING:
        life = replace(life, ramp_since_s=now_s)
    return replace(life, commanded_since_s=now_s) if life.closed is not was_closed else life


def _offered(c: Context, life: Life) -> Life:
    """The offer that belongs to the power; raised at most each PWM_SPACING_S, lowered at once."""
    target_a = c.offer_a if life.power in (Power.OFFERED, Power.CLOSED) else 0.0
    if target_a == life.limit_a or (target_a > life.limit_a > 0.0 and not pwm_spaced(c)):
        return life
    past_a = max(life.limit_a, _past_a(life, c.now_s))
    return replace(
        life,
        limit_a=target_a,
        limit_changed_s=c.now_s,
        past_limit_a=past_a,
        past_until_s=c.now_s,
    )


def _past_a(life: Life, now_s: float) -> float:
    recent = now_s < life.past_until_s + PWM_SPACING_S
    return life.past_limit_a if recent else 0.0
