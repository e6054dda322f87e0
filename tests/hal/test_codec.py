"""Raw words and values: every type, both word orders, and what carries no value."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from laddvakt_hal.codec import Type, WordOrder, decode, encode, parse_type, scaled

EVERY = [
    "u16",
    "s16",
    "u32",
    "s32",
    "u64",
    "s64",
    "acc32",
    "sunssf",
    "f32",
    "f64",
    "t5",
    "t6",
    "str1",
    "str4",
    "str3lo",
    "raw2",
    "bits8",
    "bits16",
    "bits32",
]
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
        ("sunssf", (0xFFFE,), 1, -2),
        ("u16", (15,), 0.1, 1.5),
        ("u16", (1234,), 10, 12340),
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
    [
        (16, "u16", 1, (16,)),
        (16, "u16", 0.01, (1600,)),
        (6.004, "u16", 0.01, (600,)),
        (2**64 - 1, "u64", 1, (0xFFFF,) * 4),
        (0x81, "bits8", 1, (0x81,)),
        (0x80000001, "bits32", 1, (0x8000, 1)),
    ],
)
def test_encode_scales(value: float, name: str, scale: float, words: tuple[int, ...]) -> None:
    assert encode(value, parse_type(name), "big", scale) == words


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (-1, "u16"),
        (70000, "u16"),
        (1, "str2"),
        (1, "bool"),
        (1e40, "f32"),
        (1, "t5"),
        (math.nan, "f32"),
        (math.inf, "u16"),
        (-math.inf, "f64"),
        (0x10000, "bits16"),
        (-1, "bits8"),
    ],
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


WRITABLE = [name for name in EVERY if name[0] in "usfb" and not name.startswith("str")]
SCALES = st.sampled_from([1, 0.1, 0.01, 0.001, 10, 1000, 0.5, 3])
ORDERS = st.sampled_from(["big", "little"])


def edges(kind: Type) -> tuple[float, float]:
    """The least and the greatest number the registers can hold."""
    bits = 16 * kind.words
    if kind.name[0] == "f":
        most = float(struct.unpack(">f", b"\x7f\x7f\xff\xff")[0]) if bits == 32 else 1e300
        return -most, most
    low = 0 if kind.is_unsigned else -(2 ** (bits - 1))
    return low, low + 2**bits - 1


@pytest.mark.parametrize("name", WRITABLE)
@given(data=st.data(), scale=SCALES, order=ORDERS)
def test_what_is_written_reads_back_within_half_a_step(
    name: str, data: st.DataObject, scale: float, order: WordOrder
) -> None:
    kind = parse_type(name)
    low, high = edges(kind)
    value = data.draw(st.floats(low * 0.999 * scale, high * 0.999 * scale))
    back = decode(encode(value, kind, order, scale), kind, order, scale)
    assert isinstance(back, int | float)
    step = scale if kind.name[0] != "f" else 0
    assert abs(back - value) <= step / 2 + 1e-6 * max(abs(value), abs(back), 1e-30)


@pytest.mark.parametrize("name", WRITABLE)
@given(value=st.floats() | st.integers(), scale=SCALES, order=ORDERS)
def test_numbers_are_refused_or_carried_never_bent(
    name: str, value: float, scale: float, order: WordOrder
) -> None:
    kind = parse_type(name)
    low, high = edges(kind)
    try:
        words = encode(value, kind, order, scale)
    except ValueError:
        return
    assert len(words) == kind.words
    assert all(0 <= word <= 0xFFFF for word in words)
    assert low - 0.5 <= value / scale <= high + 0.5 or kind.name[0] == "f"


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data(), scale=SCALES, order=ORDERS)
def test_any_words_are_a_finite_value_or_none(
    name: str, data: st.DataObject, scale: float, order: WordOrder
) -> None:
    """Nothing a device can say raises; NaN and infinity never get out."""
    kind = parse_type(name)
    words = tuple(
        data.draw(st.lists(st.integers(0, 0xFFFF), min_size=kind.words, max_size=kind.words))
    )
    value = decode(words, kind, order, scale)
    if isinstance(value, str):
        assert value
        assert value.isprintable()
    else:
        assert value is None or math.isfinite(value)


@given(raw=st.integers(0, 2**32 - 1), mask=st.integers(1, 2**32 - 1), order=ORDERS)
def test_only_the_masked_bits_count(raw: int, mask: int, order: WordOrder) -> None:
    shift = (mask & -mask).bit_length() - 1
    words = (raw >> 16, raw & 0xFFFF) if order == "big" else (raw & 0xFFFF, raw >> 16)
    value = decode(words, parse_type("u32"), order, 1, mask, shift)
    assert value == (raw & mask) >> shift
    assert isinstance(value, int)
    assert value << shift & ~mask == 0


@pytest.mark.parametrize("name", ["str1", "str4", "str8lo"])
@given(text=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=8))
def test_texts_come_back_or_are_refused(name: str, text: str) -> None:
    kind = parse_type(name)
    room = kind.words * (1 if name.endswith("lo") else 2)
    if len(text) > room:
        with pytest.raises(ValueError, match="fit"):
            encode(text, kind, "big")
    else:
        assert decode(encode(text, kind, "big"), kind, "big") == (text or None)


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [("dead0001", "raw2", (0xDEAD, 1)), ("", "str2", (0, 0)), ("C2", "str1", (0x4332,))],
)
def test_encode_text(text: str, name: str, words: tuple[int, ...]) -> None:
    assert encode(text, parse_type(name), "big") == words


@pytest.mark.parametrize(
    ("text", "name"),
    [("x", "u16"), ("dead", "raw2"), ("zz", "raw1"), ("a\n", "str2"), ("€", "str2")],
)
def test_texts_that_do_not_fit_are_refused(text: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"fit|written|hexadecimal|encode"):
        encode(text, parse_type(name), "big")


@pytest.mark.parametrize(
    ("value", "exponent", "found"),
    [(2305, -1, 230.5), (15, -3, 0.015), (7, 0, 7), (7, 3, 7000), (1.5, -1, 0.15), (-3, -2, -0.03)],
)
def test_scale_factors_give_the_nearest_float(value: float, exponent: int, found: float) -> None:
    assert scaled(value, exponent) == found
