"""The whole agent in virtual time: put together as always, read and obeyed without wires.

Everything above the hardware layer is the product's own: supervisor, guards, actuators, journal,
ledger with its thread, publisher, synchroniser. Three things are exchanged: readings come from the
plant (`lab.readings`), contactors and limits act on it, and HTTP ends in a receiver in memory. The
ledger's thread carries out its calls one after the other in the loop, each after a time a disk may
take: so the agent goes on between a call and its effect, as it does beside a real thread.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any, ParamSpec, TypeVar

from msgspec.structs import replace as replaced

from crash.world import World
from lab.readings import Reader
from lab.readings import Wishes as ReaderWishes
from lab.wires import Wires
from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, parse
from laddvakt_agent.core.inputs import Inputs, Sample, SelfTest, TestReply
from laddvakt_agent.core.model import LockCommanded, SelfTestCommanded
from laddvakt_agent.guard import Guard
from laddvakt_hal.reading import Reading, good

P = ParamSpec("P")
T = TypeVar("T")

SECOND = """
[[connector]]
id = "2"
evse_uid = "CRASH1-2"
evse_id = "SE*LAD*ECRASH2"
board = "charx1"
meter = "charx1"
emergency_stop = { device = "relay1", input = 1 }
max_current_a = 16
phases = 3
"""

_FACTS = ("uplink", "store", "clock", "clock_step_s", "round_late_s", "configuration_error")


def configuration(directory: Path, connectors: int) -> Config:
    """The station's configuration with its folders below `directory`."""
    config = _parsed(connectors)
    agent = replaced(
        config.agent,
        state_directory=str(directory / "state"),
        api_socket=str(directory / "run" / "api.sock"),
    )
    uplink = replaced(config.uplink[0], token_file=str(directory / "token"))
    return replaced(config, agent=agent, uplink=(uplink,))


@cache
def _parsed(connectors: int) -> Config:
    text = (resources.files("crash") / "station.toml").read_text("utf-8")
    second = SECOND if connectors == 2 else ""
    return parse(Template(text).substitute(second=second), "station.toml", profile)


class VirtualDisk(Executor):
    """One call after the other, each after as long as a disk may take."""

    def __init__(self, loop: asyncio.AbstractEventLoop, dice: random.Random) -> None:
        self._loop, self._dice = loop, dice
        self._queue: list[tuple[Future[Any], Callable[[], Any]]] = []
        self.calls = 0
        self.done = 0

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        self._queue.append((future, lambda: fn(*args, **kwargs)))
        self.calls += 1
        if len(self._queue) == 1:
            self._next()
        return future

    def _next(self) -> None:
        slow = self._dice.random() < 0.02
        pause_s = self._dice.uniform(0.1, 0.3) if slow else self._dice.uniform(0.002, 0.06)
        self._loop.call_later(pause_s, self._carry_out)

    def _carry_out(self) -> None:
        future, call = self._queue[0]
        future.set_running_or_notify_cancel()
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - the caller's, as in any executor
            future.set_exception(error)
        else:
            future.set_result(result)
        self._queue.pop(0)
        self.done += 1
        if self._queue:
            self._next()


@dataclass(slots=True, kw_only=True)
class Outputs:
    """One connector's contactor and board, as the actuator knows them, acting on the plant."""

    world: World
    connector: str
    allowed: Callable[[str], None]  # told before each closing
    name: str = "plant"
    hold_s: float | None = 2.0
    heartbeat_s: float | None = None
    limit_resolution_a: float = 0.1

    async def hold(self) -> None:
        """Close, or stay closed."""
        await asyncio.sleep(0.02)  # on the wire
        self.allowed(self.connector)
        self.world.hold(self.connector)

    async def open(self) -> None:
        """Open."""
        await asyncio.sleep(0.02)
        self.world.open(self.connector)

    async def set_limit(self, limit_a: float) -> None:
        """Offer this current."""
        await asyncio.sleep(0.02)
        self.world.offer(self.connector, limit_a)

    def limit_a(self) -> Reading[float]:
        """What the board says it offers."""
        return good(self.world.charger.board(self.connector).limit_a, self.world.boot_s())

    async def beat(self) -> None:
        """Nothing here wants one."""


@dataclass(slots=True, kw_only=True)
class PlantWiring:
    """Stands in for `Wiring`: locks and self-tests of the plant."""

    reader: Reader
    world: World
    replies: dict[SelfTest, TestReply] = field(default_factory=dict)

    def tell(self, effect: object) -> None:
        """Carry out what the core wants."""
        match effect:
            case LockCommanded(locked=locked):
                self.reader.run_lock(self.world.now_s, locked=locked)
            case SelfTestCommanded(test=test):
                self.reader.start_test(test, self.world.boot_s())
            case _:
                pass

    def still(self, running: SelfTest | None) -> None:
        """A test nobody awaits is not answered."""
        if running is None:
            self.reader.testing_since_s = None


@dataclass(slots=True)
class Eyes:
    """Stands in for `assemble`: the same arguments, readings of the plant."""

    world: World
    wires: Wires
    readers: dict[int, Reader] = field(default_factory=dict)  # by the identity of the roles

    def fit(self, guard: Guard, allowed: Callable[[str], None]) -> None:
        """Give a guard the plant instead of the wires."""
        name = guard.settings.connector
        reader = Reader(settings=guard.settings, charger=self.world.charger, wires=self.wires)
        self.readers[id(guard.roles)] = reader
        outputs = Outputs(world=self.world, connector=name, allowed=allowed)
        guard.actuator.board = guard.actuator.contactor = outputs  # type: ignore[assignment]
        guard.wiring = PlantWiring(reader=reader, world=self.world)  # type: ignore[assignment]
        guard.prepared = guard.guarded = True  # as the supervisor finds once the board was reached

    def assemble(self, roles: object, wishes: object, **others: object) -> Inputs:
        """One connector's inputs now."""
        now_s, facts = self.world.boot_s(), others["facts"]
        reader = self.readers[id(roles)]
        seen = reader.read(now_s, ReaderWishes())
        told: dict[str, Any] = {name: getattr(facts, name) for name in _FACTS}
        told |= {name: getattr(wishes, name) for name in _slots(wishes)}
        told |= {"shared": others.get("shared", ()), **self._serial(reader)}
        return replace(seen, **told)

    def _serial(self, reader: Reader) -> dict[str, Sample[str]]:
        """The serial number that the meter says, when it answers."""
        taken = reader.samples.get("energy_wh")
        if taken is None or "meter_serial" not in _slots(Inputs()):
            return {}
        serial = str(reader.plant.meter.serial)
        return {"meter_serial": Sample(value=serial, taken_s=taken.taken_s)}


def _slots(wishes: object) -> Iterable[str]:
    return tuple(getattr(type(wishes), "__dataclass_fields__", {}))


async def cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """End these."""
    for task in tasks:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*tasks, return_exceptions=True)
