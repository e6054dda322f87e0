"""How true the simulated line is to its baud rate, and what its process costs in CPU.

`pacing` is the line's own clock: first character of a request to last character of its reply, over
the time these characters and the device's turnaround must take. `seen` is the same from outside, by
a bare master from its write to the arrival of the last character: waking both processes is part of
it. `cpu` is the line's process while it is asked without a pause.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import struct
import termios
import time
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Row, percentile
from laddvakt_sim.firmware.slave import seal
from sim.rawline import raw_line
from sim.running import RunningBench, running_bench

_TURNAROUND_S = 0.005
_BOUND = 1.01  # at 9600 and 19200; above, the figures are only told


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One line and how often a block of ten floats is read over it."""

    baud: int
    format: str
    frames: int
    bounded: bool = False

    @property
    def name(self) -> str:
        """Name of the line."""
        return f"b{self.baud}"

    @property
    def char_s(self) -> float:
        """Seconds per character."""
        return (10 + (self.format[1] != "N")) / self.baud


CASES = (
    Case(baud=2400, format="8N1", frames=25),
    Case(baud=9600, format="8N1", frames=80, bounded=True),
    Case(baud=19200, format="8E1", frames=120, bounded=True),
    Case(baud=115200, format="8N1", frames=300),
)
_REQUEST = seal(1, struct.pack(">BHH", 4, 0, 20))
_LENGTH = 45
_SPEEDS = {
    2400: termios.B2400,
    9600: termios.B9600,
    19200: termios.B19200,
    115200: termios.B115200,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One case: ratios to the computed time by the line and by the master, share of a core."""

    own: list[float]
    seen: list[float]
    cpu_share: float


def run(directory: Path) -> list[Row]:
    """Every case on its own line of one bench, one after the other."""
    measured = asyncio.run(_measure(directory / "lines"))
    rows: list[Row] = []
    for case in CASES:
        rows += _rows(case, measured[case.baud])
    return rows


def _layout() -> str:
    return "".join(
        f'[[line]]\nname = "{case.name}"\nbaud = {case.baud}\nformat = "{case.format}"\n'
        f'[[line.device]]\nmodel = "eastron-sdm630"\nunit = 1\nname = "m{case.baud}"\n'
        f"turnaround_ms = {_TURNAROUND_S * 1000:g}\n"
        for case in CASES
    )


async def _measure(directory: Path) -> dict[int, Measured]:
    async with running_bench(directory, _layout()) as bench:
        pids = dict(zip([case.baud for case in CASES], bench.config["pids"][1:], strict=True))
        return {case.baud: await _one(bench, case, int(pids[case.baud])) for case in CASES}


async def _one(bench: RunningBench, case: Case, pid: int) -> Measured:
    computed_s = (len(_REQUEST) + _LENGTH) * case.char_s + _TURNAROUND_S
    with raw_line(bench.port(case.name), _SPEEDS[case.baud]) as port:
        await asyncio.sleep(0.1)
        await asyncio.to_thread(_timed, port.descriptor)
        cpu_s, begun_s = _cpu_s(pid), time.monotonic()
        taken_s = await asyncio.to_thread(
            lambda: [_timed(port.descriptor) for _ in range(case.frames)]
        )
        cpu_s, span_s = _cpu_s(pid) - cpu_s, time.monotonic() - begun_s
    return Measured(
        own=[taken / computed_s for taken in await _own_s(bench, case)],
        seen=[taken / computed_s for taken in taken_s],
        cpu_share=cpu_s / span_s,
    )


async def _own_s(bench: RunningBench, case: Case) -> list[float]:
    frames = (await bench.ask("GET", f"/trace?line={case.name}&limit=4000"))["frames"]
    return [
        reply["last_s"] - request["first_s"]
        for request, reply in zip(frames[::2], frames[1::2], strict=True)
    ]


def _timed(descriptor: int) -> float:
    os.set_blocking(descriptor, True)
    time.sleep(0.005)  # longer than any silence between frames
    begun_s = time.monotonic()
    os.write(descriptor, _REQUEST)
    got = 0
    while got < _LENGTH:
        got += len(os.read(descriptor, _LENGTH - got))
    return time.monotonic() - begun_s


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _rows(case: Case, measured: Measured) -> list[Row]:
    name = f"line_{case.baud}"
    bound = _BOUND if case.bounded else None
    pacing, seen = statistics.median(measured.own), statistics.median(measured.seen)
    worst = percentile(measured.own, 0.99), percentile(measured.seen, 0.99)
    return [
        Row(name=f"{name}_pacing", value=pacing, unit="ratio", bound=bound),
        Row(name=f"{name}_pacing_p99", value=worst[0], unit="ratio"),
        Row(name=f"{name}_seen", value=seen, unit="ratio"),
        Row(name=f"{name}_seen_p99", value=worst[1], unit="ratio"),
        Row(name=f"{name}_cpu", value=100 * measured.cpu_share, unit="% of a core"),
    ]
