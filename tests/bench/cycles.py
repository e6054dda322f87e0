"""Cycle time of a meter's whole set of quantities, beside the wire's limit and one-by-one reading.

V, A, W of three phases, total W, power factor, frequency and imported kWh, on three meters at three
speeds with two turnarounds. The limit is the wire time of the cheapest allowed plan: characters,
silences, the device's own delays, and the turnaround the simulated device really had.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.rows import Row
from bench.stand import Stand, stand
from laddvakt_hal.bus import Bus, Priority, SerialSettings
from laddvakt_hal.device import Device
from laddvakt_hal.plan import Block, ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile

QUANTITIES = (
    *(f"{q}_l{n}" for q in ("voltage", "current", "power") for n in (1, 2, 3)),
    "power_total",
    "pf_total",
    "frequency",
    "energy_import_total",
)
BAUDS = (9600, 19200, 115200)
TURNAROUNDS_MS = (5, 20)
METERS = (
    ("sdm630", "eastron-sdm630", "N"),
    ("em340", "cg-em300-et300", "N"),
    ("b23", "abb-b23-b24", "E"),
)
ROUNDS = 30
SLOW_ROUNDS = 8  # one by one: many requests in each
BOUND = 1.05
FAST_BOUND = 1.12  # at 115200, where a fifth of a millisecond is two per cent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One meter at one speed with one turnaround."""

    meter: str
    profile: str
    baud: int
    parity: str
    turnaround_ms: int

    @property
    def name(self) -> str:
        """Its part of the rows' names."""
        return f"{self.meter}_{self.baud}_t{self.turnaround_ms}"

    @property
    def line(self) -> str:
        """The line it sits on."""
        return f"l{self.baud}{self.parity.lower()}"

    @property
    def unit(self) -> int:
        """Its address there."""
        meters = [meter for meter, _, _ in METERS]
        return 1 + meters.index(self.meter) + 10 * TURNAROUNDS_MS.index(self.turnaround_ms)


CASES = tuple(
    Case(meter=meter, profile=profile, baud=baud, parity=parity, turnaround_ms=turnaround_ms)
    for baud in BAUDS
    for turnaround_ms in TURNAROUNDS_MS
    for meter, profile, parity in METERS
)


def run(directory: Path) -> list[Row]:
    """Every case, one after the other, nothing else on its line."""
    rows: list[Row] = []
    for baud in BAUDS:
        cases = [case for case in CASES if case.baud == baud]
        with stand(directory / str(baud), layout(cases)) as bench:
            for case in cases:
                rows += _rows(case, bench)
    return rows


def layout(cases: Sequence[Case]) -> str:
    """The stand's layout: each line with its meters."""
    text = ""
    for line in sorted({case.line for case in cases}):
        its = [case for case in cases if case.line == line]
        form = f"8{its[0].parity}1"
        text += f'[[line]]\nname = "{line}"\nbaud = {its[0].baud}\nformat = "{form}"\n'
        for case in its:
            text += f'[[line.device]]\nname = "{case.name}"\nmodel = "{case.profile}"\n'
            text += f"unit = {case.unit}\nturnaround_ms = {case.turnaround_ms}\n"
    return text


def _rows(case: Case, bench: Stand) -> list[Row]:
    settings = SerialSettings(
        name=case.line, port=bench.port(case.line), baud=case.baud, parity=case.parity
    )
    profile = load_profile(case.profile)
    timing = replace(profile.timing, turnaround_s=case.turnaround_ms / 1000)
    cost = wire_cost(settings, timing)
    wanted = dict.fromkeys(QUANTITIES, ReadClass.NORMAL)
    planned = [block for _, block in plan_device(profile, wanted, cost)]
    single = [
        block
        for quantity in QUANTITIES
        for _, block in plan_device(profile, {quantity: ReadClass.NORMAL}, cost)
    ]
    ours_s = asyncio.run(_measure(case, settings, planned, ROUNDS))
    turnaround_s = _turnaround_s(bench, case)
    limit_s = sum(
        replace(cost, turnaround_s=turnaround_s).of(block.request(case.unit)) for block in planned
    )
    theirs_s = asyncio.run(_measure(case, settings, single, SLOW_ROUNDS))
    bound = FAST_BOUND if case.baud > 19200 else BOUND
    return [
        Row(name=f"cycle_{case.name}", value=1e3 * ours_s, unit="ms"),
        Row(name=f"cycle_{case.name}_requests", value=len(planned), unit="requests"),
        Row(
            name=f"cycle_{case.name}_over_limit", value=ours_s / limit_s, unit="ratio", bound=bound
        ),
        Row(name=f"cycle_{case.name}_over_one_by_one", value=ours_s / theirs_s, unit="ratio"),
    ]


async def _measure(
    case: Case, settings: SerialSettings, blocks: Sequence[Block], rounds: int
) -> float:
    """Median seconds of a round.

    Raises:
        HalError: a read failed: the line is healthy, so the figure would be wrong.
    """
    bus = Bus(settings)
    device = Device(load_profile(case.profile), bus, case.unit, case.name)
    await bus.start()
    while not bus.up:  # noqa: ASYNC110 - once
        await asyncio.sleep(0.01)
    rounds_s = []
    for _ in range(rounds + 1):
        begun_s = time.monotonic()
        for block in blocks:
            error = await device.read_block(block, Priority.NORMAL)
            if error is not None:
                raise error
        rounds_s.append(time.monotonic() - begun_s)
    await bus.close()
    return statistics.median(rounds_s[1:])


def _turnaround_s(bench: Stand, case: Case) -> float:
    """Median from a request's last character to its reply's first, as the stand had them."""
    waits: list[float] = []
    asked_s: float | None = None
    for frame in bench.frames(case.line):
        if frame["unit"] != case.unit:
            continue
        if frame["dir"] == "request":
            asked_s = float(str(frame["last_s"]))
        elif asked_s is not None:
            waits.append(float(str(frame["first_s"])) - asked_s)
            asked_s = None
    return statistics.median(waits)
