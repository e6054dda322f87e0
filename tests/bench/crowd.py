"""Many devices: what a dead one costs the others, and what sixteen on four lines cost us."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from bench.rows import Row
from bench.stand import Stand, stand
from laddvakt_hal import adapters
from laddvakt_hal.bus import Bus, SerialSettings
from laddvakt_hal.clock import boottime
from laddvakt_hal.device import Device
from laddvakt_hal.plan import Periods
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile

SHARED = ("eastron-sdm630", "eastron-sdm630", "cg-em300-et300", "simpleevse-wb-din")
DEAD = "l1d1"
HEALTHY_S, DEAD_S = 20.0, 20.0
OTHERS_SLOWER = 1.10
LINES = 4
MANY = ("eastron-sdm630", "cg-em300-et300", "abb-b23-b24", "simpleevse-wb-din")
MANY_S = 600.0
SETTLE_S = 3.0


@dataclass(slots=True)
class Polled:
    """A line under its poller, and when each device was heard."""

    bus: Bus
    devices: dict[str, Device]
    poller: Poller
    heard_s: dict[str, list[float]] = field(default_factory=dict)


def run(directory: Path) -> list[Row]:
    """What one dead device costs the others on its line."""
    with stand(directory, _layout({"l1": SHARED})) as bench:
        return asyncio.run(_dead(bench))


def run_long(directory: Path) -> list[Row]:
    """Ten minutes of sixteen devices on four lines."""
    lines = {f"l{number}": MANY for number in range(1, LINES + 1)}
    with stand(directory, _layout(lines)) as bench:
        return asyncio.run(_many(bench, lines))


def _layout(lines: Mapping[str, Sequence[str]]) -> str:
    text = ""
    for line, models in lines.items():
        text += f'[[line]]\nname = "{line}"\nbaud = 9600\nformat = "8N1"\n'
        for unit, model in enumerate(models, 1):
            text += f'[[line.device]]\nname = "{line}d{unit}"\nmodel = "{model}"\nunit = {unit}\n'
    return text


def _polled(bench: Stand, line: str, models: Sequence[str]) -> Polled:
    bus = Bus(SerialSettings(name=line, port=bench.port(line)))
    devices = {
        f"{line}d{unit}": Device(load_profile(model), bus, unit, f"{line}d{unit}")
        for unit, model in enumerate(models, 1)
    }
    roles = [
        adapters.board(device) if device.profile.board else adapters.meter(device)
        for device in devices.values()
    ]
    heard_s: dict[str, list[float]] = {name: [] for name in devices}

    def note(device: Device) -> None:
        if device.heard_s is not None:
            heard_s[device.name].append(device.heard_s)

    poller = Poller(bus, adapters.watches(roles, bus), note, Periods())
    return Polled(bus=bus, devices=devices, poller=poller, heard_s=heard_s)


async def _dead(bench: Stand) -> list[Row]:
    line = _polled(bench, "l1", SHARED)
    await line.bus.start()
    polling = asyncio.create_task(line.poller.run())
    await asyncio.wait_for(line.poller.first_round.wait(), 30)
    healthy = await _periods_s(line, HEALTHY_S)
    fault = {"name": "device_lost", "device": DEAD}
    await asyncio.to_thread(bench.ask, "POST", "/faults", fault)
    await asyncio.sleep(SETTLE_S)
    dead = await _periods_s(line, DEAD_S)
    polling.cancel()
    await asyncio.gather(polling, return_exceptions=True)
    await line.bus.close()
    ratios = [dead[name] / healthy[name] for name in healthy if name != DEAD]
    requests = line.bus.stats[1].requests
    return [
        Row(name="dead_device_others_period", value=max(ratios), unit="ratio", bound=OTHERS_SLOWER),
        Row(name="dead_device_asked", value=requests, unit="requests"),
    ]


async def _periods_s(line: Polled, for_s: float) -> dict[str, float]:
    """Mean seconds between two replies of each device over that time."""
    for times in line.heard_s.values():
        times.clear()
    await asyncio.sleep(for_s)
    return {
        name: statistics.fmean(b - a for a, b in pairwise(times)) if len(times) > 1 else for_s
        for name, times in line.heard_s.items()
    }


async def _many(bench: Stand, lines: Mapping[str, Sequence[str]]) -> list[Row]:
    polled = [_polled(bench, line, models) for line, models in lines.items()]
    for line in polled:
        await line.bus.start()
    polling = [asyncio.create_task(line.poller.run()) for line in polled]
    for line in polled:
        await asyncio.wait_for(line.poller.first_round.wait(), 60)
    await asyncio.sleep(SETTLE_S)
    missed = sum(_missed(line) for line in polled)
    asked = _asked(polled)
    cpu_s, begun_s, memory_mb = time.process_time(), boottime(), _resident_mb()
    await asyncio.sleep(MANY_S)
    took_s, cpu_s = boottime() - begun_s, time.process_time() - cpu_s
    asked = _asked(polled) - asked
    grown_mb = _resident_mb() - memory_mb
    for task in polling:
        task.cancel()
    await asyncio.gather(*polling, return_exceptions=True)
    for line in polled:
        await line.bus.close()
    return [
        Row(name="many_transactions", value=asked / took_s, unit="1/s"),
        Row(name="many_cpu", value=100 * cpu_s / took_s, unit="% of a core"),
        Row(name="many_cpu_per_transaction", value=1e3 * cpu_s / asked, unit="ms", bound=2.0),
        Row(name="many_memory", value=_resident_mb(), unit="MB"),
        Row(name="many_memory_grown", value=grown_mb, unit="MB", bound=1.0),
        Row(
            name="many_missed_periods",
            value=sum(_missed(line) for line in polled) - missed,
            unit="periods",
        ),
    ]


def _missed(line: Polled) -> int:
    return sum(line.poller.missed.values())


def _asked(polled: Sequence[Polled]) -> int:
    return sum(stats.requests for line in polled for stats in line.bus.stats.values())


def _resident_mb() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ValueError("/proc/self/status tells no VmRSS")
