"""How close reads come to the physical limit of the wire, and what a transaction costs in CPU.

The optimum is what the plan's requests must take: characters, the silence or the device's own
pause before each request, and the turnaround the simulated device really had, as its trace says.
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
            measured = asyncio.run(_measure(case, _port(scene, case.line)))
            rows += _rows(case, measured, _turnaround_s(scene, case))
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What one case took, and what its requests take on the wire without the turnaround."""

    round_s: float
    cpu_s: float  # per request
    requests: int
    wire_s: float  # characters and pauses of one round


async def _measure(case: Case, port: str) -> Measured:
    settings = SerialSettings(name=case.line, port=port, baud=case.baud, parity=case.parity)
    profile = load_profile(case.profile)
    cost = wire_cost(settings, profile.timing)
    blocks = [
        block
        for _, block in plan_device(profile, dict.fromkeys(case.quantities, ReadClass.NORMAL), cost)
    ]
    pause_s = max(settings.silence_s, profile.timing.min_delay_s)
    turnaround_s = max(profile.timing.turnaround_s, settings.silence_s)
    wire_s = sum(
        cost.of(block.request(case.unit)) - settings.silence_s - turnaround_s + pause_s
        for block in blocks
    )
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
    return Measured(
        round_s=statistics.median(rounds_s[1:]),
        cpu_s=cpu_s / (ROUNDS * len(blocks)),
        requests=len(blocks),
        wire_s=wire_s,
    )


def _rows(case: Case, measured: Measured, turnaround_s: float) -> list[Row]:
    optimum_s = measured.wire_s + measured.requests * turnaround_s
    ratio = measured.round_s / optimum_s
    return [
        Row(name=f"{case.name}_requests", value=measured.requests, unit="requests"),
        Row(name=f"{case.name}_round", value=1e3 * measured.round_s, unit="ms"),
        Row(name=f"{case.name}_optimum", value=1e3 * optimum_s, unit="ms"),
        Row(name=f"{case.name}_over_optimum", value=ratio, unit="ratio", bound=1.05),
        Row(name=f"{case.name}_cpu", value=1e3 * measured.cpu_s, unit="ms/request"),
    ]


def _turnaround_s(scene: Stage, case: Case) -> float:
    """The simulated turnaround: last character of a request to the first of its reply."""
    page = scene.board.ask("GET", f"/trace?line={case.line}&since=0&limit=5000")
    frames = page["frames"]
    waits: list[float] = []
    asked_s: float | None = None
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, dict) and frame["unit"] == case.unit:
            if frame["dir"] == "request":
                asked_s = float(str(frame["last_s"]))
            elif asked_s is not None:
                waits.append(float(str(frame["first_s"])) - asked_s)
    return statistics.median(waits)


def _port(scene: Stage, line: str) -> str:
    lines = scene.layout["lines"]
    found = lines[line] if isinstance(lines, dict) else None
    if not isinstance(found, dict):
        raise KeyError(line)
    return str(found["port"])
