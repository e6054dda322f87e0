"""One random schedule: requests, priorities, impatient callers, faults, a port that comes and goes.

Everything is drawn from the seed. The run's verdict names every reply that should not have been
believed, every call that never settled and every counter that does not add up.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from hal.virtual.faults import KINDS, Devices
from hal.virtual.line import MemoryLine, pace_of
from hal.virtual.loop import VirtualLoop, settled
from hal.virtual.truth import Wire, judge
from laddvakt_hal.bus import Bus, Priority, SerialSettings, Timing
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.link import Link
from laddvakt_hal.repeats import COPY_S
from laddvakt_hal.serial_link import TIMELY, SerialLink

UNITS = (1, 2, 3)
FOR_EVER_S = 120.0
LINES = tuple(
    SerialSettings(name="memory", port="/memory", baud=baud) for baud in (9600, 19200, 115200)
)


@dataclass(slots=True)
class Verdict:
    """What came of one schedule."""

    good: int = 0
    doubtful: int = 0
    failed: int = 0
    given_up: int = 0
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Verdict) -> None:
        self.good += other.good
        self.doubtful += other.doubtful
        self.failed += other.failed
        self.given_up += other.given_up
        self.wrong += other.wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a mutant exchanges; by default the real thing."""

    bus: type[Bus] = Bus
    link: type[SerialLink] = SerialLink
    line: type[MemoryLine] = MemoryLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """What a schedule is about; what is `None` is drawn."""

    kinds: tuple[str, ...] | None = None
    baud: int | None = None
    is_wire: bool | None = None
    echo: bool | None = None
    units: tuple[int, ...] = UNITS
    alike: bool = False  # requests of one shape only
    plain: bool = False  # devices without delays of their own, an adapter without batches
    copy_within_s: float = COPY_S


REAL = Parts()
ALL = Focus()


def timings(dice: random.Random, focus: Focus) -> dict[int, Timing]:
    def one() -> Timing:
        timeout_s = dice.choice((0.03, 0.06, 0.1))
        if focus.plain:
            return Timing(timeout_s=timeout_s, worst_latency_s=2 * timeout_s)
        return Timing(
            timeout_s=timeout_s,
            worst_latency_s=timeout_s * dice.choice((1.0, 2.0, 4.0)),
            min_delay_s=dice.choice((0.0, 0.0, 0.0, 0.02, 0.1)),
            unit_change_s=dice.choice((0.0, 0.0, 0.0, 0.03)),
            read_interval_s=dice.choice((0.0, 0.0, 0.0, 0.05)),
            turnaround_s=0.005,
        )

    return {unit: one() for unit in focus.units}


def a_request(dice: random.Random, focus: Focus) -> Request:
    """Few shapes, many addresses: what RTU tells apart worst."""
    unit, address = dice.choice(focus.units), dice.randrange(9)
    kind = 3 if focus.alike else dice.randrange(12)
    if focus.alike and not focus.echo:
        return Request(unit=unit, function=Function.READ_HOLDING, address=address, count=2)
    if focus.alike:
        kind = dice.randrange(2)
    if kind == 0:
        return Request(
            unit=unit,
            function=Function.WRITE_COIL,
            address=address % 2,
            values=(dice.choice((0, 0xFF00)),),
        )
    if kind == 1:
        return Request(
            unit=unit,
            function=Function.WRITE_REGISTERS,
            address=address % 2,
            count=2,
            values=(dice.randrange(3), 7),
        )
    if kind == 2:
        return Request(unit=unit, function=Function.READ_COILS, address=address, count=16)
    function = dice.choice(
        (Function.READ_HOLDING, Function.READ_HOLDING, Function.READ_INPUT_REGISTERS)
    )
    return Request(
        unit=unit, function=function, address=address, count=dice.choice((1, 2, 2, 2, 3))
    )


async def run(loop: VirtualLoop, seed: int, parts: Parts = REAL, focus: Focus = ALL) -> Verdict:
    """Carry out schedule number `seed`."""
    dice = random.Random(seed)
    settings = dice.choice([line for line in LINES if focus.baud in (None, line.baud)])
    is_wire = dice.random() < 0.7
    pace = pace_of(
        settings,
        is_wire=is_wire if focus.is_wire is None else focus.is_wire,
        batches=dice.random() < 0.3 and not focus.plain,
    )
    made: list[tuple[MemoryLine, SerialLink]] = []

    def link(wake: Callable[[], None]) -> Link:
        made.append((line := parts.line(loop, wake, pace), parts.link(line, loop.time)))
        return made[0][1]

    bus = parts.bus(settings, loop.time, link)
    line, rtu = made[0]
    timely = TIMELY if pace.is_wire else 0  # a wire that has been in use for a while
    echo = dice.random() < 0.2
    wire, line.echo = Wire(), echo if focus.echo is None else focus.echo
    kinds = focus.kinds or dice.sample(KINDS, dice.randrange(len(KINDS) + 1))
    rate = dice.choice((0.05, 0.15, 0.3))
    devices = Devices(
        line=line,
        wire=wire,
        dice=dice,
        timings=timings(dice, focus),
        rates=dict.fromkeys(kinds, rate),
        is_caught=lambda unit: rtu._repeats.is_caught(unit, loop.time()),
        constant=dice.random() < 0.15,
        copy_within_s=focus.copy_within_s,
    )
    line.heard = devices.heard
    for unit, timing in devices.timings.items():
        bus.set_timing(unit, timing)
    verdict = Verdict()
    await bus.start()
    while not bus.up:  # noqa: ASYNC110 - in virtual time
        await asyncio.sleep(0.01)
    rtu._timely = timely
    unplugging = loop.create_task(_unplug(line, dice)) if dice.random() < 0.15 else None
    calls = [
        loop.create_task(_caller(bus, random.Random(seed * 31 + n), wire, verdict, devices, focus))
        for n in range(dice.choice((1, 2, 3)))
    ]
    await settled(asyncio.gather(*calls), FOR_EVER_S)
    if unplugging is not None:
        await unplugging
    await asyncio.sleep(0.5)  # whatever is still under way shows itself
    await bus.close()
    _check_books(bus, line, verdict, seed)
    return verdict


async def _caller(
    bus: Bus,
    dice: random.Random,
    wire: Wire,
    verdict: Verdict,
    devices: Devices,
    focus: Focus,
) -> None:
    """Somebody who asks, sometimes several things at once, sometimes without patience."""
    for _ in range(dice.randrange(2, 6)):
        if dice.random() < 0.3:
            await asyncio.sleep(dice.uniform(0.0, 0.15))
        requests = [a_request(dice, focus) for _ in range(dice.choice((1, 1, 2, 3)))]
        if dice.random() < 0.2:
            requests *= 2
        await asyncio.gather(*(_ask(bus, r, dice, wire, verdict, devices) for r in requests))


async def _ask(
    bus: Bus,
    request: Request,
    dice: random.Random,
    wire: Wire,
    verdict: Verdict,
    devices: Devices,
) -> None:
    patience_s = dice.uniform(0.0, 0.1) if dice.random() < 0.15 else FOR_EVER_S
    priority = dice.choice(tuple(Priority))
    try:
        async with asyncio.timeout(patience_s):
            reply = await bus.transact(request, priority)
    except TimeoutError:
        if patience_s == FOR_EVER_S:
            verdict.wrong.append(f"never settled: {request}")
        verdict.given_up += 1
    except HalError:
        verdict.failed += 1
    else:
        verdict.good += 1
        verdict.doubtful += reply.doubt_s > 0
        wrong = judge(request, reply, wire, varying=not devices.constant)
        if wrong is not None:
            verdict.wrong.append(wrong)


async def _unplug(line: MemoryLine, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 2))):
        await asyncio.sleep(dice.uniform(0.0, 0.4))
        line.unplug()
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        line.plug()


def _check_books(bus: Bus, line: MemoryLine, verdict: Verdict, seed: int) -> None:
    """Every request ended in exactly one counter, and nothing is left lying about."""
    for unit, s in bus.stats.items():
        ends = (
            s.ok + s.no_reply + s.crc + s.short + s.wrong_unit + s.wrong_reply + s.echo
            + s.exception + s.port_gone
        )  # fmt: skip
        if s.requests != ends:
            verdict.wrong.append(f"{seed}: unit {unit}: {s.requests} requests, {ends} ends")
    if bus._entries or len(line.buffer) > 8192:
        verdict.wrong.append(f"{seed}: something is left over")
