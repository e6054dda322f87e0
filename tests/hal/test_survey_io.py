"""Single points: what people may type, and what it becomes on the wire."""

from __future__ import annotations

import struct

import pytest

from hal.survey_kit import FakeDevice, FakeLine, holding
from laddvakt_hal.errors import Refused
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.reading import Quality
from laddvakt_hal.survey_io import (
    WrongTarget,
    addresses,
    as_type,
    interpretations,
    read_point,
    read_raw,
    write_by_row,
    write_raw,
)

SDM72 = load_profile("eastron-sdm72d-m-v2")
EVSE = load_profile("simpleevse-wb-din")
RELAY = load_profile("waveshare-modbus-rtu-relay")
V230 = struct.unpack(">2H", struct.pack(">f", 230.5))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", (0, 1)),
        ("0x10", (16, 1)),
        ("10..13", (10, 4)),
        ("0xFC00..0xfc01", (64512, 2)),
        ("voltage_l1", None),
        ("10..", None),
    ],
)
def test_addresses_are_numbers_everything_else_a_name(
    text: str, expected: tuple[int, int] | None
) -> None:
    assert addresses(text) == expected


@pytest.mark.parametrize("text", ["13..10", "70000"])
def test_impossible_addresses_are_refused(text: str) -> None:
    with pytest.raises(WrongTarget, match="0 to 65535"):
        addresses(text)


async def test_a_point_comes_with_its_unit() -> None:
    words = {(4, i): word for i, word in enumerate(V230)}
    point = await read_point(FakeLine(devices={1: FakeDevice(words=words)}), 1, SDM72, "voltage_l1")
    assert (point.reading.value, point.row.unit) == (230.5, "V")


async def test_an_implausible_point_has_no_value() -> None:
    words = {(4, 0): 0x7149, (4, 1): 0xF2CA}  # 1e30 V
    point = await read_point(FakeLine(devices={1: FakeDevice(words=words)}), 1, SDM72, "voltage_l1")
    assert point.reading.value is None
    assert point.reading.quality is Quality.IMPLAUSIBLE


async def test_a_misspelt_quantity_is_guessed() -> None:
    with pytest.raises(WrongTarget, match="did you mean voltage_l1"):
        await read_point(FakeLine(devices={}), 1, SDM72, "voltage_11")


async def test_a_refusal_passes_through() -> None:
    with pytest.raises(Refused):
        await read_point(FakeLine(devices={1: FakeDevice()}), 1, SDM72, "voltage_l1")


async def test_raw_registers_are_what_the_device_says() -> None:
    line = FakeLine(devices={1: FakeDevice(words=holding(5, 7, 8))})
    assert await read_raw(line, 1, Function.READ_HOLDING, 5, 2) == (7, 8)
    with pytest.raises(WrongTarget, match="count"):
        await read_raw(line, 1, Function.READ_HOLDING, 5, 200)


def test_interpretations_leave_nonsense_out() -> None:
    found = interpretations(V230)
    assert found["f32 big"] == 230.5
    assert found["u32 big"] == 0x43668000
    assert "f32 little" not in found or abs(float(found["f32 little"])) > 1e-6
    assert interpretations((0x4162, 0x6321))["text"] == "Abc!"
    assert interpretations((0xFFFF,)) == {"u16": 65535, "s16": -1}


def test_a_named_type_is_taken_at_its_word() -> None:
    assert as_type((2305,), "u16", "big", 0.1) == pytest.approx(230.5)
    assert as_type(V230[::-1], "f32", "little", 1) == 230.5
    with pytest.raises(WrongTarget, match="needs 2 words"):
        as_type((1,), "f32", "big", 1)


@pytest.mark.parametrize(
    ("text", "values"), [("on", (0xFF00,)), ("OFF", (0,)), ("1", (0xFF00,)), ("false", (0,))]
)
def test_a_coil_takes_on_and_off(text: str, values: tuple[int, ...]) -> None:
    request = write_by_row(RELAY, 3, "relay_2", text)
    assert request == Request(unit=3, function=Function.WRITE_COIL, address=1, values=values)


@pytest.mark.parametrize(
    ("profile", "quantity", "text", "function", "value"),
    [
        ("c0135-relay-board", "relay_2", "on", 5, 0x0100),
        ("c0135-relay-board", "relay_2", "off", 5, 0x0000),
        ("c0135-relay-board", "relay_set", "on", 5, 0x0100),
        ("eletechsup-r4d3b16", "relay_2", "closed", 6, 0x0100),
        ("eletechsup-r4d3b16", "relay_2", "open", 6, 0x0200),
        ("eletechsup-r4d3b16", "relay_1_cmd", "0x0603", 6, 0x0603),
        ("kmtronic-relay", "relay_2", "on", 5, 0xFF00),
        ("waveshare-modbus-rtu-relay", "relay_set_all", "off", 5, 0x0000),
    ],
)
def test_relays_have_their_own_on_and_off(
    profile: str, quantity: str, text: str, function: int, value: int
) -> None:
    """An output is switched with the board's own values, whatever it reads as."""
    request = write_by_row(load_profile(profile), 1, quantity, text)
    assert (request.function, request.values) == (function, (value,))


def test_a_register_relay_takes_open_and_closed_only() -> None:
    """A command that is not one of the two is for the rows that take commands."""
    with pytest.raises(WrongTarget, match="relay_2 takes 0 or 1"):
        write_by_row(load_profile("eletechsup-r4d3b16"), 1, "relay_2", "0x0100")


@pytest.mark.parametrize(
    ("profile", "quantity", "text", "said"),
    [
        (SDM72, "voltage_l1", "1", "cannot be written"),
        (EVSE, "current_limt", "6", "did you mean current_limit"),
        (EVSE, "current_limit", "9000", "9000"),
        (EVSE, "current_limit", "-1", "-1"),
        (EVSE, "current_limit", "six", "takes a number"),
        (EVSE, "current_limit", "nan", "finite"),
        (RELAY, "relay_1", "maybe", "on or off"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(
    profile: object, quantity: str, text: str, said: str
) -> None:
    chosen = {SDM72.id: SDM72, EVSE.id: EVSE, RELAY.id: RELAY}[getattr(profile, "id")]  # noqa: B009
    with pytest.raises(WrongTarget, match=said):
        write_by_row(chosen, 1, quantity, text)


def test_a_register_is_written_as_its_profile_says() -> None:
    request = write_by_row(EVSE, 1, "current_limit", "0x10")
    assert (request.function, request.address, request.values) == (16, 1000, (16,))


def test_raw_writes_take_one_register_with_function_6_and_more_with_16() -> None:
    def raw(text: str, kind: str) -> Request:
        return write_raw(1, 9, text, coil=False, kind=kind, order="big", scale=1)

    assert (raw("0xff", "u16").function, raw("0xff", "u16").values) == (6, (255,))
    assert (raw("230.5", "f32").function, raw("230.5", "f32").values) == (16, V230)
    coil = write_raw(1, 9, "on", coil=True, kind="u16", order="big", scale=1)
    assert (coil.function, coil.values) == (5, (0xFF00,))
    with pytest.raises(WrongTarget):
        raw("70000", "u16")
    with pytest.raises(WrongTarget):
        raw("hello", "u16")


async def test_states_and_bits_come_in_words() -> None:
    state = next(
        (profile, row)
        for profile in (load_profile(name) for name in known_profiles())
        for row in profile.rows.values()
        if row.enum and row.readable and row.count == 1 and not row.type.is_bit and row.scale == 1
    )
    profile, row = state
    code, word = next((int(key), text) for key, text in profile.enums[row.enum or ""].items())
    words = {(int(row.function), row.addr): code}
    line = FakeLine(devices={1: FakeDevice(words=words)})
    assert (await read_point(line, 1, profile, row.quantity)).text == word
