"""Reaction and detection over shared and own lines, beside the bounds the plan promises.

Reaction: last character of the first reply that shows the emergency stop → first character of the
open command. Detection: the stop in the plant → first character of the open command. Who reacts
here is the hardware layer with a bare rule in place of the core, so that hundreds of stops fit into
minutes; the whole agent's reaction is in the rows of `service`. Safety reads, meters and pilots go
on as the plan has them; between two stops the contactor is closed anew.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from bench.rows import Row, percentile
from bench.stand import JsonObject, Stand, stand
from laddvakt_hal import adapters
from laddvakt_hal.bus import Bus, SerialSettings
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import Periods
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.relays import RelayContactor, RelayInput

STOP_INPUT, COIL = 1, 0  # counted from 0: the terminals say 2 and 1
STOP_DEVICE, STOP_POINT = "r1", "input_2"
RELAY = "waveshare-modbus-rtu-relay"
SHARED = (
    ("m1", "eastron-sdm630"),
    ("m2", "eastron-sdm630"),
    ("m3", "cg-em300-et300"),
    ("e1", "simpleevse-wb-din"),
    ("e2", "simpleevse-wb-din"),
    (STOP_DEVICE, RELAY),
)
OWN = ((STOP_DEVICE, RELAY),)
STOPS = 200
LONG_STOPS = 1000
HOLD_S = 2.0
PAUSE_S = (0.15, 0.6)  # drawn anew each time: stops must not fall into step with the polls


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line with its devices."""

    name: str
    baud: int
    devices: tuple[tuple[str, str], ...]
    safety_s: float


CASES = (
    Case(name="shared_9600", baud=9600, devices=SHARED, safety_s=0.25),
    Case(name="own_115200", baud=115200, devices=OWN, safety_s=0.015),
)


def run(directory: Path, *, stops: int = STOPS) -> list[Row]:
    """Both cases."""
    rows: list[Row] = []
    for case in CASES:
        with stand(directory / case.name, layout(case)) as bench:
            times, poller = asyncio.run(_stops(case, bench, stops))
        rows += _rows(case, times, poller)
    return rows


def run_long(directory: Path) -> list[Row]:
    """The same with a thousand stops."""
    return run(directory, stops=LONG_STOPS)


def layout(case: Case) -> str:
    """The stand's layout; addresses count from 1."""
    text = f'[[line]]\nname = "line"\nbaud = {case.baud}\nformat = "8N1"\n'
    for unit, (name, model) in enumerate(case.devices, 1):
        text += f'[[line.device]]\nname = "{name}"\nmodel = "{model}"\nunit = {unit}\n'
        text += "turnaround_ms = 5\n"
    return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Milliseconds of every stop."""

    reactions: tuple[float, ...]
    detections: tuple[float, ...]
    failed_closings: int


@dataclass(slots=True)
class Guarding:
    """Polls one line and opens its contactor on the stop."""

    bus: Bus
    contactor: RelayContactor
    stop: RelayInput
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    opening: asyncio.Task[None] | None = None
    failed_closings: int = 0
    bit: int = 0  # of the stop in a reply of the inputs
    seen: int = 0  # where the stand's trace was read up to

    def react(self, device: Device) -> None:
        """Called after every reply: open in the round that shows the stop."""
        stopped = device is self.stop.device and self.stop.closed().value is False
        if stopped and self.opening is None:
            self.opening = asyncio.create_task(self._open())

    async def close_again(self) -> None:
        """The stop was released: wait until it reads so, then close."""
        while self.stop.closed().value is not True:  # noqa: ASYNC110 - the poller sets it
            await asyncio.sleep(0.005)
        self.opening = None
        self.opened.clear()
        while not await self._held():
            self.failed_closings += 1

    async def _held(self) -> bool:
        """Closing is never repeated down in the hardware layer; on a stalled machine one fails."""
        try:
            await self.contactor.hold()
        except HalError:
            return False
        return True

    async def _open(self) -> None:
        await self.contactor.open()
        self.opened.set()


async def _stops(case: Case, bench: Stand, stops: int) -> tuple[Times, Poller]:
    bus = Bus(SerialSettings(name="line", port=bench.port("line"), baud=case.baud))
    devices = {
        name: Device(load_profile(model), bus, unit, name)
        for unit, (name, model) in enumerate(case.devices, 1)
    }
    guarding = Guarding(
        bus=bus,
        contactor=adapters.relay_contactor(devices[STOP_DEVICE], COIL, None, hold_s=HOLD_S),
        stop=adapters.digital_input(devices[STOP_DEVICE], STOP_INPUT),
    )
    roles: list[adapters.Adapter] = [guarding.contactor, guarding.stop]
    roles += [adapters.meter(device) for name, device in devices.items() if name[0] == "m"]
    roles += [adapters.board(device) for name, device in devices.items() if name[0] == "e"]
    watches = adapters.watches(roles, bus)
    poller = Poller(bus, watches, guarding.react, Periods(safety_s=case.safety_s))
    guarding.bit = STOP_INPUT - _read_at(poller)
    await bus.start()
    polling = asyncio.create_task(poller.run())
    try:
        await asyncio.wait_for(poller.first_round.wait(), 30)
        pauses = random.Random(1)
        found = []
        for _ in range(stops):
            await guarding.close_again()
            await asyncio.sleep(pauses.uniform(*PAUSE_S))
            found.append(await _stop_once(bench, guarding))
    finally:
        polling.cancel()
        await asyncio.gather(polling, return_exceptions=True)
        await bus.close()
    reactions, detections = zip(*found, strict=True)
    return Times(
        reactions=reactions, detections=detections, failed_closings=guarding.failed_closings
    ), poller


async def _stop_once(bench: Stand, guarding: Guarding) -> tuple[float, float]:
    """Press and release once: milliseconds of reaction and detection, by the stand's own trace."""
    await _frames(bench, guarding)  # what was before
    answer = await _ask(bench, "PATCH", f"/devices/{STOP_DEVICE}", {STOP_POINT: False})
    pressed_s = float(str(answer["now_s"]))
    await asyncio.wait_for(guarding.opened.wait(), 5)
    frames = await _frames(bench, guarding)
    await _ask(bench, "PATCH", f"/devices/{STOP_DEVICE}", {STOP_POINT: True})
    unit = guarding.stop.device.unit
    shown_s = [
        float(str(frame["last_s"])) for frame in frames if _shows_stop(frame, unit, guarding.bit)
    ]
    opened_s = [float(str(frame["first_s"])) for frame in frames if _opens(frame, unit)]
    return 1e3 * (opened_s[0] - shown_s[0]), 1e3 * (opened_s[0] - pressed_s)


async def _frames(bench: Stand, guarding: Guarding) -> list[JsonObject]:
    """Every frame since the last call."""
    found: list[JsonObject] = []
    while True:
        path = f"/trace?line=line&since={guarding.seen}&limit=5000"
        page = await _ask(bench, "GET", path)
        guarding.seen = int(str(page["next"]))
        frames = page["frames"]
        if not isinstance(frames, list) or not frames:
            return found
        found += frames


def _shows_stop(frame: JsonObject, unit: int, bit: int) -> bool:
    """A reply of the relay's inputs with the stop's bit off."""
    raw = bytes.fromhex(str(frame["hex"]))
    mine = frame["dir"] == "reply" and frame["unit"] == unit and raw[1] == 2
    return mine and not raw[3] >> bit & 1


def _read_at(poller: Poller) -> int:
    """The first input of the planned read that brings the stop."""
    rows = (row for row in poller.plan if row.device == STOP_DEVICE)
    return next(row.block.addr for row in rows if row.block.function is Function.READ_INPUTS)


def _opens(frame: JsonObject, unit: int) -> bool:
    raw = bytes.fromhex(str(frame["hex"]))
    mine = frame["dir"] == "request" and frame["unit"] == unit
    return mine and raw[1] == 5 and raw[2:6] == bytes((0, COIL, 0, 0))


async def _ask(bench: Stand, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
    """The control API, without holding up the poller."""
    return await asyncio.to_thread(bench.ask, method, path, body)


def _rows(case: Case, times: Times, poller: Poller) -> list[Row]:
    longest_ms = 1e3 * poller.longest_transaction_s
    read_ms = max(
        1e3 * row.wire_s
        for row in poller.plan
        if row.device == STOP_DEVICE and row.block.function == 2
    )
    # The round that just missed the stop, what holds the line when the next is due, the read
    # itself, and what holds the line when the open command is given.
    detection_ms = 1e3 * poller.safety_period_s + 2 * longest_ms + read_ms + 20
    failed = times.failed_closings
    rows = [Row(name=f"{case.name}_failed_closings", value=failed, unit="commands")]
    for what, values, bound in (
        ("reaction", times.reactions, longest_ms + 15),
        ("detection", times.detections, detection_ms),
    ):
        name = f"{case.name}_{what}"
        rows += [
            Row(name=f"{name}_p50", value=statistics.median(values), unit="ms"),
            Row(name=f"{name}_p99", value=percentile(list(values), 0.99), unit="ms", bound=bound),
            Row(name=f"{name}_max", value=max(values), unit="ms"),
        ]
    return rows
