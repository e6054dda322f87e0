"""How many bytes reach the disk in a day of charging, by the sectors of a device of its own.

Each kind of commit is repeated on a fresh ext4 image with the product's own ledger and telemetry.
The logs have been written over once before, as they are on any day but the first. *Alone*: after
each commit the file system is made to write all it has, what it would do by itself within 36 s.
*In a row*: after ten of them, as events come: a fault, a status, what the backend confirms.
A figure so holds its share of journal, inodes and checkpoints; an idle image is told beside it.

The day: signs of life and telemetry alone, events in a row, and for each burst of events once what
being alone costs more. How often each happens is counted in virtual time, see `wear_day`.
`run_service` measures without any of this: the agent itself charges on an image.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bench.loop_image import LoopImage, loop_image, mountable
from bench.rows import Row
from bench.wear_day import BURSTS, day
from bench.wear_kinds import KINDS, Desk

BUDGET_MB = 20.0  # a day, design §8
WARM = 260  # commits until both logs begin anew
REPEATS = 3  # series of each kind; their median counts
EACH = 40  # commits of a series
IDLE_S = 10.0
SERVICE_S = float(os.environ.get("LADDVAKT_BENCH_WEAR_S", "2700"))
DAY_S = 86_400.0

# As `wear_day.day()` counts it; the long form counts anew.
COUNTED = {
    "heartbeat": 288,
    "telemetry": 96,
    "session": 89,
    "bill": 16,
    "acknowledgement": 164,
    "fault": 26,
    "status": 41,
    "latches": 15,
    "command": 32,
    "contactor": 25,
    BURSTS: 41,
}
_numbers = itertools.count(WARM)  # of commits: no row is written twice
ALONE = ("heartbeat", "telemetry", "five_minutes")


def run(directory: Path) -> list[Row]:
    """Bytes of each kind of commit, and the day they make up."""
    return _measured(directory, COUNTED)


def run_long(directory: Path) -> list[Row]:
    """The same with the day counted anew, then the agent itself on an image."""
    return [*_measured(directory, day()), *run_service(directory)]


def run_service(directory: Path) -> list[Row]:
    """The agent charges both connectors on an image; simulator and backend are elsewhere."""
    if _cannot():
        return []
    from bench.wear_service import charged  # noqa: PLC0415 - brings the whole agent

    written, seconds = charged(directory, SERVICE_S)
    rate = Row(
        name="wear_service_device",
        value=written["device"] * DAY_S / seconds / 1e6,
        unit="MB/day",
        bound=BUDGET_MB,
    )
    told = Row(
        name="wear_service_process",
        value=written["process"] * DAY_S / seconds / 1e6,
        unit="MB/day",
    )
    return [rate, told]


def _measured(directory: Path, counts: dict[str, int]) -> list[Row]:
    if _cannot():
        return []
    with loop_image(directory) as image:
        idle = _idle(image)
        desk = Desk.at(image.root / "state")
        for number in range(WARM):
            desk.five_minutes(number)
        alone = {name: _cost(image, desk, name, together=1) for name in KINDS}
        rows = [name for name in KINDS if name not in ALONE]
        in_a_row = {name: _cost(image, desk, name, together=10) for name in rows}
        desk.close()
    return [
        Row(name="wear_idle", value=idle * DAY_S / 1e6, unit="MB/day"),
        *(Row(name=f"wear_{n}", value=cost / 1e3, unit="kB/commit") for n, cost in alone.items()),
        *(
            Row(name=f"wear_{n}_in_a_row", value=cost / 1e3, unit="kB/commit")
            for n, cost in in_a_row.items()
        ),
        *(Row(name=f"wear_{n}_count", value=count, unit="1/day") for n, count in counts.items()),
        *_whole_day(alone, in_a_row, counts),
    ]


def _whole_day(
    alone: dict[str, float], in_a_row: dict[str, float], counts: dict[str, int]
) -> list[Row]:
    steady = sum(alone[name] * counts[name] for name in ("heartbeat", "telemetry"))
    events = sum(cost * counts[name] for name, cost in in_a_row.items())
    more = statistics.median(alone[name] - cost for name, cost in in_a_row.items())
    total = (steady + events + more * counts[BURSTS]) / 1e6
    return [
        Row(name="wear_day_steady", value=steady / 1e6, unit="MB/day"),
        Row(name="wear_day", value=total, unit="MB/day", bound=BUDGET_MB),
        Row(name="wear_day_of_budget", value=total / BUDGET_MB, unit="ratio", bound=1.0),
    ]


def _cannot() -> bool:
    why = mountable()
    if why:
        sys.stderr.write(f"bench: wear is left out: {why}\n")
    return bool(why)


def _cost(image: LoopImage, desk: Desk, name: str, *, together: int) -> float:
    """Bytes of one commit of this kind, so many between two writings: the median series."""
    found: list[float] = []
    commit: Callable[[Desk, int], None] = KINDS[name]
    for _ in range(REPEATS):
        _write_all(image)
        before = image.written_bytes()
        for number in range(EACH):
            commit(desk, next(_numbers))
            if number % together == together - 1:
                _write_all(image)
        found.append((image.written_bytes() - before) / EACH)
    return statistics.median(found)


def _idle(image: LoopImage) -> float:
    """Bytes a second while nobody writes."""
    _write_all(image)
    before, begun_s = image.written_bytes(), time.monotonic()
    time.sleep(IDLE_S)
    _write_all(image)
    return (image.written_bytes() - before) / (time.monotonic() - begun_s)


def _write_all(image: LoopImage) -> None:
    """syncfs(2): journal, data and metadata of this file system alone."""
    descriptor = os.open(image.root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(descriptor):
            raise OSError(ctypes.get_errno(), "syncfs")
    finally:
        os.close(descriptor)
