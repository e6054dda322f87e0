"""One process of many chargers: `python -m bench.uplink_many ENDPOINTS FIRST COUNT`.

They start, and live their day up to the end of its first session.
Each charger has its own synchroniser and its own connections. The hours between two moments are
left out; everything else is as it is. Prints what it took as JSON.
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import sys
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import structlog

from agent.uplink.uplink_kit import MemoryStore, TestClock, settings
from bench.uplink_day import LASTS, REPORT, a_day
from laddvakt_agent.uplink.settings import Endpoints, UplinkSettings
from laddvakt_agent.uplink.sync import Synchroniser

MOMENT_S = 300.0  # for one moment to be known, at most
MOMENTS = 1 + 1 + int(LASTS / REPORT)  # the start, and a session
START_S = 4.0  # over which the chargers of a process start


async def main(endpoints: Endpoints, first: int, count: int) -> dict[str, float]:
    """Live the day with every charger."""
    idle_kb = _memory_kb("VmRSS")
    begun_s, cpu_s = time.monotonic(), time.process_time()
    told = await asyncio.gather(
        *(_charger(endpoints, number) for number in range(first, first + count))
    )
    return {
        "chargers": count,
        "requests": sum(requests for requests, _ in told),
        "changes": sum(changes for _, changes in told),
        "cpu_s": time.process_time() - cpu_s,
        "wall_s": time.monotonic() - begun_s,
        "memory_kb": _memory_kb("VmHWM") - idle_kb,
    }


async def _charger(endpoints: Endpoints, number: int) -> tuple[int, int]:
    """Requests made, and changes there were to tell."""
    name = f"{number:05d}"
    rng = random.Random(number)
    clock, changes = TestClock(), 0
    sync = Synchroniser(_settings(endpoints, name), MemoryStore(), clock, rng)
    await asyncio.sleep(rng.uniform(0.0, START_S))
    task = asyncio.create_task(sync.run())
    for moment in islice(a_day(name), MOMENTS):
        clock.at = moment.at
        changes += moment.changes
        sync.offer(moment.station)
        if not await sync.settle(MOMENT_S):
            raise RuntimeError(f"charger {name}: not told within {MOMENT_S} s: {sync.waiting()}")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return sync.requests.count, changes


def _settings(endpoints: Endpoints, name: str) -> UplinkSettings:
    made = settings(endpoints, request_timeout_s=60.0)
    return replace(made, location=replace(made.location, id=f"LOC{name}"))


def _memory_kb(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return float(line.split()[1])
    raise ValueError(f"this process tells no {name}")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    urls, from_number, how_many = sys.argv[1:]
    outcome = asyncio.run(main(Endpoints(**json.loads(urls)), int(from_number), int(how_many)))
    sys.stdout.write(json.dumps(outcome) + "\n")
