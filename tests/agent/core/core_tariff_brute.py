"""Prices found tick by tick with the calendar's own local times: slow, plain, written apart.

Nothing is cut or interpolated here. Each tick belongs to one period and asks every element anew.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from agent.core.core_tariff_kit import us
from laddvakt_agent.core import tariff as core

ZONES = ("Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata")
EPOCH = date(1970, 1, 1)
# In each zone a day of 23 h (or so) and one of 25 h are among these.
DAYS = ("2026-03-28", "2026-03-07", "2026-10-24", "2026-10-31", "2026-04-04", "2026-10-03")


@dataclass(frozen=True)
class Span:
    kind: str  # charge, park, reserve or held
    ticks: int
    amps: Fraction | None
    kilowatts: Fraction | None


@dataclass(frozen=True)
class Scene:
    """A session in ticks: while it charges, each draws the same energy."""

    zone: str
    begun: datetime
    tick_s: int
    kwh_a_tick: Fraction
    spans: tuple[Span, ...]
    tariff: core.Tariff

    def periods(self) -> list[core.Period]:
        at, found = us(self.begun), []
        for span in self.spans:
            length = Fraction(span.ticks * self.tick_s)
            to = at + int(length) * 1_000_000
            charging = span.kind == "charge"
            found.append(
                core.Period(
                    start_us=at,
                    end_us=to,
                    tariff=self.tariff,
                    energy_kwh=self.kwh_a_tick * span.ticks if charging else Fraction(0),
                    charging_s=length if charging else Fraction(0),
                    parking_s=length if span.kind == "park" else Fraction(0),
                    reserved_s=length if span.kind == "reserve" else Fraction(0),
                    current_a=span.amps if charging else None,
                    power_kw=span.kilowatts if charging else None,
                )
            )
            at = to
        return found


@dataclass
class Brute:
    """What it comes to: exact amounts by part and tax rate, billed volumes by part."""

    amounts: dict[tuple[str, Decimal | None], Fraction]
    billed: dict[str, Fraction]


def brute(scene: Scene) -> Brute:
    used: dict[str, list[tuple[Fraction, core.Component]]] = defaultdict(list)
    flats: dict[str, core.Component] = {}
    at, kwh = scene.begun, Fraction(0)
    reservation = scene.spans[0].ticks if scene.spans[0].kind == "reserve" else 0
    arrived = scene.begun + timedelta(seconds=reservation * scene.tick_s)
    for span in scene.spans:
        since = scene.begun if span.kind == "reserve" else arrived
        for _ in range(span.ticks):
            drawn = scene.kwh_a_tick if span.kind == "charge" else Fraction(0)
            facts = (
                at.astimezone(ZoneInfo(scene.zone)),
                kwh + drawn / 2,
                (at - since).total_seconds(),
                span.amps if span.kind == "charge" else Fraction(0),
                span.kilowatts if span.kind == "charge" else Fraction(0),
            )
            _tick(scene, span, facts, used, flats, drawn)
            kwh += drawn
            at += timedelta(seconds=scene.tick_s)
    return _sum(used, flats)


Facts = tuple[datetime, Fraction, float, Fraction | None, Fraction | None]


def _tick(
    scene: Scene,
    span: Span,
    facts: Facts,
    used: dict[str, list[tuple[Fraction, core.Component]]],
    flats: dict[str, core.Component],
    drawn: Fraction,
) -> None:
    seconds = Fraction(scene.tick_s)
    wanted = {
        "charge": (("energy", "ENERGY", drawn), ("time", "TIME", seconds)),
        "park": (("parking", "PARKING_TIME", seconds),),
        "reserve": (("reservation", "TIME", seconds),),
        "held": (),
    }[span.kind]
    reserved = span.kind == "reserve"
    fee = _find(scene.tariff, "FLAT", facts, reserved=reserved)
    if fee is not None:
        flats.setdefault("reservation" if reserved else "own", fee)
    for part, dimension, volume in wanted:
        found = _find(scene.tariff, dimension, facts, reserved=reserved)
        if found is not None:
            used[part].append((volume, found))


def _find(
    tariff: core.Tariff, dimension: str, facts: Facts, *, reserved: bool
) -> core.Component | None:
    for element in tariff.elements:
        if (element.restrictions.reservation is not None) is not reserved:
            continue
        if not _active(element.restrictions, facts):
            continue
        for part in element.components:
            if part.dimension.value == dimension:
                return part
    return None


def _active(r: core.Restrictions, facts: Facts) -> bool:
    at, kwh, lasted, amps, kilowatts = facts
    minute = at.hour * 60 + at.minute
    if r.start_minute is not None or r.end_minute is not None:
        begin, end = r.start_minute or 0, r.end_minute or 24 * 60
        inside = begin <= minute < end if begin < end else minute >= begin or minute < end
        if not inside:
            return False
    if r.weekdays and at.weekday() not in r.weekdays:
        return False
    day = (at.date() - EPOCH).days
    return (
        _within(r.start_day, Fraction(day), r.end_day)
        and _within(r.min_kwh, kwh, r.max_kwh)
        and _within(r.min_duration_s, Fraction(lasted), r.max_duration_s)
        and _within(r.min_current_a, amps, r.max_current_a)
        and _within(r.min_power_kw, kilowatts, r.max_power_kw)
    )


def _within(low: Decimal | int | None, value: Fraction | None, high: Decimal | int | None) -> bool:
    if value is None:
        return low is None and high is None
    return (low is None or value >= Fraction(low)) and (high is None or value < Fraction(high))


def _sum(
    used: dict[str, list[tuple[Fraction, core.Component]]], flats: dict[str, core.Component]
) -> Brute:
    by_time = next((part for part in ("parking", "time", "reservation") if used.get(part)), None)
    amounts: dict[tuple[str, Decimal | None], Fraction] = defaultdict(Fraction)
    billed: dict[str, Fraction] = {}
    for part, ticks in used.items():
        total = sum((volume for volume, _ in ticks), Fraction(0))
        last = ticks[-1][1]
        unit = Fraction(1, 1000) if part == "energy" else Fraction(1)
        steps = 0
        if part in ("energy", by_time) and last.step_size:
            size = last.step_size * unit
            while steps * size < total:  # counted up, as blocks are
                steps += 1
            ticks.append((steps * size - total, last))
        billed[part] = sum((volume for volume, _ in ticks), Fraction(0))
        for volume, component in ticks:
            hours = volume if part == "energy" else volume / 3600
            amounts[part, component.vat] += hours * Fraction(component.price)
    for place, component in flats.items():
        part = "reservation" if place == "reservation" else "fixed"
        amounts[part, component.vat] += Fraction(component.price)
    return Brute(amounts=dict(amounts), billed=billed)


def scene(seed: int) -> Scene:
    """A random session and tariff whose restrictions change between ticks only."""
    rng = random.Random(seed)
    tick_s = rng.choice((1, 60, 60, 60))
    day = datetime.fromisoformat(rng.choice(DAYS)).replace(tzinfo=UTC)
    begun = day + timedelta(minutes=rng.randrange(0, 36 * 60))
    longest = 900 if tick_s == 1 else 14 * 60
    kinds = ["reserve"] if rng.random() < 0.3 else []
    kinds += [rng.choice(("charge", "charge", "park", "held")) for _ in range(rng.randint(1, 5))]
    spans = tuple(
        Span(
            kind=kind,
            ticks=rng.randint(1, longest // len(kinds) + 1),
            amps=rng.choice((None, Fraction(6), Fraction(16), Fraction(32))),
            kilowatts=rng.choice((Fraction(4), Fraction(11), Fraction(22))),
        )
        for kind in kinds
    )
    kwh = Fraction(rng.choice((1, 2, 5)) * tick_s, 1000)
    spans = tuple(
        Span(kind=s.kind, ticks=s.ticks, amps=s.amps or Fraction(10), kilowatts=s.kilowatts)
        for s in spans
    )
    return Scene(
        zone=rng.choice(ZONES),
        begun=begun,
        tick_s=tick_s,
        kwh_a_tick=kwh,
        spans=spans,
        tariff=_tariff(rng, tick_s, kwh),
    )


def _tariff(rng: random.Random, tick_s: int, kwh: Fraction) -> core.Tariff:
    elements = tuple(_element(rng, tick_s, kwh) for _ in range(rng.randint(1, 6)))
    return core.Tariff(id="T", elements=elements)


def _element(rng: random.Random, tick_s: int, kwh: Fraction) -> core.Element:
    reserved = rng.random() < 0.2
    names = ("FLAT", "TIME") if reserved else ("ENERGY", "FLAT", "PARKING_TIME", "TIME")
    components = tuple(
        core.Component(
            dimension=core.Dimension(name),
            price=Decimal(rng.randrange(0, 900)) / 100,
            vat=rng.choice((None, Decimal(0), Decimal("5.5"), Decimal(25))),
            step_size=rng.choice((0, 1, 1, 60, 300, 900)),
        )
        for name in rng.sample(names, rng.randint(1, len(names)))
    )
    if {c.dimension.value for c in components} == {"FLAT", "PARKING_TIME"}:
        components = components[:1]  # whose fee is parking's: pinned elsewhere
    return core.Element(
        components=components, restrictions=_restrictions(rng, tick_s, kwh, reserved=reserved)
    )


def _restrictions(
    rng: random.Random, tick_s: int, kwh: Fraction, *, reserved: bool
) -> core.Restrictions:
    def maybe(value: int) -> int | None:
        return value if rng.random() < 0.25 else None

    def drawn() -> Decimal | None:
        ticks = maybe(rng.randrange(0, 800))
        return None if ticks is None else Decimal((kwh * ticks * 1000).numerator) / 1000

    def of(*values: int) -> Decimal | None:
        value = maybe(rng.choice(values))
        return None if value is None else Decimal(value)

    first = (date(2026, rng.choice((3, 4, 10, 11)), rng.randint(1, 28)) - EPOCH).days
    return core.Restrictions(
        start_minute=maybe(rng.randrange(24 * 60)),
        end_minute=maybe(rng.randrange(24 * 60)),
        start_day=maybe(first) if rng.random() < 0.3 else None,
        end_day=maybe(first + 20) if rng.random() < 0.3 else None,
        min_kwh=drawn(),
        max_kwh=drawn(),
        min_current_a=of(6, 16, 20),
        max_current_a=of(16, 32, 40),
        min_power_kw=of(4, 11),
        max_power_kw=of(11, 22, 30),
        min_duration_s=maybe(rng.randrange(0, 600) * tick_s),
        max_duration_s=maybe(rng.randrange(0, 600) * tick_s),
        weekdays=frozenset(rng.sample(range(7), 4)) if rng.random() < 0.25 else frozenset(),
        reservation=core.Reserved.RESERVATION if reserved else None,
    )
