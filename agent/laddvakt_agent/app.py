"""Runs the agent, and leaves the charger safe whatever ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from laddvakt_agent import logs
from laddvakt_agent.assemble import Parts, put_together
from laddvakt_agent.clock import Clock
from laddvakt_agent.commands import Commands
from laddvakt_agent.config import Config
from laddvakt_agent.ledger.errors import LedgerError, LedgerInUse, StorageError, StorageKind
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.service import Notifier, ProgressWatchdog, ServiceError
from laddvakt_agent.starting import load_web, settled

if TYPE_CHECKING:
    from laddvakt_agent.uplinks import Uplinks

LAST_WORDS_S = 2.0
FAILURE_EVERY_S = 60.0  # a disk that goes on refusing is told of this often
EXIT_OK = 0
EXIT_UNSAFE = 1  # an opening was not confirmed: the dead-man has to do it
EXIT_SOFTWARE = 70  # sysexits.h EX_SOFTWARE: systemd starts it anew
EXIT_TEMPORARY = 75
EXIT_CONFIG = 78

log = structlog.get_logger()


class StartError(Exception):
    """The agent cannot start; the message says why and what to do."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


async def serve(config: Config, recheck: Callable[[], str] = lambda: "") -> int:
    """Guard until SIGTERM or SIGINT; the exit code.

    `recheck` reads the configuration again at SIGHUP and says what is wrong with it, or nothing.
    The one that runs stays in force until the agent is started anew.

    Raises:
        StartError: ledger, socket or token cannot be used.
    """
    logs.set_up(config.agent.log_level)
    clock = Clock()
    agent = _Agent(config=config, clock=clock, notifier=Notifier(os.environ), recheck=recheck)
    async with agent.running():
        settled()
        return await agent.until_told()


@dataclass(slots=True, kw_only=True)
class _Agent:
    config: Config
    clock: Clock
    notifier: Notifier
    recheck: Callable[[], str]
    reread: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    parts: Parts = field(init=False)
    uplink: Uplinks | None = field(default=None, init=False)
    watchdog: ProgressWatchdog = field(init=False)
    work: asyncio.Task[None] = field(init=False)
    failure: tuple[str, float] = ("", 0.0)  # of the ledger, as last told, and when
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Everything open while inside; safe, told and closed on the way out."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop.set)
        # Its default would end the agent without a ramp: also when a terminal is closed.
        loop.add_signal_handler(signal.SIGHUP, self.reread.set)
        async with contextlib.AsyncExitStack() as stack:
            ledger = _open_ledger(self.config, self.clock)
            stack.callback(_close_ledger, ledger)
            thread = LedgerThread(self._ledger_failed)
            stack.push_async_callback(thread.close)
            self._put_together(ledger, thread)
            stack.push_async_callback(self.parts.telemetry.close)
            self.parts.watch.set_durable()
            self.parts.watch.begin_anew = self.stop.set
            stack.push_async_callback(self.parts.supervisor.close)
            self.work = asyncio.create_task(self.parts.supervisor.run(), name="supervisor")
            stack.push_async_callback(_end_task, self.work)
            await asyncio.to_thread(load_web, uplink=bool(self.config.uplink))
            await self._start_api(stack)
            await self._start_uplink(stack, ledger, thread)
            publish = asyncio.create_task(self._publish(), name="publish")
            stack.push_async_callback(_end_task, publish)
            reread = asyncio.create_task(self._reread(), name="reread")
            stack.push_async_callback(_end_task, reread)
            yield

    async def until_told(self) -> int:
        """Run until a signal or a failure, then make the charger safe."""
        told = asyncio.create_task(self.stop.wait(), name="told")
        ready = asyncio.create_task(self.parts.supervisor.ready.wait(), name="ready")
        try:
            await asyncio.wait({told, ready, self.work}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done() and not self.work.done():
                self.notifier.ready()
                await asyncio.wait({told, self.work}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end_task(told)
            await _end_task(ready)
        return await self._leave()

    async def _leave(self) -> int:
        self.notifier.stopping()
        failed = self.work.done()
        if failed:
            log.error("supervision_failed", exc_info=self.work.exception())
            safe = await self.parts.supervisor.open_everything(timeout_s=1.0)
        else:
            safe = await self.parts.supervisor.make_safe()
        self.parts.supervisor.notes.ended(failed=failed, safe=safe)
        await self._tell_the_end(failed=failed)
        log.info("agent_stopped", safe=safe, not_moved_since=self.watchdog.waiting_for())
        if failed:
            return EXIT_SOFTWARE
        return EXIT_OK if safe else EXIT_UNSAFE

    async def _tell_the_end(self, *, failed: bool) -> None:
        """The last status reaches a backend that listens; one that does not is not waited for."""
        statuses, now_s = self.parts.publisher.statuses, self.clock.now_s()
        statuses.fail(now_s) if failed else statuses.flush(now_s)
        if self.uplink:
            self.uplink.offer(self.parts.publisher.station())
            await self.uplink.settle(LAST_WORDS_S)

    def _put_together(self, ledger: Ledger, thread: LedgerThread) -> None:
        try:
            self.parts = self._assembled(ledger, thread)
        except StorageError as error:
            if error.kind is not StorageKind.DAMAGED:
                raise
            # Its pages are whole, a row is not: what can be read goes into a new one.
            ledger.damage = str(error)
            renewed = ledger.renewal.renew(ledger.damage, damaged=True)
            ledger.salvaged = renewed.salvaged
            if renewed.latches_due:
                thread.post(ledger.renewal.write_latches)
            self.parts = self._assembled(ledger, thread)
        self.watchdog = ProgressWatchdog(
            self.notifier,
            (*self.parts.supervisor.hardware.polled_lines(), "core"),
            now_s=self.clock.now_s(),
        )
        if ledger.damage:
            log.error(
                "ledger_set_aside", beside=str(ledger.path), reason=ledger.damage,
                salvaged=ledger.salvaged,
                remedy="send the damaged file to support; a new ledger has been started",
            )  # fmt: skip

    def _assembled(self, ledger: Ledger, thread: LedgerThread) -> Parts:
        return put_together(
            self.config,
            self.clock,
            ledger,
            thread,
            on_change=self.changed.set,
            on_progress=self._progressed,
        )

    def _ledger_failed(self, error: BaseException) -> None:
        now_s, said = self.clock.now_s(), str(error)
        if said != self.failure[0] or now_s >= self.failure[1] + FAILURE_EVERY_S:
            self.failure = (said, now_s)  # what waits is tried again each second
            log.error("ledger_write_failed", error=said)
        self.parts.supervisor.facts.write_failed(error, self.clock.now_s())

    def _progressed(self, part: str) -> None:
        self.watchdog.progressed(part, self.clock.now_s())

    async def _start_api(self, stack: contextlib.AsyncExitStack) -> None:
        from laddvakt_agent.diagnostics.api import LocalApi, SocketInUse  # noqa: PLC0415 - see running
        from laddvakt_agent.local_routes import local_routes  # noqa: PLC0415

        answers = Commands(
            config=self.config,
            supervisor=self.parts.supervisor,
            publisher=self.parts.publisher,
            journal=self.parts.journal,
            uplink_health=self._uplink_health,
        )
        path = Path(self.config.agent.api_socket)
        routes = local_routes(self.config, self.clock, self.parts, lambda: self.uplink)
        api = LocalApi(path, answers, routes)
        try:
            await api.start()
        except SocketInUse as error:
            raise StartError(str(error), EXIT_TEMPORARY) from error
        except OSError as error:
            message = f"{path}: the local API cannot listen there: {error.strerror or error}; "
            raise StartError(
                message + "set agent.api_socket to a folder the service may write", EXIT_CONFIG
            ) from error
        stack.push_async_callback(api.close)

    async def _start_uplink(
        self, stack: contextlib.AsyncExitStack, ledger: Ledger, thread: LedgerThread
    ) -> None:
        if not self.config.uplink:
            return
        from laddvakt_agent.uplink.server.part import place_of  # noqa: PLC0415 - see running
        from laddvakt_agent.uplinks import Uplinks  # noqa: PLC0415 - see running

        try:
            place = place_of(self.config)
            self.uplink = Uplinks(self.config, ledger, thread, self.clock, place)
        except ServiceError as error:
            raise StartError(str(error), EXIT_CONFIG) from error
        stack.push_async_callback(self.uplink.close)
        await self.uplink.start()
        self.uplink.serve(self.parts)
        self.parts.supervisor.facts.uplink_told = self.uplink.health
        self.parts.watch.came_home = self.uplink.remember
        for guard in self.parts.supervisor.guards.values():
            guard.keeper.heard = self.uplink.heard

    async def _reread(self) -> None:
        """Whoever changed the configuration learns whether it can be started with."""
        while True:
            await self.reread.wait()
            self.reread.clear()
            wrong = await asyncio.to_thread(self.recheck)
            self.parts.supervisor.facts.configuration_error = wrong
            self.parts.supervisor.notes.checked(wrong)
            if wrong:
                log.error("configuration_invalid", error=wrong, effect="the old one stays in force")
            else:
                log.info("configuration_valid", effect="in force after: systemctl restart laddvakt")

    async def _publish(self) -> None:
        """Hand every change to the uplink, and look once a second for what time alone changes."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self.changed.wait()
            self.changed.clear()
            try:
                self._publish_once()
            except Exception:
                log.exception("publishing_failed")

    def _publish_once(self) -> None:
        station = self.parts.publisher.station()
        if self.uplink:
            self.uplink.offer(station)
            self.parts.publisher.forget_cdrs(self.uplink.delivered())

    def _uplink_health(self) -> dict[str, object] | None:
        return None if self.uplink is None else self.uplink.status()


def _open_ledger(config: Config, clock: Clock) -> Ledger:
    """The ledger; in memory until there is a disk: so long the agent guards but bills nothing."""
    directory = Path(config.agent.state_directory)
    try:
        try:
            return Ledger.open(directory, boot=clock.boot(), clock=clock)
        except StorageError as error:
            if error.kind in (StorageKind.NOT_A_FOLDER, StorageKind.A_FOLDER):
                raise  # no disk will mend that
            log.error("ledger_unavailable", error=str(error), effect="no new sessions")
            return Ledger.without_disk(directory, boot=clock.boot(), clock=clock)
    except LedgerInUse as error:
        raise StartError(str(error), EXIT_TEMPORARY) from error
    except LedgerError as error:
        raise StartError(str(error), EXIT_CONFIG) from error


def _close_ledger(ledger: Ledger) -> None:
    try:
        ledger.close()
    except StorageError as error:
        log.error("ledger_not_closed", error=str(error))


async def _end_task(task: asyncio.Task[object] | asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
