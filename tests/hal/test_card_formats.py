"""What serial card readers write, and what is made of it: ids, or nothing."""

from __future__ import annotations

import random

import pytest

from laddvakt_hal.card_formats import FORMATS, Decoder, technology_of

# Written down from the readers' manuals and from what owners recorded, see `card_formats`.
SAID = {
    "hex and CR": ("uid-line", b"04A1B2C3\r", ["04A1B2C3"]),
    "hex and CR LF": ("uid-line", b"04A1B2C3D4E5F6\r\n", ["04A1B2C3D4E5F6"]),
    "small letters": ("uid-line", b"04a1b2c3\n", ["04A1B2C3"]),
    "spaces around": ("uid-line", b" 04A1B2C3 \r\n", ["04A1B2C3"]),
    "two cards": ("uid-line", b"04A1B2C3\r\n11223344\r\n", ["04A1B2C3", "11223344"]),
    "no end yet": ("uid-line", b"04A1B2C3", []),
    "a version string": ("uid-line", b"TWN4/B1.06/CCF3.28/STD2.04\r\n04A1B2C3\r\n", ["04A1B2C3"]),
    "too short": ("uid-line", b"04A1B2\r\n", []),
    "too long": ("uid-line", b"04" * 11 + b"\r\n", []),
    "an odd digit": ("uid-line", b"04A1B2C3D\r\n", []),
    "a flood": ("uid-line", b"A" * 5000 + b"\r\n04A1B2C3\r\n", ["04A1B2C3"]),
    "rdm6300": ("rdm6300", b"\x02010063E9AE25\x03", ["010063E9AE"]),
    "rdm6300 of another": ("rdm6300", b"\x02100086F44426\x03", ["100086F444"]),
    "ID-12 with CR LF": ("rdm6300", b"\x02010063E9AE25\r\n\x03", ["010063E9AE"]),
    "rdm6300, wrong sum": ("rdm6300", b"\x02010063E9AE26\x03", []),
    "rdm6300, cut off": ("rdm6300", b"\x02010063\x02010063E9AE25\x03", ["010063E9AE"]),
    "rdm6300, noise": ("rdm6300", b"\xff\x00zz\x03\x02010063E9AE25\x03", ["010063E9AE"]),
    "colon and sum": ("colon-sum", b":112233445501\r\n", ["1122334455"]),
    "colon, wrong sum": ("colon-sum", b":112233445502\r\n", []),
    "colon, no colon": ("colon-sum", b"112233445501\r\n", []),
}


@pytest.mark.parametrize(("name", "said", "cards"), SAID.values(), ids=list(SAID))
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_what_a_reader_says(name: str, said: bytes, cards: list[str], step: int) -> None:
    """The same however the characters arrive."""
    decoder = Decoder(format=FORMATS[name])
    found = [
        uid.hex().upper()
        for start in range(0, len(said), step)
        for uid in decoder.feed(said[start : start + step])
    ]
    assert found == cards


@pytest.mark.parametrize("name", FORMATS)
def test_noise_is_no_card_and_takes_no_room(name: str) -> None:
    rng, decoder = random.Random(6), Decoder(format=FORMATS[name])
    for _ in range(2000):
        decoder.feed(rng.randbytes(50))
    assert len(decoder._buffer) <= 65
    decoder.feed(b"\x03\r\n")
    good = {"uid-line": b"04A1B2C3\r", "rdm6300": b"\x02010063E9AE25\x03"}
    assert decoder.feed(good.get(name, b":112233445501\r\n")) != []


def test_what_was_no_card_is_counted() -> None:
    decoder = Decoder(format=FORMATS["uid-line"])
    decoder.feed(b"hello\r\n04A1B2C3\r\n\r\nworld\r\n")
    assert decoder.refused == 2


@pytest.mark.parametrize(
    ("length", "technology"),
    [(4, "ISO14443"), (7, "ISO14443"), (10, "ISO14443"), (8, "ISO15693"), (5, "EM4100"),
     (6, "unknown")],
)  # fmt: skip
def test_the_technology_by_the_length(length: int, technology: str) -> None:
    assert technology_of(bytes(length), FORMATS["uid-line"]) == technology


def test_a_reader_of_one_technology() -> None:
    assert technology_of(bytes(5), FORMATS["rdm6300"]) == "EM4100"
