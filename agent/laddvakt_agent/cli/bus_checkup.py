"""Looks into a line nobody else uses: asks its devices, and at other speeds if none answers."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from laddvakt_agent.cli.bus_evidence import evidence
from laddvakt_agent.cli.bus_where import Known, Where
from laddvakt_agent.cli.bus_words import setup_text
from laddvakt_agent.cli.client import JsonObject
from laddvakt_agent.diagnostics.bus_stats import line_counts, unit_counts
from laddvakt_hal.bus import Bus
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Request
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.settings import LineSettings, SerialSettings, Timing
from laddvakt_hal.stats import DeviceStats
from laddvakt_hal.survey import (
    GATEWAY_EXCEPTIONS,
    Step,
    Stop,
    probe,
    settings_in_order,
    steps,
    sweep,
)
from laddvakt_hal.survey_line import (
    PROBE,
    LineTrouble,
    hears_itself,
    latency_timer_ms,
    open_line,
    probe_timing_on,
    trouble_now,
)
from laddvakt_hal.verdict import ENOUGH, Elsewhere, LineEvidence

TIMES = 20  # each device that answers is asked so often: two damaged replies are no accident
NEAR_UNITS = range(1, 11)  # where nobody says who is there
LATE_S = 0.4  # a reply that is late by more is none
_SOMEBODY = 1  # who is asked does not matter for an echo
FACTORY_PAIRS = 6  # speeds and formats that are tried when nobody answers


async def checkup(where: Where, profiles: Sequence[Profile]) -> LineEvidence:
    """The evidence of a line that is used directly."""
    setup, its = where.text, where.settings
    try:
        echo = isinstance(its, SerialSettings) and await hears_itself(its, probe(_SOMEBODY))
        found = replace(await _here(where, profiles), hears_itself=echo)
        if isinstance(its, SerialSettings):
            found = replace(found, latency_timer_ms=latency_timer_ms(its.port))
            if not any(unit.answered or unit.spoilt for unit in found.units):
                elsewhere = await _elsewhere(where, its, profiles)
                found = replace(found, swept=True, elsewhere=elsewhere)
    except LineTrouble as error:
        return LineEvidence(
            name=where.settings.name, setup=setup, trouble=error.trouble, trouble_text=str(error)
        )
    return found


async def _here(where: Where, profiles: Sequence[Profile]) -> LineEvidence:
    """Ask everybody who should be there, or who is found there."""
    its = where.settings
    async with open_line(its) as bus:
        devices = where.devices or await _present(bus, profiles)
        questions = [_question(device, profiles) for device in devices]
        for device in devices:
            bus.set_timing(device.unit, _patience(device, profiles, its))
        for request in questions * TIMES:
            stats = bus.stats.get(request.unit) or DeviceStats()
            if stats.requests < ENOUGH or _answered(stats):
                await _ask(bus, request)
        told = {
            "name": its.name,
            **line_counts(bus),
            "devices": [
                {"name": device.name, "unit": device.unit, **unit_counts(bus, device.unit)}
                for device in devices
            ],
        }
        serial = isinstance(its, SerialSettings)
        found = evidence(cast("JsonObject", told), None, where.text, tcp=not serial)
        blind = {q.unit for q in questions if q == probe(q.unit)}
        units = tuple(replace(unit, blind=unit.unit in blind) for unit in found.units)
        return replace(found, units=units)


async def _present(bus: Bus, profiles: Sequence[Profile]) -> tuple[Known, ...]:
    """Who answers among the likely units; the first of them when nobody does."""
    units = _likely(profiles)
    for unit in units:
        bus.set_timing(unit, probe_timing_on(bus.settings))
        await _ask(bus, probe(unit))
    heard = [unit for unit in units if _answered(bus.stats[unit]) or _spoilt(bus.stats[unit])]
    return tuple(Known(name="", unit=unit, profile="") for unit in heard or units[:1])


def _answered(stats: DeviceStats) -> int:
    """Replies of the device itself: a gateway's word that it is absent is none."""
    own = sum(n for code, n in stats.exceptions.items() if code not in GATEWAY_EXCEPTIONS)
    return stats.ok + own


def _spoilt(stats: DeviceStats) -> int:
    return stats.crc + stats.short + stats.wrong_unit + stats.wrong_reply + stats.echo


def _patience(device: Known, profiles: Sequence[Profile], line: LineSettings) -> Timing:
    """The device's own time; after a silence long enough for a late reply to be seen as one.

    Behind a gateway at least as long as that looks for an absent unit: whoever is asked next
    would seem late.
    """
    its = next((profile.timing for profile in profiles if profile.id == device.profile), PROBE)
    least_s = max(LATE_S, probe_timing_on(line).worst_latency_s)
    return replace(its, worst_latency_s=max(its.worst_latency_s, least_s))


def _question(device: Known, profiles: Sequence[Profile]) -> Request:
    """A read its profile promises to work, or the probe where nobody knows it."""
    profile = next((its for its in profiles if its.id == device.profile), None)
    if profile is None or profile.discovery is not None:
        return probe(device.unit)
    rows = [row for row in profile.rows.values() if row.readable and not row.clears]
    named = [profile.rows[point.quantity] for point in profile.identity]
    row = next((row for row in (*named, *rows) if row in rows), None)
    if row is None:
        return probe(device.unit)
    return Request(unit=device.unit, function=row.function, address=row.addr, count=row.count)


async def _ask(bus: Bus, request: Request) -> None:
    try:
        with contextlib.suppress(HalError):  # counted by the bus: that is what is wanted here
            await bus.transact(request)
    finally:
        if not bus.up:
            raise trouble_now(bus.settings, bus.down_reason)


async def _elsewhere(
    where: Where, line: SerialSettings, profiles: Sequence[Profile]
) -> tuple[Elsewhere, ...]:
    """Who answers at the speeds devices leave the factory with."""
    factory = settings_in_order(line, profiles)[:FACTORY_PAIRS]
    others: Sequence[LineSettings] = [its for its in factory if its != line]
    units = [device.unit for device in where.devices] or _likely(profiles)
    plan: Sequence[Step] = steps(others, units, ())
    result = await sweep(plan, open_line, stop=Stop.LINE)
    names = {device.unit: device.name for device in where.devices}
    return tuple(
        Elsewhere(setup=setup_text(found.settings), unit=found.unit, name=names.get(found.unit, ""))
        for found in result.clear
    )


def _likely(profiles: Sequence[Profile]) -> list[int]:
    factory = [profile.unit for profile in profiles if profile.unit is not None]
    return list(dict.fromkeys([*NEAR_UNITS, *sorted(factory)]))
