"""Readings, self-tests and contactors as the status shows them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime

from laddvakt_agent.core.health import health
from laddvakt_agent.core.life.limits import PROFILE, lowest
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.guard import Guard
from laddvakt_agent.inputs import TRUTHS, Roles
from laddvakt_agent.published import SessionRecord
from laddvakt_agent.wall import Wall
from laddvakt_hal.device import Device
from laddvakt_hal.reading import Quality, Reading
from laddvakt_hal.stats import DeviceStats

JsonObject = dict[str, object]


def tests(guard: Guard, wall: Wall) -> list[JsonObject]:
    """How each self-test of this run ended last."""
    return [
        {
            "test": ended.test.value,
            "passed": ended.passed,
            "at": iso(wall.at(ended.at_s)),
            "detail": ended.detail,
        }
        for ended in guard.connector.tests.last
    ]


def testing(guard: Guard) -> list[str]:
    """The test that runs now, then those that wait."""
    told = guard.connector.tests
    return [test.value for test in (told.running, *told.queue) if test is not None]


def reserved(guard: Guard) -> JsonObject | None:
    """For whom it is kept, and until when; `None`: for nobody."""
    held = guard.reservation
    return None if held is None else {"for": held.customer, "until": iso(held.expires_at)}


def profiled(guard: Guard) -> JsonObject | None:
    """What a charging profile allows now, and whose it is; `None`: nobody's says anything.

    `decides`: nothing else allows less.
    """
    limit_a = None if guard.ceiling is None else guard.ceiling.limit_a()
    if guard.ceiling is None or limit_a is None:
        return None
    least = lowest(guard.connector.life.limits)
    return {
        "of": guard.ceiling.who(),
        "limit_a": round(limit_a, 1),
        "decides": least is not None and least.name == PROFILE,
    }


def contactor(guard: Guard) -> JsonObject:
    """What the contactor has been through; times with the polling period in them."""
    memory = guard.connector.memory
    told = health(guard.settings, memory.wear, memory.motion)
    return {
        "operations": told.operations,
        "load_openings": told.load_openings,
        "close_s": _plain(told.close_s),
        "open_s": _plain(told.open_s),
        "close_trend": _plain(told.close_trend),
        "open_trend": _plain(told.open_trend),
        "slower": told.slower,
        "wear_share": round(told.wear_share, 6),
    }


def cost(told: SessionRecord | None) -> JsonObject | None:
    """What the running session has cost when it was last told; `None`: no tariff applies."""
    if told is None or (told.cost is None and told.unpriced is None):
        return None
    if told.cost is None:
        return {"unpriced": told.unpriced}
    total = told.cost.total
    return {
        "currency": told.cost.currency,
        "before_taxes": float(total.before_taxes),
        "after_taxes": None if total.after_taxes is None else float(total.after_taxes),
        "tariff_id": next(iter(told.cost.period_tariff_ids), None),
    }


def counters(stats: DeviceStats) -> JsonObject:
    """The counters, and the latency's median and 95th percentile in milliseconds."""
    counted = {f.name: getattr(stats, f.name) for f in fields(stats) if f.name != "latencies_s"}
    quantiles = {"p50_ms": stats.p50_s, "p95_ms": stats.p95_s}
    return counted | {k: None if v is None else round(1e3 * v, 1) for k, v in quantiles.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A reading, the device it comes from, and how old the core lets it get."""

    reading: Reading[object]
    device: Device
    good_for_s: float


def readings(roles: Roles, settings: Settings) -> dict[str, Shown]:
    """Every reading a person wants to see, by name."""
    board, meter, monitor, stop = (
        roles.board,
        roles.meter,
        roles.residual_monitor,
        roles.emergency_stop,
    )
    guarding: dict[str, tuple[Reading[object], Device]] = {
        "pilot": (board.pilot(), board.device),
        "limit_a": (board.limit_a(), board.device),
    }
    if roles.contactor.has_feedback:
        contact = roles.contactor.feedback_closed()
        guarding["feedback_closed"] = (contact, roles.contactor.device)
    if stop:
        guarding["emergency_stop_loop_closed"] = (stop.closed(), stop.device)
    if monitor:
        guarding["residual_dc_a"] = (monitor.dc_a(), monitor.device)
    metered: dict[str, Reading[object]] = {
        "voltage_v": meter.voltage_v(),
        "current_a": meter.current_a(),
        "power_w": meter.power_w(),
        "energy_wh": meter.energy_wh(),
    }
    guard_s, meter_s = settings.sample_max_age_s, settings.meter_max_age_s
    return (
        {
            name: Shown(reading=reading, device=device, good_for_s=guard_s)
            for name, (reading, device) in guarding.items()
        }
        | {
            name: Shown(reading=reading, device=meter.device, good_for_s=meter_s)
            for name, reading in metered.items()
        }
        | _fitted(roles, settings)
    )


def _fitted(roles: Roles, settings: Settings) -> dict[str, Shown]:
    """What not every charger has; in the configuration's names."""
    shown = {
        name: Shown(
            reading=row.truth() if name in TRUTHS else row.number(),
            device=row.device,
            good_for_s=settings.sample_max_age_s if name in TRUTHS else settings.slow_max_age_s,
        )
        for name, row in roles.sensors.items()
    }
    guard_s, site_s = settings.sample_max_age_s, settings.site_max_age_s
    if (lock := roles.lock_contact) is not None:
        shown["locked"] = Shown(reading=lock.closed(), device=lock.device, good_for_s=guard_s)
    if (poles := roles.phase_contact or roles.phase_switch) is not None:
        told: Reading[object] = poles.closed()
        shown["single_phase"] = Shown(reading=told, device=poles.device, good_for_s=guard_s)
    if (site := roles.site_meter) is not None:
        told = site.current_a()
        shown["site_current_a"] = Shown(reading=told, device=site.device, good_for_s=site_s)
    return shown


def changed(device: Device) -> JsonObject | None:
    """What says that another unit answers here than before."""
    change = device.changed_identity
    if change is None:
        return None
    return {"quantity": change.quantity, "before": str(change.before), "now": str(change.now)}


def reading(shown: Shown, now_s: float) -> JsonObject:
    """One reading with its quality, age and source."""
    age_s, quality = shown.reading.age_s(now_s), shown.reading.quality
    if quality is Quality.GOOD and age_s is not None and age_s > shown.good_for_s:
        quality = Quality.STALE  # nobody has failed to read it, but it is past its time
    return {
        "value": _plain(shown.reading.value),
        "quality": quality.value,
        "device": shown.device.name,
        "taken_at_s": shown.reading.taken_at_s,
        "age_s": None if age_s is None else round(age_s, 3),
        "good_for_s": shown.good_for_s,
    }


def _plain(value: object) -> object:
    """Enums by their value, tuples rounded: what JSON and people want."""
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return round(value, 3)
    return getattr(value, "value", value)


def glance(shown: Shown, now_s: float) -> object:
    """The value for a glance, `None` once it is not good any more."""
    told = reading(shown, now_s)
    return told["value"] if told["quality"] == Quality.GOOD.value else None


def iso(moment: datetime) -> str:
    """RFC 3339 with milliseconds and Z."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
