"""What a survey finds behind a gateway, which lets everybody wait while it looks for the absent."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from laddvakt_agent.cli.bus_checkup import checkup
from laddvakt_agent.cli.bus_where import Known, Where
from laddvakt_agent.cli.bus_words import found_lines
from laddvakt_hal.settings import SerialSettings, TcpSettings
from laddvakt_hal.survey import Stop, Sweep, steps, sweep
from laddvakt_hal.survey_line import (
    GATEWAY_PROBE,
    PROBE,
    Trouble,
    open_line,
    probe_timing_on,
    trouble_now,
)
from laddvakt_hal.verdict import judge

pytestmark = pytest.mark.integration
LOOKS_S = 0.4  # as long as the gateway looks for an absent unit; longer than a plain probe waits


@asynccontextmanager
async def gateway(*present: int) -> AsyncIterator[TcpSettings]:
    """Units on one line behind a gateway: one question at a time, absent ones exception 11."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readexactly(7)
                _, function, _, count = struct.unpack(
                    ">BBHH", head[6:] + await reader.readexactly(5)
                )
                body = bytes((function, 2 * count)) + bytes(2 * count)
                if head[6] not in present:
                    await asyncio.sleep(LOOKS_S)
                    body = bytes((function | 0x80, 11))
                size = struct.pack(">H", len(body) + 1)
                writer.write(head[:4] + size + head[6:7] + body)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    try:
        yield TcpSettings(name="gw", host=host, port=port)
    finally:
        server.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that looks shortly is waited for shortly."""
    short = replace(GATEWAY_PROBE, timeout_s=0.9, worst_latency_s=0.9)
    monkeypatch.setattr("laddvakt_hal.survey_line.GATEWAY_PROBE", short)
    monkeypatch.setattr("laddvakt_agent.cli.bus_checkup.NEAR_UNITS", range(1, 5))
    monkeypatch.setattr("laddvakt_agent.cli.bus_checkup.TIMES", 8)
    monkeypatch.setattr("laddvakt_agent.cli.bus_checkup.LATE_S", 0.1)


def test_a_gateway_is_given_more_time_than_a_wire() -> None:
    wire = SerialSettings(name="l", port="/dev/null")
    assert probe_timing_on(wire) == PROBE
    assert probe_timing_on(TcpSettings(name="l", host="h", framing="rtu")) == PROBE
    assert probe_timing_on(TcpSettings(name="l", host="h")).timeout_s > PROBE.timeout_s


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("gw:502: [Errno 104] Connection reset by peer", "gw:502: Connection reset by peer; it ta"),
        ("it closes at once; close the other client", "gw:502: it closes at once; close the other"),
    ],
)
def test_a_gateway_that_hangs_up_has_one_remedy(reason: str, said: str) -> None:
    trouble = trouble_now(TcpSettings(name="l", host="gw", port=502), reason)
    assert trouble.trouble is Trouble.CLOSES
    assert str(trouble).startswith(said)
    assert str(trouble).count(";") == 1


@pytest.mark.parametrize(("tcp", "said"), [(False, "Swap A and B"), (True, "--framing rtu")])
def test_nobody_found_has_the_lines_own_remedy(said: str, *, tcp: bool) -> None:
    found = Sweep(found=(), asked=3, complete=True)
    assert said in "\n".join(found_lines(found, tcp=tcp))


async def test_who_is_asked_after_absent_units_is_found_all_the_same() -> None:
    async with gateway(9) as peer:
        plan = steps([peer], [5, 6, 7, 9], ())
        found = await sweep(plan, open_line, stop=Stop.NEVER, timing=probe_timing_on(peer))
    assert [its.unit for its in found.clear] == [9]


async def test_absent_units_are_not_taken_for_silent_devices() -> None:
    """Nobody is configured: only who is there is judged."""
    async with gateway(3) as peer:
        found = await checkup(Where(settings=peer), ())
    assert [unit.unit for unit in found.units] == [3]
    assert [verdict.code for verdict in judge(found)] == ["all_good"]


async def test_one_absent_device_makes_no_other_late() -> None:
    async with gateway(1) as peer:
        devices = (Known(name="m1", unit=1, profile=""), Known(name="m2", unit=2, profile=""))
        found = await checkup(Where(settings=peer, devices=devices), ())
    assert {verdict.subject for verdict in judge(found)} == {"m2 (unit 2)"}
