"""One line and the only task that may use it.

Transactions run one after the other. `turns.py` says who goes next; a device's own
delay holds back that device alone; a caller that gives up changes nothing on the wire, so its
reply can never reach somebody else. What a reply proves: see `repeats.py`.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, NoReturn

from laddvakt_hal.alarm import Alarm
from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import BusDown, HalError, LineSetupError
from laddvakt_hal.hints import LineWatch
from laddvakt_hal.links import link_for
from laddvakt_hal.readiness import Readiness
from laddvakt_hal.settings import LineSettings, SerialSettings, TcpSettings, Timing
from laddvakt_hal.stats import DeviceStats, LineStats, line_stats
from laddvakt_hal.tap import harmless
from laddvakt_hal.turns import Entry, Priority, Reply, Turns, Wait, choose

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.frame import Request
    from laddvakt_hal.link import Exchange, Link
    from laddvakt_hal.tap import Frame

__all__ = ["Bus", "Priority", "Reply", "SerialSettings", "TcpSettings", "Timing"]

FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 1.0  # an adapter plugged in again must be back within the second
MAX_REFUSED_BACKOFF_S = 5.0  # a peer that closes every connection at once is not hammered
_STOOD_S = 1.0  # a link that stood so long, or answered, was no failed attempt
_DEFAULT_TIMING = Timing()
log = logging.getLogger(__name__)


class Bus:
    """A serial line or a TCP peer; create it anywhere, start it inside the loop.

    `link` replaces what the settings ask for: tests join the two ends themselves.
    """

    def __init__(
        self,
        settings: LineSettings,
        clock: Callable[[], float] = boottime,
        link: Callable[[Callable[[], None]], Link] | None = None,
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self.stats: dict[int, DeviceStats] = {}
        self.down_reason = "not started"
        self.progress_s: float | None = None  # last time a transaction ended or a port was tried
        self.tried = False  # the first attempt to open is over, well or badly
        self.on_change: Callable[[Bus], None] | None = None  # called when `up` turned
        self._clock = clock
        self._wake = Alarm()
        wake = self._wake.ring
        self._link = link(wake) if link else link_for(settings, clock, wake)
        self._link.urgent = lambda: self._turns.urgent(self._entries)
        self._timings: dict[int, Timing] = {}
        self._readiness = Readiness()
        self._turns = Turns()
        self._watch = LineWatch(settings)
        self._entries: list[Entry] = []
        self._numbers = itertools.count()
        self._task: asyncio.Task[None] | None = None
        self._up = False
        self._since_s = clock()
        self._up_s = 0.0
        self._busy_s = 0.0
        self._answered = False  # since the link was opened
        self._listener: Callable[[Frame], None] | None = None

    @property
    def up(self) -> bool:
        """True while the port or connection stands."""
        return self._up

    @property
    def link_notes(self) -> tuple[str, ...]:
        """What the port would not do and we can live with."""
        return self._link.notes

    @property
    def late(self) -> int:
        """Characters (RTU) or replies (TCP) that came when none was owed."""
        return self._link.late

    @property
    def hint(self) -> str | None:
        """What the garbage on the line points to, `None` while anything gets through."""
        return self._watch.hint(self._link.uart())

    @property
    def on_frame(self) -> Callable[[Frame], None] | None:
        """Told of every frame when set; must not block."""
        return self._listener

    @on_frame.setter
    def on_frame(self, listener: Callable[[Frame], None] | None) -> None:
        self._listener = listener
        self._link.on_frame = None if listener is None else harmless(listener, self.name)

    @property
    def line_stats(self) -> LineStats:
        """The line as a whole since the bus was made."""
        now_s = self._clock()
        return line_stats(self.stats, self._link, self._since_s, self._busy_s, now_s)

    def measured_turnaround_s(self, unit: int) -> float | None:
        """Median time from a request's end to its reply's first character, once measured."""
        return self._link.turnaround_s(unit)

    def set_timing(self, unit: int, timing: Timing) -> None:
        """What this unit needs; without it the defaults of `Timing` hold."""
        self._timings[unit] = timing

    def ready_at_s(self, unit: int) -> float:
        """When the unit's own delays allow the next read."""
        return max(self._readiness.unit_s(unit), self._link.rest_until_s(unit))

    def duration_s(self, request: Request) -> float:
        """How long the transaction will usually hold the line."""
        return self._link.duration_s(request, self._timing(request.unit))

    async def start(self) -> None:
        """Begin; a port that is missing is tried again for ever, never an error here."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"bus {self.name}")
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End; whoever waits gets `BusDown`."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        self._go_down("closed")

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        """Carry out one transaction and return its verified reply.

        Raises:
            HalError: BusDown, NoReply, Garbled or Refused.
        """
        self._stats_of(request.unit)
        if not self._up:
            raise self._count_down(request.unit, self.down_reason)
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._entries.append(Entry(priority, next(self._numbers), request, future))
        self._wake.ring()
        if priority is Priority.COMMAND:
            self._link.hurry()
        return await future

    async def _run(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        try:
            while True:
                self.progress_s = self._clock()
                try:
                    await self._link.open(self._settle_s())
                    self._come_up()
                    await self._serve()
                except (BusDown, LineSetupError) as error:
                    reason = str(error)
                except Exception as error:
                    # A fault of ours must not end a line with a contactor on it for good.
                    log.exception("%s: internal error, the line is opened again", self.name)
                    reason = f"internal error ({error!r}); please report it"
                self._link.close()
                self.tried = True
                if self._up and self._stood():
                    backoff_s = FIRST_BACKOFF_S
                most_s = MAX_REFUSED_BACKOFF_S if self._up else MAX_BACKOFF_S
                self._go_down(reason)
                await asyncio.sleep(min(backoff_s, most_s))
                backoff_s = min(2 * backoff_s, most_s)
        finally:
            self._link.close()
            self._go_down("stopped")  # whatever ended us: nobody may wait for ever

    async def _serve(self) -> NoReturn:
        while True:
            await self._carry_out(await self._next_entry())

    async def _next_entry(self) -> Entry:
        """The next transaction, as soon as one may run.

        Raises:
            BusDown: the link was lost while idle.
        """
        while True:
            if (reason := self._link.lost()) is not None:
                raise BusDown(reason)
            self._wake.clear()
            self._entries = self._turns.in_order(self._entries)
            entry, wait_s = choose(self._entries, self._clock(), self._wait, self.duration_s)
            if entry is not None:
                self._entries.remove(entry)
                return entry
            await self._wake.wait(wait_s)

    def _wait(self, entry: Entry) -> Wait:
        """What still holds an entry back."""
        request = entry.request
        hold_s = self._link.hold_until_s(request, urgent=self._turns.is_urgent(entry))
        return Wait(
            own_s=max(self._readiness.request_s(request), hold_s),
            change_s=self._readiness.change_s(request.unit, self._timing(request.unit)),
        )

    async def _carry_out(self, entry: Entry) -> None:
        """Run one transaction to its end, whether or not its caller still waits."""
        request, timing = entry.request, self._timing(entry.request.unit)
        error: HalError | None = None
        began_s = self._clock()
        try:
            result = await self._link.exchange(request, timing)
        except HalError as caught:
            error = caught
            self._count(entry, error)
            entry.settle(error)
        except (Exception, asyncio.CancelledError):
            # Closed, or a fault of ours. Cancelling the future would cancel the caller, too.
            entry.settle(self._count_down(request.unit, "closed"))
            raise
        else:
            self._count(entry, None, result)
            entry.settle(result.reply())
        finally:
            self.progress_s = self._clock()
            self._busy_s += self.progress_s - began_s
            self._readiness.done(request, timing, self.progress_s)
        if isinstance(error, BusDown):
            raise error

    def _count(self, entry: Entry, error: HalError | None, result: Exchange | None = None) -> None:
        stats, tally = self._stats_of(entry.request.unit), self._link.tally
        stats.requests += 1
        stats.bytes_sent += tally.sent
        stats.bytes_received += tally.received
        if error is not None:
            stats.count_error(error)
        if result is not None:
            self._answered = True
            stats.count_ok(result.taken_at_s - result.sent_at_s)
            stats.turnaround_s = self._link.turnaround_s(entry.request.unit)
        self._turns.note(entry, error)
        self._watch.note(entry.request.unit, error, tally.garbage)

    def _timing(self, unit: int) -> Timing:
        return self._timings.get(unit) or _DEFAULT_TIMING

    def _settle_s(self) -> float:
        """A reply to whoever used the line before us may still be under way."""
        timings = self._timings.values() or (_DEFAULT_TIMING,)
        return max(0.1, *(timing.worst_latency_s for timing in timings))

    def _stood(self) -> bool:
        return self._answered or self._clock() - self._up_s >= _STOOD_S

    def _come_up(self) -> None:
        self._up = self.tried = True
        self._up_s, self._answered = self._clock(), False
        self.down_reason = ""
        self._tell_change()

    def _go_down(self, reason: str) -> None:
        changed, self._up, self.down_reason = self._up, False, reason
        entries, self._entries = self._entries, []
        for entry in entries:
            if not entry.future.done():
                entry.settle(self._count_down(entry.request.unit, reason))
        if changed:
            self._tell_change()

    def _count_down(self, unit: int, reason: str) -> BusDown:
        """A request that the line's end answers."""
        error, stats = BusDown(f"{self.name}: {reason}"), self._stats_of(unit)
        stats.requests += 1
        stats.count_error(error)
        return error

    def _stats_of(self, unit: int) -> DeviceStats:
        return self.stats.setdefault(unit, DeviceStats())

    def _tell_change(self) -> None:
        try:
            if self.on_change is not None:
                self.on_change(self)
        except Exception:
            log.exception("%s: whoever is told that the line turned failed", self.name)
