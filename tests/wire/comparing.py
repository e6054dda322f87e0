"""Two transcriptions side by side: a simulated device and the real hardware layer on one line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from laddvakt_hal.bus import Bus, TcpSettings, Timing
from laddvakt_hal.codec import Value
from laddvakt_hal.device import Device
from laddvakt_hal.errors import LayoutUnknown, NotFound, Refused
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import Profile
from laddvakt_sim.firmware import library, slave
from laddvakt_sim.firmware.library import BenchDevice
from laddvakt_sim.tcp import TcpLine
from laddvakt_sim.trace import Trace
from laddvakt_sim.wire import Wire, WireSpec

BOTH = sorted({*known_profiles()} & {*library.models()})
QUICK = Timing(timeout_s=2.0, worst_latency_s=2.0, turnaround_s=0.001)
STATION = {"alfen-ng910": 200}  # rows of the whole station, under a unit of its own
TRIES = 4  # a Bender glitch comes now and then, never four times in a row with this seed


CHAIN = frozenset(
    {
        *("sunspec_marker", "common_id", "common_length"),
        *("options", "device_address", "end_id", "end_length"),
    }
)


class SteppedWorld(library.World):
    """Time is a number that moves with every request: no device is asked too early."""

    now_s = 1000.0

    def request(self, device: slave.Device, pdu: bytes, now_s: float) -> slave.Answer:
        del now_s
        self.now_s += 0.6 if pdu[0] <= 4 else 6.0
        return super().request(device, pdu, self.now_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A simulated unit and the hardware layer's idea of it."""

    sim: BenchDevice
    hal: Device


@asynccontextmanager
async def connected(name: str, firmware: str | None = None) -> AsyncIterator[tuple[Pair, ...]]:
    """Every unit of a device, reached through the real bus over TCP."""
    profile = replace(load_profile(name), timing=QUICK)
    units = [profile.unit or 1, *([STATION[name]] if name in STATION else [])]
    sims = tuple(
        library.make(name, name=f"unit{unit}", unit=unit, now_s=1000.0, firmware=firmware)
        for unit in units
    )
    for sim in sims:
        sim.turnaround_s = 0.0
    world = SteppedWorld({"tcp": sims})
    line = TcpLine(Wire(WireSpec(name="tcp", rtu=False), world), Trace(("tcp",)))
    await line.start(0)
    bus = Bus(TcpSettings(name="tcp", host="127.0.0.1", port=line.port))
    await bus.start()
    try:
        await up(bus)
        yield tuple(
            Pair(sim=sim, hal=Device(profile, bus, unit, sim.name))
            for sim, unit in zip(sims, units, strict=True)
        )
    finally:
        await bus.close()
        await asyncio.sleep(0.001)  # lets the line see it, instead of being cut off
        await line.stop()


async def up(bus: Bus) -> None:
    """Wait until the bus has its connection."""
    changed = asyncio.Event()
    bus.on_change = lambda _bus: changed.set()
    while not bus.up:
        await changed.wait()
        changed.clear()


def factors(profile: Profile) -> set[str]:
    """Rows that are powers of ten of others: both sides name them as they like."""
    return {row.scale_from for row in profile.rows.values() if row.scale_from is not None}


def owner(pairs: Sequence[Pair], quantity: str) -> Pair:
    """The unit that has this quantity; the first one when none has it."""
    return next((pair for pair in pairs if quantity in pair.sim.points), pairs[0])


async def fetched(pair: Pair, quantity: str) -> Value | None:
    """The value read; None when the device has none, however often it is asked."""
    for _ in range(TRIES):
        try:
            value = await pair.hal.fetch(quantity)
        except (Refused, LayoutUnknown, NotFound):
            return None
        if value is not None:
            return value
    return None


def agree(sim: BenchDevice, quantity: str, value: Value | None, truth: Value | None) -> bool:
    """True when what was read is the truth as far as the register can tell it."""
    if value is None or truth is None or isinstance(truth, str):
        return value == truth
    if isinstance(value, str):
        return False
    if isinstance(truth, bool):
        return value == truth
    return abs(value - truth) <= sim.resolution(quantity) * (1 + 1e-6) + 1e-9
