"""What a whole line's garbage points to, when nothing at all gets through."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_hal.errors import BusDown, Garbled, HalError, Refused
from laddvakt_hal.settings import SerialSettings

if TYPE_CHECKING:
    from laddvakt_hal.settings import LineSettings
    from laddvakt_hal.uart import UartCounts

_KEPT = 12  # transactions looked at
_FEW = 6  # of them garbled before a hint is given
# Bits read too slow or too fast run together: such characters are nearly all ones or zeros.
_RUN_TOGETHER = frozenset(
    {0x00, 0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE, 0xFF, 0x7F, 0x3F, 0x1F, 0x0F, 0x07, 0x03, 0x01}
)


@dataclass(frozen=True, slots=True)
class _Event:
    """How a transaction ended; `garbage` is what came instead of a reply."""

    ok: bool
    unit: int
    garbage: bytes


class LineWatch:
    """Judges the last transactions of one line together."""

    def __init__(self, settings: LineSettings) -> None:
        self._settings = settings
        self._events: deque[_Event] = deque(maxlen=_KEPT)

    def note(self, unit: int, error: HalError | None, garbage: bytes) -> None:
        """A transaction with `unit` ended."""
        if isinstance(error, BusDown):
            return
        garbled = isinstance(error, Garbled) and error.kind in ("crc", "short")
        ok = error is None or isinstance(error, Refused)
        self._events.append(_Event(ok, unit, garbage[:64] if garbled else b""))

    def hint(self, uart: UartCounts | None) -> str | None:
        """A sentence with the remedy, `None` while anything at all gets through."""
        if not isinstance(self._settings, SerialSettings) or any(e.ok for e in self._events):
            return None
        garbage = b"".join(event.garbage for event in self._events)
        garbled = sum(1 for event in self._events if event.garbage)
        framing = uart is not None and uart.frame + uart.brk > 0
        if garbled < _FEW and not (framing and len(self._events) >= _FEW):
            return None
        line = f"{self._settings.baud} baud {self._settings.format}"
        units = len({event.unit for event in self._events if event.garbage})
        run_together = sum(1 for byte in garbage if byte in _RUN_TOGETHER) > len(garbage) / 2
        if framing or run_together:
            return (
                f"only damaged characters come: the rate or format is not {line}, or A and B are "
                "swapped; try the rates the devices' manuals name"
            )
        if units > 1:
            return f"every device answers damaged: check rate and format ({line}), then the wiring"
        return None
