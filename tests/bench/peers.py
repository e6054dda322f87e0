"""CPU per transaction beside libmodbus (C) and pymodbus' async client, all in one run.

Each client reads the same block of the same simulated meter from a process of its own, in turns, so
that a machine that slows down slows all of them. The figures are CPU seconds, not wall time.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.rows import Row
from bench.stand import Stand, stand

TURNS = 3
OVER_LIBMODBUS = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One block on one line."""

    name: str
    baud: int
    count: int
    rounds: int
    bound: float | None = None


CASES = (
    Case(name="9600_10", baud=9600, count=10, rounds=40),
    Case(name="9600_100", baud=9600, count=100, rounds=20, bound=OVER_LIBMODBUS),
    Case(name="115200_100", baud=115200, count=100, rounds=60),
)
_MODEL, _FUNCTION, _ADDRESS = "janitza-umg96rm", 3, 19000  # one block of 120 registers


def run(directory: Path) -> list[Row]:
    """Every case with every client."""
    client = _compiled(directory)
    rows: list[Row] = []
    with stand(directory / "stand", _layout()) as bench:
        for case in CASES:
            rows += _rows(case, bench, client)
    return rows


def _compiled(directory: Path) -> Path:
    """The C client.

    Raises:
        RuntimeError: compiler or library is missing; the message names the packages.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("a C compiler is needed: apt install gcc libc6-dev libmodbus-dev")
    program, source = directory / "peer_libmodbus", Path(__file__).with_name("peer_libmodbus.c")
    options = ["-O2", "-I/usr/include/modbus", "-o", str(program), str(source), "-lmodbus"]
    done = subprocess.run([compiler, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"apt install libmodbus-dev libc6-dev; gcc says: {done.stderr}")
    return program


def _layout() -> str:
    lines = ""
    for baud in sorted({case.baud for case in CASES}):
        lines += f'[[line]]\nname = "l{baud}"\nbaud = {baud}\nformat = "8N1"\n'
        lines += f'[[line.device]]\nname = "m{baud}"\nmodel = "{_MODEL}"\nunit = 1\n'
    return lines


def _rows(case: Case, bench: Stand, client: Path) -> list[Row]:
    wire = [bench.port(f"l{case.baud}"), str(case.baud), "N", "1", str(_FUNCTION), str(_ADDRESS)]
    wire += [str(case.count), str(case.rounds)]
    python = [sys.executable, "-m", "bench.peer_python"]
    commands = {
        "laddvakt": [*python, "laddvakt", *wire],
        "libmodbus": [str(client), *wire],
        "pymodbus": [*python, "pymodbus", *wire],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(TURNS):
        for name, command in commands.items():
            spent[name].append(1e3 * _cpu_s(command) / case.rounds)
    ms = {name: statistics.median(values) for name, values in spent.items()}
    head = f"cpu_{case.name}"
    return [
        Row(name=f"{head}_laddvakt", value=ms["laddvakt"], unit="ms/read"),
        Row(name=f"{head}_libmodbus", value=ms["libmodbus"], unit="ms/read"),
        Row(name=f"{head}_pymodbus", value=ms["pymodbus"], unit="ms/read"),
        Row(
            name=f"{head}_over_libmodbus",
            value=ms["laddvakt"] / ms["libmodbus"],
            unit="ratio",
            bound=case.bound,
        ),
        Row(name=f"{head}_over_pymodbus", value=ms["laddvakt"] / ms["pymodbus"], unit="ratio"),
    ]


def _cpu_s(command: list[str]) -> float:
    """CPU seconds one client spent; tried again once, for a stalled machine loses a reply.

    Raises:
        RuntimeError: it failed twice; the message is its own.
    """
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode == 0:
            return float(done.stdout.split()[0])
        sys.stderr.write(f"bench: a client failed: {done.stderr.strip()[-200:]}\n")
    raise RuntimeError(f"{command[0]} failed twice: {done.stderr}")
