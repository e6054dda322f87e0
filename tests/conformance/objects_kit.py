"""One charger's life, told to the simulated backend in its own process, and what arrived."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from agent.uplink.backend_process import BackendProcess, in_sync, running
from agent.uplink.ocpi_data import sample
from agent.uplink.uplink_kit import (
    T0,
    MemoryStore,
    TestClock,
    cdr,
    evse,
    fault,
    finished,
    period,
    settings,
    station,
)
from laddvakt_agent.published import CostRecord, EvseStatus, MoneyRecord, Station, TaxRecord
from laddvakt_agent.uplink.objects import credit_of
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.version import Version

ADDRESS = "Långa\tgatan " * 30
REMARK = "Avslutad\x07 av\nföraren " * 30
MOMENTS = re.compile(r".*(_date_time|_updated|_at)")


@dataclass(frozen=True)
class Told:
    """What arrived, in order: the module and the body; and the backend's own verdicts."""

    bodies: tuple[tuple[str, dict[str, Any]], ...]
    verdicts: tuple[object, ...]

    def of(self, module: str) -> list[dict[str, Any]]:
        return [body for name, body in self.bodies if name == module]


def walked(value: object, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every plain value with the name of the field it is in."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walked(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from walked(inner, name)
    else:
        yield name, value


def money(amount: str) -> MoneyRecord:
    before = Decimal(amount)
    tax = TaxRecord(name="Moms", amount=before / 4, percentage=Decimal(25))
    return MoneyRecord(before_taxes=before, after_taxes=before * 5 / 4, taxes=(tax,))


def charger(ends: Endpoints, version: Version) -> UplinkSettings:
    made = settings(ends, version=version, long_strings=True)
    place = replace(made.location, address=ADDRESS, name="Torget\x00")
    return replace(made, location=place, retry_min_s=0.5)


def life(version: Version) -> tuple[Station, ...]:
    """A session from its start to its credit."""
    name = f"by energy, to begin with, {version.value}"
    cost = CostRecord(
        currency="SEK",
        total=money("11.000049"),
        fixed=money("5"),
        energy=money("6.000049"),
        tariff=json.dumps(sample("Tariff", name, version)),
        tariff_version=version.value,
        period_tariff_ids=("t9", "t9", None),
    )
    periods = (
        replace(period(0, 1111.11111), max_a=31.2500004),
        period(10, 722.88889),
        period(20, 0.0, charging=False),
    )
    done = replace(
        finished(),
        ended_at=T0 + timedelta(minutes=30),
        energy_wh=1834.0,
        periods=periods,
        cost=cost,
        meter_id="mätare\x1b[0m 7",
    )
    begun = replace(done, ended_at=None, energy_wh=0.0, periods=(), cost=None)
    going = replace(done, ended_at=None, energy_wh=1500.000049, periods=periods[:2])
    bill = replace(
        cdr(), session=done, cost=cost, charging_s=1200.0, parking_s=600.0, remark=REMARK
    )
    credit = credit_of(bill, bill.created_at + timedelta(hours=1))
    charging, broken = evse(EvseStatus.CHARGING), evse(EvseStatus.OUTOFORDER)
    return (
        station(charging, sessions=(begun,)),
        station(charging, sessions=(going,)),
        station(broken, sessions=(done,), faults=(fault(),), cdrs=(bill,)),
        station(broken, sessions=(done,), faults=(fault(),), cdrs=(bill, credit)),
    )


async def tell(directory: Path, version: Version) -> Told:
    """What a backend of its own gets: it keeps one set of objects, whatever their version."""
    backend = BackendProcess(directory)
    await backend.start()
    try:
        return await _tell(backend, version)
    finally:
        await backend.stop()


async def _tell(backend: BackendProcess, version: Version) -> Told:
    ends = Endpoints(
        **{
            name: url.replace("/2.2.1/", f"/{version.value}/")
            for name, url in backend.info["endpoints"].items()
        }
    )
    sync = Synchroniser(charger(ends, version), MemoryStore(), TestClock(), random.Random(1))
    stations = life(version)
    sync.offer(stations[0])
    async with running(sync):
        for at in stations:
            sync.offer(at)
            await in_sync(sync)
    news = [one for one in await backend.news() if one["body"] is not None]
    return Told(
        bodies=tuple((one["module"], one["body"]) for one in news),
        verdicts=tuple(one["status_code"] for one in news),
    )
