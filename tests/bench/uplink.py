"""The uplink alone: how soon a status is there, what a day costs, a thousand chargers at once.

The simulated backend stands in a process of its own, on loopback and without TLS: a TLS connection
adds some 5 kB and two round trips each time it is made.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp.test_utils import TestServer, unused_port

from agent.uplink.accelerated import LoopClock, run_accelerated
from agent.uplink.backend_process import BackendProcess, make, running
from agent.uplink.uplink_kit import TOKEN, MemoryStore, TestClock, evse, fault, settings, station
from bench.rows import Row, percentile
from bench.uplink_day import a_day
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_sim.backend.server import Server, ServerSettings
from laddvakt_sim.backend.storage import Storage

STATUSES = 300
BUDGET_MS = 1000.0
PROCESSES = 4
CHARGERS = int(os.environ.get("LADDVAKT_BENCH_CHARGERS", "1000"))
MODULES = ("locations", "sessions", "cdrs", "faults")


def run(directory: Path) -> list[Row]:
    """All figures of the uplink."""
    for name in ("latency", "day", "many"):
        (directory / name).mkdir()
    latency = asyncio.run(_latency(directory / "latency"))
    day, requests_a_day = run_accelerated(_day(directory / "day"))
    return [*latency, *day, *asyncio.run(_many(directory / "many", requests_a_day))]


async def _latency(directory: Path) -> list[Row]:
    """Offered → received, by the clock both processes share."""
    async with _backend(directory) as backend:
        delays_ms = []
        async with running(make(backend, MemoryStore())) as sync:
            sync.offer(station())
            await sync.settle(10.0)
            for number in range(STATUSES):
                status = (EvseStatus.OUTOFORDER, EvseStatus.AVAILABLE)[number % 2]
                await backend.news()
                offered_s = TestClock().now_s()
                sync.offer(station(evse(status), faults=(fault(symptoms=(f"n{number}",)),)))
                await sync.settle(10.0)
                (patch,) = [r for r in await backend.news() if r["method"] == "PATCH"]
                delays_ms.append(1e3 * (float(patch["at_s"]) - offered_s))
    return [
        Row(name="uplink_offer_to_patch_p50", value=statistics.median(delays_ms), unit="ms"),
        Row(
            name="uplink_offer_to_patch_p99",
            value=percentile(delays_ms, 0.99),
            unit="ms",
            bound=BUDGET_MS,
        ),
    ]


@dataclass(slots=True)
class Counted:
    """Bytes through a relay, each way."""

    out: int = 0
    back: int = 0


async def _day(directory: Path) -> tuple[list[Row], float]:
    """A whole day of one charger in time that is not waited for; every byte is counted."""
    port, relayed = unused_port(), unused_port()
    at = ServerSettings(
        base_url=f"http://127.0.0.1:{relayed}", token=TOKEN, faults_module="selad-faults"
    )
    storage, counted, changes = Storage(directory / "backend.sqlite"), Counted(), 0
    async with (
        TestServer(Server(storage, at).application(), port=port),
        _relay(relayed, port, counted),
    ):
        clock = LoopClock()
        endpoints = Endpoints(**{module: at.endpoint(module) for module in MODULES})
        sync = Synchroniser(settings(endpoints), MemoryStore(), clock, random.Random(1))
        async with running(sync):
            begun_s = clock.now_s()
            for moment in a_day("day"):
                due_s = (moment.at - clock.wall()).total_seconds()
                await asyncio.sleep(max(0.0, due_s))
                changes += moment.changes
                sync.offer(moment.station)
                if not await sync.settle(60.0):
                    raise RuntimeError(f"not told: {sync.waiting()}")
            hours = (clock.now_s() - begun_s) / 3600
        requests = float(sync.requests.count)
    storage.close()
    scale = 24 / hours
    return [
        Row(name="uplink_day_requests", value=requests * scale, unit="1/day"),
        Row(name="uplink_day_sent", value=counted.out * scale / 1000, unit="kB/day"),
        Row(name="uplink_day_received", value=counted.back * scale / 1000, unit="kB/day"),
        Row(name="uplink_requests_per_change", value=requests / changes, unit="", bound=1.1),
    ], requests * scale


@asynccontextmanager
async def _relay(listens: int, to: int, counted: Counted) -> AsyncIterator[None]:
    """Passes on what comes, and counts it."""

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, name: str) -> None:
        while data := await source.read(65_536):
            setattr(counted, name, getattr(counted, name) + len(data))
            sink.write(data)
            await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(
            pass_on(reader, far_writer, "out"), pass_on(far_reader, writer, "back")
        )

    server = await asyncio.start_server(serve, "127.0.0.1", listens)
    try:
        yield
    finally:
        server.close()


async def _many(directory: Path, requests_a_day: float) -> list[Row]:
    """A thousand chargers start and charge at once against one backend."""
    async with _backend(directory) as backend:
        urls = {name: url for name, url in backend.info["endpoints"].items() if name in MODULES}
        share = CHARGERS // PROCESSES
        outcomes = await asyncio.gather(
            *(_process(json.dumps(urls), number * share, share) for number in range(PROCESSES))
        )
        kept = await backend.read("/objects")
    ended = sum(item["status"] == "COMPLETED" for item in kept["sessions"])
    chargers = PROCESSES * share
    if (len(kept["locations"]), ended) != (chargers, chargers):
        raise RuntimeError(f"{len(kept['locations'])} locations and {ended} sessions are there")
    requests = sum(one["requests"] for one in outcomes)
    cpu_ms = [1e3 * one["cpu_s"] / one["requests"] for one in outcomes]
    of_a_core = statistics.median(cpu_ms) * requests_a_day / 1e3 / 86_400
    return [
        Row(name="uplink_1000_requests", value=requests / chargers, unit="1/charger"),
        Row(
            name="uplink_1000_requests_per_change",
            value=requests / sum(one["changes"] for one in outcomes),
            unit="",
            bound=1.1,
        ),
        Row(name="uplink_1000_cpu_per_request", value=statistics.median(cpu_ms), unit="ms"),
        Row(name="uplink_1000_cpu_per_charger", value=of_a_core * 1e6, unit="ppm of a core"),
        Row(
            name="uplink_1000_memory",
            value=statistics.median(one["memory_kb"] / one["chargers"] for one in outcomes),
            unit="kB/charger",
        ),
        Row(
            name="uplink_1000_throughput",
            value=requests / max(one["wall_s"] for one in outcomes),
            unit="1/s",
        ),
    ]


async def _process(urls: str, first: int, count: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.uplink_many",
        urls,
        str(first),
        str(count),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"a process of {count} chargers ended with {process.returncode}")
    outcome: dict[str, float] = json.loads(out)
    return outcome


@asynccontextmanager
async def _backend(directory: Path) -> AsyncIterator[BackendProcess]:
    backend = BackendProcess(directory)
    await backend.start()
    try:
        yield backend
    finally:
        await backend.stop()
