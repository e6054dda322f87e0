"""A running bench: many lines, gateways, RTU over TCP, values that can be set."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import struct
import termios
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from laddvakt_sim.firmware.slave import intact, seal
from sim.rawline import now_s, raw_line, whole
from sim.running import RunningBench, alive, running_bench, start, written

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

LAYOUT = """
[[line]]
name = "line1"
[[line.device]]
model = "eastron-sdm630"
unit = 1
name = "m1"
[[line.device]]
model = "kmtronic-relay"
unit = 2
name = "r1"
[[line]]
name = "fast"
baud = 115200
format = "8E1"
echo = true
[[line.device]]
model = "eastron-sdm630"
unit = 1
name = "f1"
turnaround_ms = 1
[[tcp]]
name = "gw"
timeout_ms = 150
[[tcp.device]]
model = "eastron-sdm630"
unit = 1
name = "g1"
[[tcp.device]]
model = "cg-em300-et300"
unit = 2
name = "g2"
[[tcp]]
name = "pipe"
framing = "rtu"
[[tcp.device]]
model = "eastron-sdm630"
unit = 3
name = "p1"
[[tcp]]
name = "slow"
framing = "rtu"
baud = 9600
[[tcp.device]]
model = "eastron-sdm630"
unit = 3
name = "s1"
"""
VOLTS = bytes.fromhex("0400000006")  # three floats


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBench]:
    async with running_bench(tmp_path_factory.mktemp("bench") / "b", LAYOUT) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def bench(one_bench: RunningBench) -> RunningBench:
    await one_bench.ask("DELETE", "/faults")
    return one_bench


def _floats(raw: bytes) -> tuple[float, ...]:
    return struct.unpack(f">{len(raw) // 4}f", raw)


class Tcp:
    """A connection that sends and collects until silence."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def ask(self, raw: bytes, length: int, timeout_s: float = 0.4) -> bytes:
        self._writer.write(raw)
        got = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while len(got) < length and (data := await self._reader.read(300)):
                    got += data
        return got


@contextlib.asynccontextmanager
async def connected(bench: RunningBench, line: str) -> AsyncIterator[Tcp]:
    reader, writer = await asyncio.open_connection("127.0.0.1", bench.net(line))
    try:
        yield Tcp(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def _adu(unit: int, pdu: bytes, tid: int = 1) -> bytes:
    return struct.pack(">3HB", tid, 0, len(pdu) + 1, unit) + pdu


async def test_announcement(bench: RunningBench) -> None:
    """bench.json names lines, ports, framing, devices and processes."""
    assert bench.config["lines"]["fast"]["format"] == "8E1"
    assert bench.config["tcp"]["pipe"]["framing"] == "rtu"
    assert bench.config["devices"]["g2"] == {"line": "gw", "model": "cg-em300-et300", "unit": 2}
    assert len(bench.config["pids"]) == 3
    index = await bench.ask("GET", "/")
    assert "wire_late" in index["faults"]
    assert index["faults"]["wire_lost"]["one_of"] == ["rate", "every", "at", "once"]
    assert "current_l1" in index["devices"]["m1"]["settable"]


async def test_values_can_be_set(bench: RunningBench) -> None:
    """What is set is the truth, and what the registers say at their next renewal."""
    answer = await bench.ask("PATCH", "/devices/m1", {"voltage_l2": 207.5})
    assert answer["model"] == "eastron-sdm630"
    await asyncio.sleep(1.1)
    truth = await bench.truth("m1")
    assert truth["voltage_l2"] == 207.5
    with raw_line(bench.port("line1")) as port:
        frame = await port.ask(seal(1, VOLTS), length=17)
    assert _floats(frame[3:-2]) == pytest.approx(
        [truth[f"voltage_l{n}"] for n in (1, 2, 3)], rel=1e-6
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "says"),
    [
        ("PATCH", "/devices/m9", {"a": 1}, "no device 'm9': allowed are m1, r1"),
        ("PATCH", "/devices/m1", {"colour": 1}, "unknown value 'colour': allowed are"),
        ("PATCH", "/devices/m1", {"voltage_l1": [1]}, "allowed are a number, true, false or text"),
        ("PATCH", "/devices/m1", {"voltage_l1": float("inf")}, "allowed are a number, true"),
        ("PATCH", "/devices/m1", {"voltage_l1": "x"}, "takes a number"),
        ("POST", "/faults", {"name": "phase_lost"}, "unknown fault"),
        ("POST", "/faults", {"name": "device_lost", "device": "x"}, "one of m1, r1, f1"),
        ("POST", "/faults", {"name": "wire_late", "line": "line9"}, "one of line1, fast"),
        ("DELETE", "/faults/wire_late?line=x", None, "line1, fast, gw, pipe, slow"),
        ("GET", "/trace?line=x", None, "line1, fast, gw, pipe, slow"),
    ],
)
async def test_bad_requests(
    bench: RunningBench, method: str, path: str, body: dict[str, object] | None, says: str
) -> None:
    answer = await bench.ask(method, path, body, status=400)
    assert says in answer["error"]


async def test_two_devices_share_a_line(bench: RunningBench) -> None:
    """A coil written on one, a meter read on the other, nobody else answers."""
    with raw_line(bench.port("line1")) as port:
        on = seal(2, bytes.fromhex("050001ff00"))
        assert await port.ask(on, length=8) == on
        assert whole(await port.ask(seal(1, VOLTS), length=17), unit=1, function=4)
        assert await port.ask(seal(3, VOLTS), length=1, timeout_s=0.06) == b""
    assert (await bench.truth("r1"))["relay_2"] is True


async def test_noise_comes_with_a_relay(bench: RunningBench) -> None:
    """Contacts move 20 ms after the relay was told; frames then are damaged, later ones are not."""
    noise = {"name": "wire_noise", "line": "line1", "device": "r1", "within_ms": 15, "rate": 1}
    await bench.ask("POST", "/faults", noise)
    since = (await bench.ask("GET", "/trace"))["next"]
    with raw_line(bench.port("line1")) as port:
        for command in ("050000ff00", "0500000000"):
            await port.ask(seal(2, bytes.fromhex(command)), length=8, timeout_s=0.1)
            for _ in range(4):
                await port.ask(seal(1, VOLTS), length=17, timeout_s=0.06)
    frames = (await bench.ask("GET", f"/trace?since={since}&line=line1"))["frames"]
    notes = [frame["note"] for frame in frames]
    assert "noise" in notes
    assert "noise" not in notes[-2:]


async def test_local_echo_at_115200(bench: RunningBench) -> None:
    """The own request comes first, then the reply."""
    request = seal(1, VOLTS)
    with raw_line(bench.port("fast"), termios.B115200) as port:
        frame = await port.ask(request, length=25)
    assert frame[:8] == request
    assert whole(frame[8:], unit=1, function=4)


async def test_gateway(bench: RunningBench) -> None:
    """Two units behind one address; an unknown and a silent one are reported after a time-out."""
    async with connected(bench, "gw") as tcp:
        sdm = await tcp.ask(_adu(1, VOLTS), 21)
        assert sdm[:9] == bytes.fromhex("00010000000f01040c")
        carlo = await tcp.ask(_adu(2, VOLTS, 2), 21)
        assert carlo[:9] == bytes.fromhex("00020000000f02040c")
        assert sdm[9:] != carlo[9:]
        begun_s = now_s()
        assert await tcp.ask(_adu(9, VOLTS, 3), 9) == _adu(9, b"\x84\x0b", 3)
        assert 0.15 <= now_s() - begun_s < 0.8
        await bench.ask("POST", "/faults", {"name": "device_lost", "device": "g1"})
        assert await tcp.ask(_adu(1, VOLTS, 4), 9) == _adu(1, b"\x84\x0b", 4)
        assert len(await tcp.ask(_adu(2, VOLTS, 5), 21)) == 21


async def test_rtu_over_tcp(bench: RunningBench) -> None:
    """Whole frames without a baud rate; with one they take their time. Faults as on a line."""
    truth = (await bench.truth("p1"))["voltage_l1"]
    for line in ("pipe", "slow"):
        async with connected(bench, line) as tcp:
            taken_s = []
            for _ in range(3):
                begun_s = now_s()
                frame = await tcp.ask(seal(3, VOLTS), 17)
                taken_s.append(now_s() - begun_s)
                assert whole(frame, unit=3, function=4)
                await asyncio.sleep(0.03)
            assert _floats(frame[3:7])[0] == pytest.approx(truth, rel=1e-6)
            assert (min(taken_s) > 0.026) == (line == "slow")
            bits = {"name": "wire_bit_errors", "line": line, "once": True}
            await bench.ask("POST", "/faults", bits)
            assert not intact(await tcp.ask(seal(3, VOLTS), 17))
            assert intact(await tcp.ask(seal(3, VOLTS), 17))
            await bench.ask("POST", "/faults", {"name": "wire_closed", "line": line, "once": True})
            with contextlib.suppress(ConnectionResetError):
                assert await tcp.ask(seal(3, VOLTS), 17) == b""


async def test_garbage_and_half_frames_over_tcp(bench: RunningBench) -> None:
    """What is no frame is forgotten after a silence; a frame in two packets is one."""
    async with connected(bench, "pipe") as tcp:
        assert await tcp.ask(b"\x01\x02garbage", 1, 0.06) == b""
        assert await tcp.ask(seal(3, VOLTS)[:4], 1, 0.005) == b""
        assert len(await tcp.ask(seal(3, VOLTS)[4:], 17)) == 17
    frames = (await bench.ask("GET", "/trace?line=pipe&limit=40000"))["frames"]
    assert "no valid frame" in [frame["note"] for frame in frames]


async def test_adapter_of_a_bench_goes_and_comes(bench: RunningBench) -> None:
    """Port and socket vanish, and are back under the same name and number."""
    await bench.ask("POST", "/faults", {"name": "adapter_gone", "line": "line1"})
    await bench.ask("POST", "/faults", {"name": "adapter_gone", "line": "pipe"})
    assert "line1" not in os.listdir(bench.directory)
    with pytest.raises(OSError, match="Connect call failed"):
        await asyncio.open_connection("127.0.0.1", bench.net("pipe"))
    await bench.ask("DELETE", "/faults")
    with raw_line(bench.port("line1")) as port:
        assert len(await port.ask(seal(1, VOLTS), length=17)) == 17
    async with connected(bench, "pipe") as tcp:
        assert len(await tcp.ask(seal(3, VOLTS), 17)) == 17


async def test_sigterm_ends_everything(tmp_path: Path) -> None:
    """No process, no port, no announcement is left."""
    async with running_bench(tmp_path / "b", LAYOUT) as bench:
        pids = [int(pid) for pid in bench.config["pids"]]
        bench.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(bench.process.wait(), 5) == 0
        assert not any(alive(pid) for pid in pids)
    assert list((tmp_path / "b").iterdir()) == []


async def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    """Exit code 75, what is taken, what to do; nothing is left behind."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = str(holder.getsockname()[1])
        layout = LAYOUT.replace('name = "gw"', f'name = "gw"\nport = {taken}')
        options = ("--layout", written(tmp_path / "b", layout))
        process = await start(tmp_path / "b", *options, what="bench", errors=True)
        _, said = await asyncio.wait_for(process.communicate(), 10)
    assert process.returncode == 75
    assert taken in said.decode()
    assert "or other ports in the layout" in said.decode()
    assert os.listdir(tmp_path / "b") == []
