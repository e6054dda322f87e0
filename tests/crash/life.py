"""One life of the agent, from its start to its end, on a loop in virtual time.

What `laddvakt_agent.app` does around the parts is done here in the same order, without signals,
sockets and systemd: ledger, thread, parts, uplink, publishing.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from pathlib import Path

from crash.station import Eyes, VirtualDisk, cancelled, configuration
from crash.world import Asked, World
from lab.wires import Wires
from laddvakt_agent import supervisor as supervisor_module
from laddvakt_agent.assemble import put_together
from laddvakt_agent.clock import Clock
from laddvakt_agent.commands import Commands
from laddvakt_agent.diagnostics.answers import Forbidden, NotPossible
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.uplinks import Uplinks

ROUND_S = 1.0  # between two readings of everything
PERSON_S = 2.0
QUIET_S = 5.0  # nothing due for so long: the day is over
TOKEN = "04A1B2C3D4E5F6"


class Life:
    """A running agent with the folder it works in."""

    def __init__(self, world: World, directory: Path, connectors: int, seed: str) -> None:
        self.world = world
        self.errors: list[str] = []
        self.config = configuration(directory, connectors)
        self.clock = Clock(world)
        token = directory / "token"
        token.write_text("a-token-of-the-campaign", encoding="ascii")
        token.chmod(0o600)
        loop = asyncio.get_running_loop()
        world.time, world.away = loop.time, False
        self.disk = VirtualDisk(loop, random.Random(f"disk {seed}"))
        self.ledger = Ledger.open(directory / "state", boot=self.clock.boot(), clock=self.clock)
        self.thread = LedgerThread(self._failed, executor=self.disk)
        self._changed = asyncio.Event()
        self.parts = put_together(
            self.config,
            self.clock,
            self.ledger,
            self.thread,
            on_change=self._changed.set,
            on_progress=lambda part: None,
        )
        self.parts.telemetry.executor = VirtualDisk(loop, random.Random(f"telemetry {seed}"))
        self.parts.watch.set_durable()
        self.guards = self.parts.supervisor.guards
        self._eyes = Eyes(world, Wires(world.charger, 1))
        self.uplink: Uplinks | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._quiet_since_s = world.now_s

    async def begin(self, allowed: Callable[[str], None]) -> None:
        """Take the plant in hand; `allowed` hears of every closing before it is done."""
        for guard in self.guards.values():
            self._eyes.fit(guard, allowed)
        vars(supervisor_module)["assemble"] = self._eyes.assemble
        supervisor = self.parts.supervisor
        self.commands = Commands(
            config=self.config,
            supervisor=supervisor,
            publisher=self.parts.publisher,
            journal=self.parts.journal,
            uplink_health=lambda: None,
        )
        for guard in self.guards.values():
            self._run(guard.actuator.run_contactor())
            self._run(guard.actuator.run_limit())
        self._run(supervisor._upkeep())
        self._run(supervisor._fail_with_alarms())
        self._run(self._rounds())
        self._run(self._people())
        await self._start_uplink()
        self._run(self._publish())

    def dead(self) -> None:
        """Raise whatever ended a part that must not end."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()
                raise AssertionError(f"{task.get_name()} ended")

    async def until_quiet(self, most_s: float) -> bool:
        """Run until the day is over and everything is delivered; False when that takes longer."""
        deadline_s = self.world.now_s + most_s
        while self.world.now_s < deadline_s:
            await asyncio.sleep(1.0)
            self.dead()
            if not self._over():
                self._quiet_since_s = self.world.now_s
            elif self.world.now_s - self._quiet_since_s >= QUIET_S:
                return True
        return False

    async def end(self) -> None:
        """Stop in good order, as at SIGTERM."""
        safe = await self.parts.supervisor.make_safe()
        self.parts.supervisor.notes.ended(failed=False, safe=safe)
        self.parts.publisher.statuses.flush(self.clock.now_s())
        if self.uplink is not None:
            self.uplink.offer(self.parts.publisher.station())
            await self.uplink.settle(20.0)
            await self.uplink.close()
        await cancelled(self._tasks)
        await self.parts.supervisor.close()
        await self.parts.telemetry.close()
        await self.thread.close()
        self.ledger.close()

    def pending(self) -> str:
        """What is not over yet, for people."""
        health = None if self.uplink is None else self.uplink.health()
        keepers = [guard.keeper for guard in self.guards.values()]
        return (
            f"uplink {health}, events {len(self.world.events)}, asked {self.world.asked}, "
            f"running {[k.running is not None for k in keepers]}, "
            f"ending {[len(k.ending) for k in keepers]}, "
            f"unsaved {len(self.parts.journal.unsaved)}, backlog {self.thread.backlog}"
        )

    def _over(self) -> bool:
        keepers = [guard.keeper for guard in self.guards.values()]
        idle = not any(keeper.running or keeper.ending for keeper in keepers)
        health = None if self.uplink is None else self.uplink.health()
        told = health is not None and not health["pending"]
        nobody = not self.world.events and not self.world.asked
        return idle and told and nobody and not self.parts.journal.unsaved

    def _run(self, work: Coroutine[object, object, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _failed(self, error: BaseException) -> None:
        self.errors.append(f"{type(error).__name__}: {error}")
        self.parts.supervisor.facts.write_failed(error, self.clock.now_s())

    async def _start_uplink(self) -> None:
        self.uplink = Uplinks(self.config, self.ledger, self.thread, self.clock)
        await self.uplink.start()
        self.parts.supervisor.facts.uplink_told = self.uplink.health
        self.parts.watch.came_home = self.uplink.remember

    async def _rounds(self) -> None:
        """What arriving readings do."""
        while True:
            self.world.advance(self.world.time())
            self._eyes.wires.look(self.world.boot_s())
            for guard in self.guards.values():
                self.parts.supervisor.step(guard)
            await asyncio.sleep(ROUND_S)

    async def _people(self) -> None:
        while True:
            for asked in tuple(self.world.asked):
                if self.world.now_s > asked.until_s or self._done(asked):
                    self.world.asked.remove(asked)
            await asyncio.sleep(PERSON_S)

    def _done(self, asked: Asked) -> bool:
        """Whether the agent has done it, or it needs no doing any more."""
        guard = self.guards[asked.connector]
        if asked.verb == "start" and guard.keeper.running is not None:
            return True
        body = {"token": TOKEN} if asked.verb == "start" else {}
        try:
            self.commands.command(
                asked.connector, asked.verb, body | asked.body, uid=0, privileged=True
            )
        except NotPossible:
            return asked.verb == "stop"
        except Forbidden as error:
            raise AssertionError(str(error)) from error
        return asked.verb != "start"  # it is done once there is a session

    async def _publish(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._changed.wait()
            self._changed.clear()
            station = self.parts.publisher.station()
            assert self.uplink is not None
            self.uplink.offer(station)
            self.parts.publisher.forget_cdrs(self.uplink.delivered())
