"""Guards of a bench that are stepped by themselves, with the readings of a healthy charger.

Time runs faster than it does, so that what takes a minute takes a few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta

from agent.core.core_world import World
from agent.station_kit import Bench
from laddvakt_agent import supervisor as shell
from laddvakt_agent.core.inputs import DeviceHealth, Inputs, Pilot, Role
from laddvakt_agent.core.model import State
from laddvakt_agent.guard import Guard
from laddvakt_agent.inputs import Roles, Wishes

SPEED = 20.0
STEP_S = 0.01  # real time between two steps, at least
WALL = datetime(2027, 1, 31, 10, tzinfo=UTC)


@dataclass(slots=True)
class FastTime:
    """A `TimeSource` that moves with each step: a machine that stalls stalls it, too."""

    speed: float = SPEED
    now_s: float = 1000.0

    def boot_s(self) -> float:
        return self.now_s

    def wall(self) -> datetime:
        return WALL + timedelta(seconds=self.now_s - 1000.0)

    def synced(self) -> bool:
        return True

    def boot_id(self) -> str:
        return "fast"

    def advance(self) -> None:
        """One step further."""
        self.now_s += self.speed * STEP_S


@dataclass(slots=True, repr=False)
class Driven:
    """The knobs of each connector: `worlds["1"].pilot = Pilot.B` plugs a vehicle in."""

    station: Bench
    worlds: dict[str, World]

    def guard(self, connector: str = "1") -> Guard:
        return self.station.guard(connector)

    def plug(self, connector: str = "1") -> None:
        self.worlds[connector].pilot = Pilot.B

    async def until(self, there: Callable[[], object], seconds: float = 10.0) -> None:
        """Wait for something; real seconds at most."""
        async with asyncio.timeout(seconds):
            while not there():  # noqa: ASYNC110 - anything may be waited for
                await asyncio.sleep(STEP_S)

    def inputs(self, guard: Guard, wishes: Wishes) -> Inputs:
        """What its world shows now, with what is wished."""
        world = self.worlds[guard.settings.connector]
        now_s, flowing = self.station.clock.now_s(), world.inputs.power_w
        if flowing is not None:
            world.energy_wh += flowing.value * (now_s - world.now_s) / 3600.0
        world.connector, world.now_s = guard.connector, now_s
        world.inputs = world.read()
        told = {part.name: getattr(wishes, part.name) for part in fields(Wishes)}
        return replace(world.inputs, **told, devices=_devices(guard, world.now_s), guarded=True)


@contextlib.asynccontextmanager
async def driven(
    station: Bench, time: FastTime, patch: Callable[[str, object], None]
) -> AsyncIterator[Driven]:
    """Step both guards until left; `patch(name, value)` sets a name of the supervisor's module.

    `time`: what the bench was made with.
    """
    guards = station.parts.supervisor.guards
    made = Driven(
        station,
        {name: World(settings=guard.settings, now_s=1000.0) for name, guard in guards.items()},
    )
    by_roles = {id(guard.roles): guard for guard in guards.values()}

    def assemble(roles: Roles, wishes: Wishes, **_: object) -> Inputs:
        return made.inputs(by_roles[id(roles)], wishes)

    patch("assemble", assemble)
    for guard in guards.values():
        guard.prepared = guard.guarded = True

    async def go() -> None:
        while True:
            time.advance()
            for guard in guards.values():
                station.parts.supervisor.step(guard)
            await asyncio.sleep(STEP_S)

    task = asyncio.create_task(go(), name="drive")
    try:
        await made.until(
            lambda: all(g.connector.life.state is State.AVAILABLE for g in guards.values())
        )
        yield made
    finally:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()


def _devices(guard: Guard, now_s: float) -> tuple[DeviceHealth, ...]:
    roles = (Role.BOARD, Role.METER, Role.CONTACTOR, Role.EMERGENCY_STOP, Role.RESIDUAL_MONITOR)
    name = guard.settings.meter_name
    return tuple(
        DeviceHealth(
            name=name if role is Role.METER else f"{guard.settings.connector}-{role.value}",
            role=role, line="line1", heard_s=now_s,
        )
        for role in roles
    )  # fmt: skip


def supervisor_patch(
    set_attribute: Callable[[object, str, object], None],
) -> Callable[[str, object], None]:
    """For `driven`, from `monkeypatch.setattr`."""
    return lambda name, value: set_attribute(shell, name, value)
