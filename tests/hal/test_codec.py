"""Raw words and values: every type, both word orders, and what carries no value."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laddvakt_hal.codec import WordOrder, decode, encode, parse_type

F32_230 = struct.unpack(">2H", struct.pack(">f", 230.5))


@pytest.mark.parametrize(
    ("name", "words", "scale", "value"),
    [
        ("u16", (65535,), 1, 65535),
        ("s16", (65535,), 0.1, -0.1),
        ("u32", (1, 2), 1, 65538),
        ("acc32", (0, 7), 1, 7),
        ("s32", (0xFFFF, 0xFFFE), 1, -2),
        ("s32", (3, 33928), 0.001, pytest.approx(230.536)),
        ("u64", (0, 0, 1, 0), 1, 65536),
        ("s64", (0xFFFF,) * 4, 1, -1),
        ("f32", F32_230, 1, 230.5),
        ("f64", struct.unpack(">4H", struct.pack(">d", -0.25)), 1, -0.25),
        ("bits8", (0x0081,), 1, 0x81),
        ("bits32", (0x8000, 1), 1, 0x80000001),
        ("str3", (0x4142, 0x4300, 0x5858), 1, "ABC"),
        ("str1", (0x4332,), 1, "C2"),
        ("str3lo", (0x41, 0x42, 0), 1, "AB"),
        ("raw2", (0xDEAD, 0xBEEF), 1, "deadbeef"),
        ("t5", (0xFE00, 0x0929), 1, pytest.approx(23.45)),
        ("t6", (0x01FF, 0xFFFE), 1, -20.0),
    ],
)
def test_decode(name: str, words: tuple[int, ...], scale: float, value: object) -> None:
    assert decode(words, parse_type(name), "big", scale) == value
    if name.startswith(("str", "raw")):
        return
    assert decode(words[::-1], parse_type(name), "little", scale) == value


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("f32", struct.unpack(">2H", struct.pack(">f", math.nan))),
        ("f32", struct.unpack(">2H", struct.pack(">f", math.inf))),
        ("str2", (0, 0)),
        ("str2", (0xFFFF, 0x0102)),
        ("str2", (0x2020, 0x2020)),
    ],
)
def test_no_value_is_none_never_zero(name: str, words: tuple[int, ...]) -> None:
    assert decode(words, parse_type(name), "big") is None


@pytest.mark.parametrize("name", ["u16", "s16", "u32", "s32", "u64", "s64"])
@pytest.mark.parametrize("order", ["big", "little"])
@given(data=st.data())
def test_whole_numbers_come_back(name: str, order: WordOrder, data: st.DataObject) -> None:
    bits = int(name[1:])
    low = 0 if name[0] == "u" else -(2 ** (bits - 1))
    value = data.draw(st.integers(low, low + 2**bits - 1).filter(lambda v: abs(v) < 2**53))
    kind = parse_type(name)
    assert decode(encode(value, kind, order), kind, order) == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.sampled_from(["big"]))
def test_floats_come_back(value: float, order: WordOrder) -> None:
    kind = parse_type("f32")
    assert decode(encode(value, kind, order), kind, order) == value


@pytest.mark.parametrize(
    ("value", "name", "scale", "words"),
    [(16, "u16", 1, (16,)), (16, "u16", 0.01, (1600,)), (6.004, "u16", 0.01, (600,))],
)
def test_encode_scales(value: float, name: str, scale: float, words: tuple[int, ...]) -> None:
    assert encode(value, parse_type(name), "big", scale) == words


@pytest.mark.parametrize(
    ("value", "name"),
    [(-1, "u16"), (70000, "u16"), (1, "str2"), (1, "bool"), (1e40, "f32"), (1, "t5")],
)
def test_what_does_not_fit_is_refused(value: float, name: str) -> None:
    with pytest.raises(ValueError, match=r"fit|written"):
        encode(value, parse_type(name), "big")


@pytest.mark.parametrize(
    "name", ["", "u8", "str", "str0", "raw2lo", "bits", "f16", "U16", "str999x"]
)
def test_unknown_types_are_named(name: str) -> None:
    with pytest.raises(ValueError, match="unknown"):
        parse_type(name)


def test_wrong_number_of_words_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 2 words"):
        decode((1,), parse_type("u32"), "big")
