"""What the tests of the boards' profiles share: their names, and a device without a wire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from hal.test_device import Wire
from laddvakt_hal.bus import Priority
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError
from laddvakt_hal.plan import Block
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality

Words: TypeAlias = Sequence[int] | Sequence[bool]

ABB, ALFEN, BENDER = "abb-terra-ac", "alfen-ng910", "bender-cc612-cc613"
RCMS, C0135, R4D3B16 = "bender-rcms150", "c0135-relay-board", "eletechsup-r4d3b16"
ETREL, HEIDELBERG, KEBA = "etrel-inch", "heidelberg-energy-control", "keba-p30-p40"
KMTRONIC, PHX_EM, PHX_EV = "kmtronic-relay", "phoenix-em-cp-pp-eth", "phoenix-ev-cc-ac1-m3-eth"
PHX_SER, VESTEL = "phoenix-ev-cc-basic-ser", "vestel-evc04"
ALL = (
    *(ABB, ALFEN, BENDER, RCMS, C0135, R4D3B16, ETREL, HEIDELBERG),
    *(KEBA, KMTRONIC, PHX_EM, PHX_EV, PHX_SER, VESTEL),
)
TEXT_50 = 50


def device(profile: str, *answers: Words | HalError) -> tuple[Device, Wire]:
    wire = Wire(*answers)
    return Device(load_profile(profile), wire, 1, "d", lambda: wire.now_s), wire


async def read(its: Device, quantity: str) -> Quality:
    """Read one row as the poller does; what its quality became."""
    row = its.profile.rows[quantity]
    block = Block(function=row.function, addr=row.addr, count=row.count, rows=(row,))
    assert await its.read_block(block, Priority.NORMAL) is None
    return its.reading(quantity).quality


def utf16(text: str, length: int = TEXT_50) -> tuple[int, ...]:
    """One character in each register."""
    return tuple(ord(letter) for letter in text.ljust(length, "\0"))
