"""One frame as it stood on a line: what a bus shows to whoever records it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)
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


def harmless(listener: Callable[[Frame], None], line: str) -> Callable[[Frame], None]:
    """The listener, whose failures cost the line nothing: the first one is logged."""
    failed = False

    def show(frame: Frame) -> None:
        nonlocal failed
        try:
            listener(frame)
        except Exception:
            if not failed:
                log.exception("%s: whoever listens to the frames failed", line)
            failed = True

    return show
