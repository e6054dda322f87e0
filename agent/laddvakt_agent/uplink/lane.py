"""One endpoint's worth of work: what is due, in which order, and when to try again.

Each endpoint has its own lane, so that a slow CDR never holds up a status. Lanes of one host
share its link: without a connection all of them wait together.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from laddvakt_agent.uplink.book import Refusal
from laddvakt_agent.uplink.errors import (
    CHECK_TLS,
    Missing,
    Rejected,
    Unauthorised,
    Unreachable,
    UplinkError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_agent.uplink.backoff import Backoff
    from laddvakt_agent.uplink.book import Book, Entry, Kind
    from laddvakt_agent.uplink.pushes import Pushes

_log = structlog.get_logger(__name__)

PATIENCE = 3  # failures of the endpoint at one object before the next one is tried
HELD_S = 1.0  # while the clock is waited for, so often it is looked at
_TIMER_SLACK_S = 0.001  # timers may fire early by their own resolution


@dataclass(slots=True)
class Link:
    """The way to one host."""

    backoff: Backoff  # no connection
    untrusted: bool = False  # … because its certificate could not be verified
    refused: set[str] = field(default_factory=set)  # endpoints that answer HTTP 401 or 403
    platform: str = ""
    trouble: Refusal | None = None  # why there is no connection

    def lost(self, error: UplinkError, now_s: float) -> None:
        """There is no connection; told once."""
        if not self.backoff.failing:
            _log.warning(
                "uplink_lost", platform=self.platform, reason=str(error), remedy=error.remedy
            )
        self.trouble = Refusal(reason=str(error), remedy=error.remedy, at_s=now_s)
        self.untrusted = error.remedy == CHECK_TLS
        self.backoff.failed(now_s)

    def found(self) -> None:
        """Somebody answered."""
        self.untrusted = False
        self.trouble = None
        self.backoff.succeeded()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attempt ended, for health and counters."""

    answered: bool
    confirmed: bool


class Lane:
    """Works through the pending objects of some kinds, one request at a time."""

    def __init__(
        self,
        name: str,
        kinds: tuple[Kind, ...],
        *,
        book: Book,
        pushes: Pushes,
        link: Link,
        backoff: Backoff,
        now_s: Callable[[], float],
        after: Lane | None,
        report: Callable[[Outcome], None],
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        self._name = name
        self._kinds = kinds
        self._book = book
        self._pushes = pushes
        self._link = link
        self._backoff = backoff
        self._now_s = now_s
        self._after = after
        self._report = report
        self._held = held
        self._changed = asyncio.Event()
        self.trouble: Refusal | None = None  # why this endpoint is not told now

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What it tells."""
        return self._kinds

    def again_now(self) -> None:
        """Try everything at once, whatever it waits for."""
        self._link.backoff.again_now()
        self._backoff.again_now()
        for entry in self._pending():
            entry.refusals.again_now()
        self.wake()

    def due_s(self) -> float | None:
        """Seconds until something is tried again, `None` when nothing waits."""
        pause_s = self._pause_s()
        return None if pause_s is None else max(0.0, pause_s - _TIMER_SLACK_S)

    def blocked(self) -> Refusal | None:
        """Why nothing of this endpoint can be told now, whatever the object."""
        return self._link.trouble or self.trouble

    def wake(self) -> None:
        """Something changed: look again."""
        self._changed.set()

    @property
    def busy(self) -> bool:
        """Whether something here or before it could be told now; what depends on it waits."""
        return self._ready() is not None or self._gated

    @property
    def _gated(self) -> bool:
        return self._after is not None and self._after.busy

    async def run(self) -> None:
        """Tell what is pending, for ever."""
        while True:
            self._changed.clear()
            entry = None if self._gated else self._ready()
            if entry is not None:
                await self._attempt(entry)
            else:
                # What holds the gate reports when it is done, and so wakes this lane.
                await self._wait(None if self._gated else self._pause_s())

    def _ready(self) -> Entry | None:
        now_s = self._now_s()
        if self._held():
            return None
        if self._link.backoff.remaining_s(now_s) or self._backoff.remaining_s(now_s):
            return None
        due = [entry for entry in self._pending() if not entry.refusals.remaining_s(now_s)]
        # The oldest; but some endpoints fail at a certain object only, and would at it for ever.
        return min(due, key=lambda entry: entry.stumbles // PATIENCE, default=None)

    def _pending(self) -> list[Entry]:
        """What is to be told; of those that follow one another the first alone."""
        return [
            entry
            for kind in self._kinds
            for entry in self._book.entries(kind)
            if entry.pending and not self._book.behind(entry)
        ]

    def _pause_s(self) -> float | None:
        """Seconds until something becomes ready by itself, `None` when nothing will."""
        now_s = self._now_s()
        pending = self._pending()
        if not pending:
            return None
        if self._held():
            return HELD_S
        first_s = min(entry.refusals.remaining_s(now_s) for entry in pending)
        pauses = (first_s, self._link.backoff.remaining_s(now_s), self._backoff.remaining_s(now_s))
        return max(pauses) + _TIMER_SLACK_S

    async def _wait(self, pause_s: float | None) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._changed.wait()
        except TimeoutError:
            return  # the pause is over

    async def _attempt(self, entry: Entry) -> None:
        try:
            await self._pushes.push(entry)
        except Unreachable as error:
            self._lost(error)
        except Unauthorised as error:
            self._unauthorised(error)
        except (Missing, Rejected) as error:
            self._rejected(entry, error)
        except UplinkError as error:
            self._deferred(entry, error)
        else:
            self._heard(confirmed=True)

    def _lost(self, error: UplinkError) -> None:
        self._link.lost(error, self._now_s())
        self._report(Outcome(answered=False, confirmed=False))

    def _deferred(self, entry: Entry, error: UplinkError) -> None:
        """It may have arrived; only this endpoint is in trouble, or has it with this object."""
        entry.stumbles += 1
        if not self._backoff.failing:
            _log.warning(
                "uplink_deferred",
                platform=self._link.platform,
                endpoint=self._name,
                reason=str(error),
                remedy=error.remedy,
            )
        self.trouble = self._said(error)
        self._backoff.failed(self._now_s(), at_least_s=error.retry_after_s or 0.0)
        self._report(Outcome(answered=False, confirmed=False))

    def _unauthorised(self, error: UplinkError) -> None:
        if not self._link.refused:
            _log.error(
                "uplink_refused",
                platform=self._link.platform,
                reason=str(error),
                remedy=error.remedy,
            )
        self.trouble = self._said(error)
        self._link.refused.add(self._name)
        self._backoff.failed_slowly(self._now_s())
        self._report(Outcome(answered=True, confirmed=False))

    def _rejected(self, entry: Entry, error: UplinkError) -> None:
        if not entry.refusals.failing:
            _log.error(
                "object_refused",
                platform=self._link.platform,
                kind=entry.kind.value,
                object_id=entry.object_id,
                reason=str(error),
                remedy=error.remedy,
            )
        entry.refusal = self._said(error)
        entry.refusals.failed(self._now_s())
        self._heard(confirmed=False)

    def _said(self, error: UplinkError) -> Refusal:
        return Refusal(reason=str(error), remedy=error.remedy, at_s=self._now_s())

    def _heard(self, *, confirmed: bool) -> None:
        if self._link.backoff.failing or self._backoff.failing:
            _log.info("uplink_restored", platform=self._link.platform, endpoint=self._name)
        self.trouble = None
        self._link.found()
        self._link.refused.discard(self._name)
        self._backoff.succeeded()
        self._report(Outcome(answered=True, confirmed=confirmed))
