"""Hostile payloads and headers against our platform: no 500, no 3000, no hang, no growth.

LADDVAKT_OCPI_FUZZ=100000 for the long form; LADDVAKT_OCPI_SEED for another course of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import structlog

from conformance.kit import SERVED, Platform, running
from conformance.past_kit import billed, faulted
from fuzz.ocpi_requests import Request, requests
from laddvakt_agent.uplink.server.description import description, operations

COUNT = int(os.environ.get("LADDVAKT_OCPI_FUZZ", "750"))
SEED = int(os.environ.get("LADDVAKT_OCPI_SEED", "1"))
ABREAST = 4
SLOWEST_S = 10.0
GROWTH_BYTES = 24_000_000  # of all memory, between a fifth of the course and its end
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

GENEROUS = replace(SERVED, stranger_per_s=10_000.0, stranger_burst=10_000)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(60 + COUNT)]


@pytest.fixture(autouse=True)
def _errors_alone() -> Iterator[None]:
    """Each refused command is noted; a defect is shown without every variable of the station."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
    )
    yield
    structlog.reset_defaults()


class Line:
    """One connection that writes what no proper client would."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def ask(self, request: Request) -> tuple[int, bytes]:
        """Status and body."""
        if self._writer is None or self._reader is None or self._reader.at_eof():
            await self.close()
            opened = await asyncio.open_connection("127.0.0.1", self._port, limit=1 << 20)
            self._reader, self._writer = opened
        headers = {"Host": "x", **request.headers}
        if request.body is not None:
            headers["Content-Length"] = str(len(request.body))
        lines = [f"{request.method} /ocpi{request.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        raw = "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + (request.body or b"")
        self._writer.write(raw)
        try:
            status, answer = await self._answer(request.method)
        except (ConnectionError, asyncio.IncompleteReadError):
            await self.close()
            return 0, b""
        return status, answer

    async def _answer(self, method: str) -> tuple[int, bytes]:
        assert self._reader is not None
        while True:
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            status = int(head.split(" ", 2)[1])
            if status != 100:
                break
        found = re.search(r"(?i)content-length: (\d+)", head)
        length = 0 if found is None or method == "HEAD" else int(found[1])
        answer = await self._reader.readexactly(length)
        if "connection: close" in head.lower() or head.startswith("HTTP/1.0"):
            await self.close()
        return status, answer

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None


def judge(request: Request, status: int, answer: bytes, took_s: float) -> None:
    """Every answer is an envelope; nothing is our own fault; nothing takes long."""
    told = f"{request} → {status} {answer[:300]!r}"
    assert took_s < SLOWEST_S, told
    assert status != 0, told
    assert status < 500, told
    if request.method == "HEAD":
        return
    envelope = json.loads(answer)
    code = envelope["status_code"]
    assert type(code) is int, told
    assert 1000 <= code < 5000, told
    assert code // 1000 != 3, told
    assert STAMP.fullmatch(envelope["timestamp"]), told
    assert 200 <= status < 500, told


def resident_bytes() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def work(lines: list[Line], course: list[Request], tally: Counter[int]) -> None:
    """Send all of it, a few abreast."""
    todo = iter(course)

    async def one(line: Line) -> None:
        for request in todo:
            begun_s = time.monotonic()
            status, answer = await asyncio.wait_for(line.ask(request), SLOWEST_S)
            judge(request, status, answer, time.monotonic() - begun_s)
            tally[status] += 1

    await asyncio.gather(*(one(line) for line in lines))


async def test_hostile_requests(tmp_path: Path) -> None:
    """The whole course; what is asked at its end is answered as at its beginning."""
    async with running(tmp_path, limits=GENEROUS) as platform:
        await billed(platform, 1, 2, 3)
        await faulted(platform, 1)
        rng = random.Random(SEED)
        described = description(platform.modules, platform.base)
        port = int(platform.base.split(":")[2].split("/")[0])
        lines = [Line(port) for _ in range(ABREAST)]
        tally: Counter[int] = Counter()
        early = COUNT // 5
        before = await platform.get("2.2.1/cdrs")
        await work(lines, list(requests(rng, described, early)), tally)
        after_a_fifth = resident_bytes()
        for _ in range(0, COUNT - early, 2000):
            await work(lines, list(requests(rng, described, min(2000, COUNT - early))), tally)
        growth = resident_bytes() - after_a_fifth
        sys.stdout.write(f"{sum(tally.values())} requests, {dict(sorted(tally.items()))}, ")
        sys.stdout.write(f"growth {growth} bytes\n")
        assert growth < GROWTH_BYTES
        assert (await platform.get("2.2.1/cdrs")).data == before.data
        assert {200, 400, 401, 404, 405} <= tally.keys(), "the course is too tame"
        for line in lines:
            await line.close()


async def test_description_is_whole(tmp_path: Path) -> None:
    """Every module that is served is described, each GET without parameters answers as told."""
    async with running(tmp_path) as platform:
        await _described(platform)


async def _described(platform: Platform) -> None:
    undescribed = [m.identifier for m in platform.modules if not operations(m)]
    assert undescribed == []
    described = description(platform.modules, platform.base)
    text = json.dumps(described)
    for place in re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', text):
        assert f'"{place}": {{"type": "object"' in text
    paths = described["paths"]
    assert isinstance(paths, dict)
    for path in paths:
        if "{" not in path and "get" in paths[path]:
            heard = await platform.get(path.removeprefix("/"), date_from="2026-01-01T00:00:00Z")
            assert heard.code in (1000, 2000), path
