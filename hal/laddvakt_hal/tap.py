"""One frame as it stood on a line: what a bus shows to whoever records it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Direction: TypeAlias = Literal["request", "reply"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame of a line, check sum or TCP header included; times are CLOCK_BOOTTIME seconds."""

    at_s: float  # its first character
    last_s: float  # its last character
    direction: Direction
    raw: bytes
    unit: int  # the unit asked, also for a reply that names another
    error: str = ""  # why a reply was not believed: `crc`, `short`, `unit`, …; empty: it was
