"""How close reads come to the physical limit of the wire, and what a transaction costs in CPU.

The optimum is the plan's own wire time: characters, the silence before each request, and the
device's turnaround. Measured on the simulator's paced lines, over whole rounds.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Row
from laddvakt_agent.demo.stage import Stage, stage
from laddvakt_hal.bus import Bus, Priority, SerialSettings
from laddvakt_hal.device import Device
from laddvakt_hal.plan import ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile

ROUNDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One device on one line and what is read of it."""

    name: str
    profile: str
    line: str
    unit: int
    baud: int
    parity: str
    quantities: tuple[str, ...]


CASES = (
    Case(
        name="sdm72_full_set_9600",
        profile="eastron-sdm72d-m-v2",
        line="line1",
        unit=2,
        baud=9600,
        parity="N",
        quantities=(
            *(f"{q}_l{n}" for q in ("voltage", "current", "power") for n in (1, 2, 3)),
            "power_total",
            "pf_total",
            "frequency",
            "energy_import_total",
        ),
    ),
    Case(
        name="rcmb300_currents_19200",
        profile="bender-rcmb300",
        line="line2",
        unit=100,
        baud=19200,
        parity="E",
        quantities=("residual_current_ac", "residual_current_dc", "trip_status"),
    ),
)


def run(directory: Path) -> list[Row]:
    """Every case on a board of its own, nothing else on the line."""
    rows: list[Row] = []
    with stage(directory) as scene:
        scene.start_board()
        for case in CASES:
            rows += asyncio.run(_measure(case, _port(scene, case.line)))
    return rows


async def _measure(case: Case, port: str) -> list[Row]:
    settings = SerialSettings(name=case.line, port=port, baud=case.baud, parity=case.parity)
    profile = load_profile(case.profile)
    cost = wire_cost(settings, profile.timing)
    blocks = [
        block
        for _, block in plan_device(profile, dict.fromkeys(case.quantities, ReadClass.NORMAL), cost)
    ]
    optimum_s = sum(cost.of(block.request(case.unit)) for block in blocks)
    bus = Bus(settings)
    device = Device(profile, bus, case.unit, case.name)
    await bus.start()
    while not bus.up:  # noqa: ASYNC110 - once
        await asyncio.sleep(0.01)
    rounds_s, cpu_s = [], time.process_time()
    for _ in range(ROUNDS):
        begun_s = time.monotonic()
        for block in blocks:
            error = await device.read_block(block, Priority.NORMAL)
            if error is not None:
                raise error
        rounds_s.append(time.monotonic() - begun_s)
    cpu_s = time.process_time() - cpu_s
    await bus.close()
    median_s = statistics.median(rounds_s[1:])
    return [
        Row(name=f"{case.name}_blocks", value=len(blocks), unit="requests"),
        Row(name=f"{case.name}_round", value=1e3 * median_s, unit="ms"),
        Row(name=f"{case.name}_over_optimum", value=median_s / optimum_s, unit="ratio", bound=1.05),
        Row(name=f"{case.name}_cpu", value=1e3 * cpu_s / (ROUNDS * len(blocks)), unit="ms/request"),
    ]


def _port(scene: Stage, line: str) -> str:
    lines = scene.layout["lines"]
    found = lines[line] if isinstance(lines, dict) else None
    if not isinstance(found, dict):
        raise KeyError(line)
    return str(found["port"])
