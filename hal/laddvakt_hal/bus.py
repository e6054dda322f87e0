"""One line and the only task that may use it.

Transactions run one after the other. `turns.py` says who goes next; a device's own
delay holds back that device alone; a caller that gives up changes nothing on the wire, so its
reply can never reach somebody else.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from typing import TYPE_CHECKING

from laddvakt_hal.clock import boottime
from laddvakt_hal.errors import BusDown, HalError, LineSetupError
from laddvakt_hal.serial_link import SerialLink
from laddvakt_hal.settings import LineSettings, SerialSettings, TcpSettings, Timing
from laddvakt_hal.stats import DeviceStats
from laddvakt_hal.tcp_link import TcpLink
from laddvakt_hal.turns import Entry, Priority, Reply, Turns

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_hal.frame import Request

__all__ = ["Bus", "Priority", "Reply", "SerialSettings", "TcpSettings", "Timing"]

FIRST_BACKOFF_S = 0.1
MAX_BACKOFF_S = 1.0  # an adapter plugged in again must be back within the second


class Bus:
    """A serial line or a TCP peer; create it anywhere, start it inside the loop."""

    def __init__(self, settings: LineSettings, clock: Callable[[], float] = boottime) -> None:
        self.settings = settings
        self.name = settings.name
        self.stats: dict[int, DeviceStats] = {}
        self.down_reason = "not started"
        self.progress_s: float | None = None  # last time a transaction ended or a port was tried
        self.tried = False  # the first attempt to open is over, well or badly
        self.on_change: Callable[[Bus], None] | None = None  # called when `up` turned
        self._clock = clock
        self._link = _link_for(settings, clock, self._wake_up)
        self._timings: dict[int, Timing] = {}
        self._ready_at_s: dict[int, float] = {}
        self._turns = Turns()
        self._entries: list[Entry] = []
        self._numbers = itertools.count()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._up = False

    @property
    def up(self) -> bool:
        """True while the port or connection stands."""
        return self._up

    @property
    def link_notes(self) -> tuple[str, ...]:
        """What the port would not do and we can live with."""
        return self._link.notes if isinstance(self._link, SerialLink) else ()

    @property
    def late(self) -> int:
        """Characters (RTU) or replies (TCP) that came when none was owed."""
        return self._link.late

    def set_timing(self, unit: int, timing: Timing) -> None:
        """What this unit needs; without it the defaults of `Timing` hold."""
        self._timings[unit] = timing

    def ready_at_s(self, unit: int) -> float:
        """When the unit's own delay allows the next request."""
        return self._ready_at_s.get(unit, 0.0)

    def duration_s(self, request: Request) -> float:
        """How long the transaction will usually hold the line."""
        return self._link.duration_s(request, self._timing(request.unit))

    async def start(self) -> None:
        """Begin; a port that is missing is tried again for ever, never an error here."""
        if self._task is not None:
            return
        self._task = asyncio.create_task(self._run(), name=f"bus {self.name}")
        await asyncio.sleep(0)

    async def close(self) -> None:
        """End; whoever waits gets `BusDown`."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        self._go_down("closed")

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        """Carry out one transaction and return its verified reply.

        Raises:
            HalError: BusDown, NoReply, Garbled or Refused.
        """
        stats = self.stats.setdefault(request.unit, DeviceStats())
        if not self._up:
            stats.requests += 1
            error = BusDown(f"{self.name}: {self.down_reason}")
            stats.count_error(error)
            raise error
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._entries.append(Entry(priority, next(self._numbers), request, future))
        self._wake_up()
        return await future

    async def _run(self) -> None:
        backoff_s = FIRST_BACKOFF_S
        try:
            while True:
                self.progress_s = self._clock()
                try:
                    await self._link.open(self._settle_s())
                    self._come_up()
                    backoff_s = FIRST_BACKOFF_S
                    await self._serve()
                except (BusDown, LineSetupError) as error:
                    self._link.close()
                    self.tried = True
                    self._go_down(str(error))
                await asyncio.sleep(backoff_s)
                backoff_s = min(2 * backoff_s, MAX_BACKOFF_S)
        finally:
            self._link.close()
            self._go_down("stopped")  # whatever ended us: nobody may wait for ever

    async def _serve(self) -> None:
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
            entry, wait_s = self._pick(self._clock())
            if entry is not None:
                self._entries.remove(entry)
                return entry
            try:
                async with asyncio.timeout(wait_s):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _pick(self, now_s: float) -> tuple[Entry | None, float | None]:
        """The entry to run now, or how long none will be ready (`None`: until woken)."""
        self._entries = self._turns.in_order(self._entries)
        kept_free_from_s: float | None = None  # a command waits for its device's delay
        earliest_s: float | None = None
        for entry in self._entries:
            ready_s = self.ready_at_s(entry.request.unit)
            if ready_s > now_s:
                earliest_s = ready_s if earliest_s is None else min(earliest_s, ready_s)
                if entry.priority is Priority.COMMAND and kept_free_from_s is None:
                    kept_free_from_s = ready_s
            elif (
                kept_free_from_s is None
                or entry.priority is Priority.COMMAND
                or now_s + self.duration_s(entry.request) <= kept_free_from_s
            ):
                return entry, None
        return None, None if earliest_s is None else earliest_s - now_s

    async def _carry_out(self, entry: Entry) -> None:
        """Run one transaction to its end, whether or not its caller still waits."""
        request, timing = entry.request, self._timing(entry.request.unit)
        stats = self.stats[request.unit]
        stats.requests += 1
        try:
            result = await self._link.exchange(request, timing)
        except HalError as error:
            self._turns.note(entry, error)
            stats.count_error(error)
            entry.settle(error)
            if isinstance(error, BusDown):
                raise
        except asyncio.CancelledError:
            # Cancelling the future instead would cancel the caller, too.
            entry.settle(BusDown(f"{self.name}: closed"))
            raise
        else:
            self._turns.note(entry, None)
            stats.count_ok(result.taken_at_s - result.sent_at_s)
            payload = result.payload
            reply = Reply(
                words=payload.words,
                bits=payload.bits,
                sent_at_s=result.sent_at_s,
                taken_at_s=result.taken_at_s,
            )
            entry.settle(reply)
        finally:
            self.progress_s = self._clock()
            if timing.min_delay_s:
                self._ready_at_s[request.unit] = self.progress_s + timing.min_delay_s

    def _timing(self, unit: int) -> Timing:
        return self._timings.get(unit) or Timing()

    def _settle_s(self) -> float:
        """A reply to whoever used the line before us may still be under way."""
        return max((timing.worst_latency_s for timing in self._timings.values()), default=0.1)

    def _come_up(self) -> None:
        self._up = self.tried = True
        self.down_reason = ""
        self._report()

    def _go_down(self, reason: str) -> None:
        changed = self._up
        self._up = False
        self.down_reason = reason
        entries, self._entries = self._entries, []
        for entry in entries:
            if not entry.future.done():
                stats = self.stats[entry.request.unit]
                stats.requests += 1
                error = BusDown(f"{self.name}: {reason}")
                stats.count_error(error)
                entry.settle(error)
        if changed:
            self._report()

    def _report(self) -> None:
        if self.on_change is not None:
            self.on_change(self)

    def _wake_up(self) -> None:
        self._wake.set()


def _link_for(
    settings: LineSettings, clock: Callable[[], float], wake: Callable[[], None]
) -> SerialLink | TcpLink:
    match settings:
        case SerialSettings():
            return SerialLink(settings, clock, wake)
        case TcpSettings():
            return TcpLink(settings, clock, wake)
