"""Who goes next on a line.

A command overtakes everything that waits, but commands to a unit that does not answer let a
planned read go first each time: repeated without end they would keep the line to themselves.
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.errors import Garbled, HalError, NoReply

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laddvakt_hal.frame import Request


class Priority(enum.IntEnum):
    """What goes first at the next transaction boundary."""

    COMMAND = 0
    SAFETY = 1
    NORMAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A verified reply: `words` or `bits` as asked, times on the bus's clock."""

    words: tuple[int, ...]
    bits: tuple[bool, ...]
    sent_at_s: float
    taken_at_s: float  # last character


@dataclass(order=True, slots=True)
class Entry:
    """A transaction that waits for its turn; of two alike, the one that came first goes first."""

    priority: Priority
    number: int
    request: Request = field(compare=False)
    future: asyncio.Future[Reply] = field(compare=False)

    def settle(self, outcome: Reply | HalError) -> None:
        """Tell the caller, if it still waits."""
        if self.future.done():
            return
        if isinstance(outcome, HalError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


class Turns:
    """The order of what waits, given who answered last time."""

    def __init__(self) -> None:
        self._failing: set[int] = set()  # units whose last transaction failed
        self._read_owed = False  # a command failed and no planned read has run since

    def in_order(self, entries: Iterable[Entry]) -> list[Entry]:
        """What still has a caller, the most urgent first; commands that must yield come last."""
        waiting = (entry for entry in entries if not entry.future.done())
        return sorted(waiting, key=lambda entry: (self._yields(entry), entry))

    def note(self, entry: Entry, error: HalError | None) -> None:
        """Keep in mind who failed, and whether that cost planned reads their turn."""
        failed = isinstance(error, NoReply | Garbled)
        if failed:
            self._failing.add(entry.request.unit)
        else:
            self._failing.discard(entry.request.unit)
        if entry.priority is not Priority.COMMAND:
            self._read_owed = False
        elif failed:
            self._read_owed = True

    def _yields(self, entry: Entry) -> bool:
        command = entry.priority is Priority.COMMAND
        return command and self._read_owed and entry.request.unit in self._failing
