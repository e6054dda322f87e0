"""Who goes next on a line.

A command overtakes everything that waits, but commands to a unit that does not answer let a
planned read go first each time: repeated without end they would keep the line to themselves.
"""

from __future__ import annotations

import asyncio
import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laddvakt_hal.frame import Request


_GATEWAY_EXCEPTIONS = (10, 11)  # a gateway says that the unit does not answer


class Priority(enum.IntEnum):
    """What goes first at the next transaction boundary."""

    COMMAND = 0
    SAFETY = 1
    NORMAL = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A verified reply: `words` or `bits` as asked, times on the bus's clock.

    The values were sampled after `sent_at_s - doubt_s`. `doubt_s` is 0 unless an RTU unit answered
    the very same request with the very same characters a few ms before: see `repeats.py`.
    """

    words: tuple[int, ...]
    bits: tuple[bool, ...]
    sent_at_s: float
    taken_at_s: float  # last character
    doubt_s: float = 0.0


@dataclass(order=True, slots=True)
class Entry:
    """A transaction that waits for its turn; of two alike, the one that came first goes first."""

    priority: Priority
    number: int
    request: Request = field(compare=False)
    future: asyncio.Future[Reply] = field(compare=False)
    due_s: float | None = field(default=None, compare=False)  # only a change of unit held it back

    def settle(self, outcome: Reply | HalError) -> None:
        """Tell the caller, if it still waits."""
        if self.future.done():
            return
        if isinstance(outcome, HalError):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """When an entry may run: its unit's own delays, and the line's pause before another unit."""

    own_s: float
    change_s: float

    @property
    def ready_s(self) -> float:
        """When both are over."""
        return max(self.own_s, self.change_s)


class Turns:
    """The order of what waits, given who answered last time."""

    def __init__(self) -> None:
        self._failing: set[int] = set()  # units whose last transaction failed
        self._read_owed = False  # a command failed and no planned read has run since

    def in_order(self, entries: Iterable[Entry]) -> list[Entry]:
        """What still has a caller, the most urgent first; commands that must yield come last."""
        waiting = [entry for entry in entries if not entry.future.done()]
        if len(waiting) > 1:
            waiting.sort(key=lambda entry: (self._yields(entry), entry))
        return waiting

    def note(self, entry: Entry, error: HalError | None) -> None:
        """Keep in mind who failed, and whether that cost planned reads their turn."""
        failed = isinstance(error, NoReply | Garbled)
        if isinstance(error, Refused):
            failed = error.exception_code in _GATEWAY_EXCEPTIONS
        if failed:
            self._failing.add(entry.request.unit)
        else:
            self._failing.discard(entry.request.unit)
        if entry.priority is not Priority.COMMAND:
            self._read_owed = False
        elif failed:
            self._read_owed = True

    def is_urgent(self, entry: Entry) -> bool:
        """True for a command that waits, to a unit that answered last time."""
        command = entry.priority is Priority.COMMAND and not entry.future.done()
        return command and entry.request.unit not in self._failing

    def urgent(self, entries: Iterable[Entry]) -> list[Request]:
        """The urgent among them."""
        return [entry.request for entry in entries if self.is_urgent(entry)]

    def _yields(self, entry: Entry) -> bool:
        command = entry.priority is Priority.COMMAND
        return command and self._read_owed and entry.request.unit in self._failing


# A wait so short is not worth another unit's transaction, and must not turn the order round.
_MOMENT_S = 0.01


def choose(
    entries: Iterable[Entry],
    now_s: float,
    wait: Callable[[Entry], Wait],
    duration_s: Callable[[Request], float],
) -> tuple[Entry | None, float | None]:
    """The entry to run now, or how long none will be ready (`None`: until woken).

    `entries` come in order. The time one of them must wait is used for the others, with two
    exceptions: nothing starts that would still run when a command's device is ready, and an entry
    that others kept from its change of unit for too long gets its pause.
    """
    kept_free_from_s: float | None = None  # a command waits for its device's delay
    earliest_s: float | None = None
    for entry in entries:
        due = wait(entry)
        if due.ready_s > now_s:
            earliest_s = due.ready_s if earliest_s is None else min(earliest_s, due.ready_s)
            if due.ready_s <= now_s + _MOMENT_S or _passed_over(entry, due, now_s):
                return None, due.ready_s - now_s
            if entry.priority is Priority.COMMAND and kept_free_from_s is None:
                kept_free_from_s = due.ready_s
        elif (
            kept_free_from_s is None
            or entry.priority is Priority.COMMAND
            or now_s + duration_s(entry.request) <= kept_free_from_s
        ):
            return entry, None
    return None, None if earliest_s is None else earliest_s - now_s


def _passed_over(entry: Entry, due: Wait, now_s: float) -> bool:
    """True when only other units' traffic keeps it waiting, and it is a command or has waited."""
    if due.own_s > now_s:
        entry.due_s = None
        return False
    if entry.due_s is None:
        entry.due_s = due.change_s
    return entry.priority is Priority.COMMAND or now_s >= entry.due_s
