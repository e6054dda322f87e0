"""Readings and commands of one device: never newer, never better than the reply."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from hal.slave import framed, obey, registers, serial_bus
from laddvakt_hal.bus import Bus, Priority, Reply
from laddvakt_hal.device import FIRST_HOLD_S, MAX_HOLD_S, MAX_SAFETY_HOLD_S, Device
from laddvakt_hal.errors import BusDown, Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.plan import Block, ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality
from laddvakt_hal.settings import SerialSettings

NAN = (0x7FC0, 0)


def f32(value: float) -> tuple[int, int]:
    high, low = struct.unpack(">2H", struct.pack(">f", value))
    return high, low


class Wire(Bus):
    """A bus without a wire: gives what the test put on it, one item per request."""

    def __init__(self, *answers: Sequence[int] | Sequence[bool] | HalError) -> None:
        self.now_s = 100.0
        super().__init__(SerialSettings(name="line1", port="/dev/null"), clock=lambda: self.now_s)
        self.answers = list(answers)
        self.asked: list[tuple[Request, Priority]] = []

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        self.asked.append((request, priority))
        answer = self.answers.pop(0) if self.answers else ()
        if isinstance(answer, HalError):
            raise answer
        bits = tuple(bool(value) for value in answer) if request.function in (1, 2) else ()
        words = () if bits else tuple(int(value) for value in answer)
        return Reply(words=words, bits=bits, sent_at_s=self.now_s - 0.05, taken_at_s=self.now_s)


def meter(wire: Wire) -> tuple[Device, Block]:
    device = Device(load_profile("eastron-sdm72d-m-v2"), wire, 2, "meter1", lambda: wire.now_s)
    cost = wire_cost(wire.settings, device.profile.timing)
    wanted = dict.fromkeys(("voltage_l1", "voltage_l2"), ReadClass.SAFETY)
    [(_, block)] = plan_device(device.profile, wanted, cost)
    return device, block


async def read(device: Device, block: Block) -> HalError | None:
    return await device.read_block(block, Priority.SAFETY)


async def test_reading_carries_the_time_of_its_reply() -> None:
    wire = Wire((*f32(230.5), *f32(231)))
    device, block = meter(wire)
    assert device.reading("voltage_l1").quality is Quality.ABSENT
    assert await read(device, block) is None
    reading = device.reading("voltage_l1")
    assert (reading.value, reading.quality, reading.taken_at_s) == (230.5, Quality.GOOD, 100.0)
    assert device.heard_s == 100.0


@pytest.mark.parametrize(
    "error", [NoReply("x"), Garbled("crc", "x"), BusDown("x")], ids=lambda e: type(e).__name__
)
async def test_failed_read_leaves_the_old_value_with_its_old_time(error: HalError) -> None:
    wire = Wire((*f32(230.5), *f32(231)), error)
    device, block = meter(wire)
    await read(device, block)
    wire.now_s = 101.0
    assert await read(device, block) is error
    reading = device.reading("voltage_l1")
    assert (reading.value, reading.quality, reading.taken_at_s) == (230.5, Quality.STALE, 100.0)
    assert device.heard_s == 100.0


async def test_failed_first_read_is_absent() -> None:
    wire = Wire(NoReply("x"))
    device, block = meter(wire)
    await read(device, block)
    assert device.reading("voltage_l1").quality is Quality.ABSENT


@pytest.mark.parametrize(
    ("words", "quality"),
    [
        pytest.param(NAN, Quality.IMPLAUSIBLE, id="not-a-number"),
        pytest.param(f32(-1), Quality.IMPLAUSIBLE, id="below"),
        pytest.param(f32(501), Quality.IMPLAUSIBLE, id="above"),
        pytest.param(f32(500), Quality.GOOD, id="at-the-edge"),
    ],
)
async def test_implausible_values_are_not_passed_on(
    words: tuple[int, int], quality: Quality
) -> None:
    wire = Wire((*words, *f32(230)))
    device, block = meter(wire)
    await read(device, block)
    assert device.reading("voltage_l1").quality is quality
    assert device.reading("voltage_l2").quality is Quality.GOOD


async def test_exception_is_refused_and_the_device_is_alive() -> None:
    wire = Wire((*f32(230), *f32(230)), Refused(2, "x"))
    device, block = meter(wire)
    await read(device, block)
    wire.now_s = 101.0
    await read(device, block)
    assert device.reading("voltage_l1").quality is Quality.REFUSED
    assert device.heard_s == 101.0
    assert not device.silent


@pytest.mark.parametrize("code", [10, 11])
async def test_gateway_speaking_for_a_silent_device_is_silence(code: int) -> None:
    wire = Wire(Refused(code, "x"))
    device, block = meter(wire)
    await read(device, block)
    assert device.silent
    assert device.heard_s is None


async def test_absent_pattern_is_absent() -> None:
    wire = Wire((0xFFFF, 0xFFFF))
    device = Device(load_profile("phoenix-charx-sec"), wire, 255, "charx1")
    assert await device.fetch("current_l1") is None
    assert device.reading("current_l1").quality is Quality.ABSENT


@pytest.mark.parametrize(("safety", "most_s"), [(True, MAX_SAFETY_HOLD_S), (False, MAX_HOLD_S)])
async def test_quarantine_grows_to_its_limit_and_ends_with_one_reply(
    safety: bool, most_s: float
) -> None:
    wire = Wire(*[NoReply("x")] * 5, (*f32(230), *f32(230)))
    device, block = meter(wire)
    device.safety = safety
    holds = []
    for _ in range(5):
        await read(device, block)
        holds.append(device.ask_again_s - wire.now_s)
    assert holds[0] == FIRST_HOLD_S
    assert holds == sorted(holds)
    assert holds[-1] == most_s
    await read(device, block)
    assert not device.silent
    assert device.ask_again_s == 0.0


async def test_garbage_counts_as_silence_only_when_it_goes_on() -> None:
    wire = Wire(*[Garbled("crc", "x")] * 3)
    device, block = meter(wire)
    for silent in (False, False, True):
        await read(device, block)
        assert device.silent is silent


async def test_fetch_repeats_once_and_then_raises() -> None:
    wire = Wire(NoReply("x"), (7,), NoReply("x"), NoReply("y"))
    device = Device(load_profile("simpleevse-wb-din"), wire, 1, "evse1")
    assert await device.fetch("config") == 7
    with pytest.raises(NoReply, match="y"):
        await device.fetch("config")
    assert [priority for _, priority in wire.asked] == [Priority.COMMAND] * 4


async def test_write_joins_neighbours_and_repeats_once() -> None:
    wire = Wire(Garbled("crc", "x"), ())
    device = Device(load_profile("phoenix-charx-sec"), wire, 255, "charx1")
    await device.write({"release": 0, "current_limit": 0})
    request = wire.asked[-1][0]
    assert (request.function, request.address, request.values) == (
        Function.WRITE_REGISTERS,
        1300,
        (0, 0),
    )
    assert len(wire.asked) == 2


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"errors": 1}, "cannot be written"),
        ({"release": 1, "lock": 1}, "do not follow"),
        ({"current_limit": -1}, "does not fit"),
    ],
    ids=str,
)
async def test_impossible_writes_never_reach_the_wire(
    values: dict[str, float], message: str
) -> None:
    wire = Wire()
    device = Device(load_profile("phoenix-charx-sec"), wire, 255, "charx1")
    with pytest.raises(ValueError, match=message):
        await device.write(values)
    assert wire.asked == []


async def test_refused_and_port_gone_are_not_repeated() -> None:
    for error in (Refused(2, "x"), BusDown("x")):
        wire = Wire(error)
        device = Device(load_profile("phoenix-charx-sec"), wire, 255, "charx1")
        with pytest.raises(type(error)):
            await device.write({"release": 0})
        assert len(wire.asked) == 1


@pytest.mark.parametrize(("code", "matches"), [(0x89, True), (0x70, False)])
async def test_identity(code: int, matches: bool) -> None:
    wire = Wire((code,))
    device, _ = meter(wire)
    assert device.identity_matches() is None
    await device.fetch("meter_code")
    assert device.identity_matches() is matches


async def test_unknown_quantity_is_a_programming_error() -> None:
    device, _ = meter(Wire())
    with pytest.raises(KeyError):
        device.reading("voltage_l9")


@pytest.mark.integration
async def test_on_a_real_wire(tmp_path: Path) -> None:
    def script(frame: bytes) -> list[tuple[float, bytes]]:
        if frame[1] == 4:
            return [(0.002, registers(1, 4, [*f32(230.25), *f32(229)]))]
        return [(0.002, framed(frame[:6]) if frame[1] == 16 else obey(frame))]

    async with serial_bus(tmp_path, script) as (bus, _):
        device = Device(load_profile("eastron-sdm72d-m-v2"), bus, 1, "meter1")
        cost = wire_cost(bus.settings, device.profile.timing)
        wanted = dict.fromkeys(("voltage_l1", "voltage_l2"), ReadClass.SAFETY)
        [(_, block)] = plan_device(device.profile, wanted, cost)
        assert await device.read_block(block, Priority.SAFETY) is None
        assert device.reading("voltage_l1").value == 230.25
