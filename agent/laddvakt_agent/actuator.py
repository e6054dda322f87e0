"""Carries one connector's outputs to the hardware and keeps at it until they are confirmed.

Contactor and limit go their own ways, so that a slow pilot board never delays an opening. A held
contactor is re-armed only while the core is being stepped: a hung core lets it fall open.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from laddvakt_agent.core.model import Outputs
from laddvakt_hal.errors import HalError
from laddvakt_hal.roles import Board, Contactor, Fed

RETRY_S = 0.05  # after a failed command: the bus drains meanwhile, waiting longer adds danger
MAX_RETRY_S = 0.5  # … doubled up to this: a silent device must not keep the others from being read
REWRITE_S = 2.0  # a board that reads back another limit is told again this often
CORE_ALIVE_S = 1.0  # a core not stepped for this long does not keep a contactor closed
HOLD_FRACTION = 0.25  # re-arm after a quarter of the hold time: three may be lost

log = structlog.get_logger()


class FedBoard(Board, Fed, Protocol):
    """A board with whatever its watchdog wants."""


@dataclass(slots=True, kw_only=True)
class Actuator:
    """Drives one board and one contactor towards `want`ed outputs."""

    connector: str
    board: FedBoard
    contactor: Contactor
    clock: Callable[[], float]
    may_close: Callable[[], Awaitable[None]]  # returns once what must be on disk is there
    core_stepped_s: Callable[[], float]
    wanted: Outputs = field(default=Outputs(closed=False, limit_a=0.0), init=False)
    opened_confirmed_s: float | None = field(default=None, init=False)
    written_a: float | None = field(default=None, init=False)
    _contactor_changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _limit_changed: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _written_s: float = field(default=0.0, init=False)
    _failures: dict[str, int] = field(default_factory=dict, init=False)
    _errors: dict[str, str] = field(default_factory=dict, init=False)
    _permitted: bool = field(default=False, init=False)  # asked for this closing, and granted

    def want(self, outputs: Outputs) -> None:
        """Take new outputs; the hardware follows from the next loop turn on."""
        before, self.wanted = self.wanted, outputs
        if before.closed != outputs.closed:
            self.opened_confirmed_s = None
            self._permitted = False
            self._contactor_changed.set()
        if before.limit_a != outputs.limit_a:
            self._limit_changed.set()
            if outputs.limit_a == 0.0 and not outputs.closed:
                # A board with a contactor of its own may have closed it while the offer stood.
                self._open_again()

    def nudge_limit(self) -> None:
        """Look at the limit again: the board came back or reads back something else."""
        self._limit_changed.set()

    def forget_board(self) -> None:
        """The board restarted or was away: it may have lost everything it was told."""
        self.written_a = None
        self._limit_changed.set()
        self._open_again()

    def _open_again(self) -> None:
        self.opened_confirmed_s = None
        self._contactor_changed.set()

    @property
    def _core_alive(self) -> bool:
        return self.clock() - self.core_stepped_s() <= CORE_ALIVE_S

    async def run_contactor(self) -> None:
        """Open until confirmed, hold while wanted."""
        while True:
            self._contactor_changed.clear()
            pause_s = await self._contactor_once()
            await _wait(self._contactor_changed, pause_s)

    async def run_limit(self) -> None:
        """Write the limit whenever it is not what the board was last told or reads back."""
        while True:
            self._limit_changed.clear()
            pause_s = await self._limit_once()
            await _wait(self._limit_changed, pause_s)

    async def run_heartbeat(self) -> None:
        """Feed a watchdog that reading alone does not feed, for as long as the core is stepped.

        A core that hangs lets the board's watchdog expire, as it lets a held contactor fall.
        """
        period_s = self.board.heartbeat_s
        if period_s is None:
            return
        while True:
            pause_s = await self._heartbeat_once(period_s)
            await asyncio.sleep(pause_s)

    async def open_now(self, timeout_s: float) -> bool:
        """Open and wait for the confirmation; for the way out. False when it never came."""
        self.want(Outputs(closed=False, limit_a=0.0))
        deadline_s = self.clock() + timeout_s
        while self.opened_confirmed_s is None or self.written_a != 0.0:
            if self.clock() >= deadline_s:
                return False
            await asyncio.sleep(RETRY_S)
        return True

    async def _contactor_once(self) -> float | None:
        try:
            pause_s = await (self._hold() if self.wanted.closed else self._open())
        except HalError as error:
            return self._failed("contactor", error)
        self._note("contactor", "")
        return pause_s

    def _failed(self, what: str, error: HalError) -> float:
        """Note a failed command; how long to wait before the next try."""
        self._note(what, str(error))
        tries = self._failures[what] = self._failures.get(what, 0) + 1
        return float(min(RETRY_S * 2 ** (tries - 1), MAX_RETRY_S))

    def _note(self, what: str, error: str) -> None:
        """Log when commands begin to fail, fail otherwise, or work again; not every try."""
        if not error:
            self._failures.pop(what, None)
        if self._errors.get(what, "") == error:
            return
        self._errors[what] = error
        if error:
            log.warning("command_failed", connector=self.connector, command=what, error=error)
        else:
            log.info("command_works_again", connector=self.connector, command=what)

    async def _open(self) -> float | None:
        if self.opened_confirmed_s is None:
            await self.contactor.open()
            if not self.wanted.closed:
                self.opened_confirmed_s = self.clock()
            if self.contactor.hold_s is None and self.wanted.limit_a > 0.0:
                # Such a board opens by withdrawing its offer, which still stands here.
                self.written_a = None
                self._limit_changed.set()
        return None

    async def _hold(self) -> float | None:
        hold_s = self.contactor.hold_s
        pause_s = None if hold_s is None else hold_s * HOLD_FRACTION
        if not self._core_alive:
            return RETRY_S
        if not self._permitted:
            self._permitted = await self._permission()
        if self._permitted and self.wanted.closed:
            await self.contactor.hold()
        return pause_s if self._permitted else 0.0

    async def _permission(self) -> bool:
        """Wait for the disk, but not a moment longer than closing is wanted."""
        asked = asyncio.ensure_future(self.may_close())
        changed = asyncio.ensure_future(self._contactor_changed.wait())
        try:
            await asyncio.wait({asked, changed}, return_when=asyncio.FIRST_COMPLETED)
            if asked.done():
                asked.result()  # a defect in the journal must be seen, not taken for a yes
            return asked.done() and self.wanted.closed
        finally:
            changed.cancel()
            asked.cancel()
            await asyncio.wait({asked, changed})

    async def _heartbeat_once(self, period_s: float) -> float:
        """One beat; how long until the next one."""
        if not self._core_alive:
            return RETRY_S
        try:
            await self.board.beat()
        except HalError as error:
            return self._failed("heartbeat", error)
        self._note("heartbeat", "")
        return period_s

    async def _limit_once(self) -> float | None:
        wanted_a = self.wanted.limit_a
        if wanted_a > 0.0 and not self._core_alive:
            return RETRY_S  # for some boards a limit that is written again feeds the watchdog
        if not self._limit_due(wanted_a):
            return REWRITE_S
        try:
            if not await self._written(wanted_a):
                return None  # look again at once
        except HalError as error:
            return self._failed("limit", error)
        self._note("limit", "")
        self.written_a, self._written_s = wanted_a, self.clock()
        if self.wanted.limit_a == 0.0 and wanted_a > 0.0:
            self._open_again()  # the offer was withdrawn while it was being written
        return REWRITE_S

    async def _written(self, limit_a: float) -> bool:
        """Write a limit; False when there was reason to look again before the board confirmed it.

        Some boards take a limit only every few seconds: 0 A must not wait behind such a pause.
        """
        writing = asyncio.ensure_future(self.board.set_limit(limit_a))
        changed = asyncio.ensure_future(self._limit_changed.wait())
        try:
            await asyncio.wait({writing, changed}, return_when=asyncio.FIRST_COMPLETED)
            if writing.done():
                writing.result()
                return True
            self.written_a = None  # it may reach the board all the same
            return False
        finally:
            changed.cancel()
            writing.cancel()
            await asyncio.wait({writing, changed})

    def _limit_due(self, wanted_a: float) -> bool:
        if self.written_a != wanted_a:
            return True
        readback = self.board.limit_a()
        if readback.value is None or readback.taken_at_s is None:
            return False
        settled = readback.taken_at_s - self._written_s > REWRITE_S
        return settled and abs(readback.value - wanted_a) > self.board.limit_resolution_a / 2


async def _wait(event: asyncio.Event, timeout_s: float | None) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
