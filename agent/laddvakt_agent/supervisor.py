"""The shell around the core: read, step, act, publish, prove to be alive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import structlog

from laddvakt_agent.alive import AliveFile
from laddvakt_agent.config import Config
from laddvakt_agent.core.inputs import SharedBudget
from laddvakt_agent.core.recover.budgets import shared
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.inputs import assemble
from laddvakt_agent.journal import Journal
from laddvakt_agent.permits import Permits
from laddvakt_agent.security_notes import SecurityNotes
from laddvakt_agent.station_facts import FactsKeeper
from laddvakt_agent.wall import Wall
from laddvakt_hal.device import Device
from laddvakt_hal.errors import HalError, NotObeyed

HEARTBEAT_S = 300.0  # one durable sign of life per five minutes: eMMC wear
UPKEEP_S = 1.0
INHERITED_S = 30.0  # a fault from before the restart that is not seen again by then is over
PREPARE_EVERY_S = 0.2
STOP_TIMEOUT_S = 10.0  # ramp 6 s, open, confirm; systemd waits 15 s or more

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs every connector's core over one set of hardware."""

    config: Config
    hardware: Hardware
    guards: dict[str, Guard]
    book: FaultBook
    journal: Journal
    wall: Wall
    clock: Callable[[], float]
    alive: AliveFile
    facts: FactsKeeper
    notes: SecurityNotes
    permits: Permits
    on_change: Callable[[], None]  # something others should know has changed
    on_progress: Callable[[str], None]  # a line or the core has advanced
    started_s: float
    keepers: tuple[Callable[[float], None], ...] = ()  # called once a second with the boot time
    beside: tuple[Callable[[], Coroutine[None, None, None]], ...] = ()  # runs, and never ends
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    _timers: dict[str, asyncio.TimerHandle] = field(default_factory=dict)
    _defect: asyncio.Future[None] = field(default_factory=asyncio.Future)
    _by_device: dict[str, list[Guard]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for guard in self.guards.values():
            for name in guard.device_names:
                self._by_device.setdefault(name, []).append(guard)

    def device_updated(self, device: Device) -> None:
        """A reply or a failure was stored: step every connector that depends on the device."""
        self.on_progress(self.hardware.line_of[device.name])
        self._note_ready()
        for guard in self._by_device.get(device.name, ()):
            self.step(guard)

    def step(self, guard: Guard) -> None:
        """One round of one connector's core, then its next alarm clock."""
        name, now_s = guard.settings.connector, self.clock()
        inputs = assemble(
            guard.roles,
            guard.wishes(),
            guarded=guard.guarded and not _disarmed(guard),
            devices=self.hardware.device_health(name),
            lines=self.hardware.line_health(name),
            facts=self.facts.now,
            tests=guard.wiring.replies.values(),
            shared=self._shared(guard),
        )
        before = guard.connector
        changed = guard.step(inputs, now_s)
        self.on_progress("core")
        # Fresher readings alone only move the next deadline away: the alarm set before still does.
        if guard.connector is not before or name not in self._timers:
            self._set_alarm(guard, now_s)
        if changed:
            self.on_change()

    async def run(self) -> None:
        """Everything that must run for as long as the agent guards; any end of it is fatal."""
        for bus in self.hardware.buses.values():
            await bus.start()
        while not all(bus.tried for bus in self.hardware.buses.values()):  # noqa: ASYNC110 - once
            await asyncio.sleep(0.005)
        async with asyncio.TaskGroup() as group:
            for name in self.hardware.buses:
                group.create_task(self.hardware.pollers[name].run(), name=f"poll {name}")
            for guard in self.guards.values():
                group.create_task(guard.actuator.run_contactor(), name="contactor")
                group.create_task(guard.actuator.run_limit(), name="limit")
                group.create_task(guard.actuator.run_heartbeat(), name="heartbeat")
                group.create_task(guard.wiring.run(), name="wiring")
                group.create_task(self._keep_prepared(guard), name="prepare")
            group.create_task(self._upkeep(), name="upkeep")
            group.create_task(self._fail_with_alarms(), name="alarms")
            for work in self.beside:
                group.create_task(work(), name="beside")

    async def make_safe(self) -> bool:
        """Ramp, open every contactor and wait for the confirmations; False when one is missing."""
        for guard in self.guards.values():
            guard.shutting_down = True
            self.step(guard)
        results = await asyncio.gather(*(self._opened(guard) for guard in self.guards.values()))
        self._beat()
        return all(results)

    async def open_everything(self, timeout_s: float) -> bool:
        """Open directly, without core and actuators: for when supervision itself has failed."""
        safe = True
        for guard in self.guards.values():
            try:
                async with asyncio.timeout(timeout_s):
                    await guard.roles.contactor.open()
                    await guard.roles.board.set_limit(0.0)
            except (HalError, TimeoutError) as error:
                safe = False
                log.error(
                    "contactor_not_opened", connector=guard.settings.connector, error=str(error)
                )
        return safe

    async def close(self) -> None:
        """Leave the lines."""
        for timer in self._timers.values():
            timer.cancel()
        for bus in self.hardware.buses.values():
            await bus.close()

    async def _opened(self, guard: Guard) -> bool:
        """Wait for the core's ramp; past its time the contactor is opened whatever it says."""
        deadline_s = self.clock() + STOP_TIMEOUT_S
        while self.clock() < deadline_s:
            confirmed = guard.actuator.opened_confirmed_s is not None
            if confirmed and not guard.actuator.wanted.closed and guard.actuator.written_a == 0.0:
                return True
            await asyncio.sleep(0.05)
        log.error("contactor_not_confirmed_open", connector=guard.settings.connector)
        return await guard.actuator.open_now(1.0)

    def _shared(self, guard: Guard) -> tuple[SharedBudget, ...]:
        """What the other connectors have used up of the station's own budgets."""
        others = [other for other in self.guards.values() if other is not guard]
        return tuple(
            budget
            for other in others
            if other.connector.tracks
            for budget in shared(other.connector.tracks)
        )

    def _set_alarm(self, guard: Guard, now_s: float) -> None:
        name = guard.settings.connector
        if name in self._timers:
            self._timers.pop(name).cancel()
        due_s = guard.due_s(now_s)
        if due_s is not None:
            loop = asyncio.get_running_loop()
            delay_s = max(due_s - now_s, 0.001)
            self._timers[name] = loop.call_later(delay_s, self._alarm, guard)

    def _alarm(self, guard: Guard) -> None:
        """Time alone may have changed something; a defect ends supervision like anywhere else."""
        del self._timers[guard.settings.connector]
        try:
            self.step(guard)
        except Exception as error:  # noqa: BLE001 - handed to `run`, which ends with it
            if not self._defect.done():
                self._defect.set_exception(error)

    async def _fail_with_alarms(self) -> None:
        """What an alarm raised must end supervision, as it does from a poller."""
        await self._defect

    def _note_ready(self) -> None:
        """Ready: every device was heard once, or it is known why not."""
        if self.ready.is_set() or not self._all_known(self.hardware.polled()):
            return
        self.ready.set()
        log.info("agent_ready", after_s=round(self.clock() - self.started_s, 3))

    async def _keep_prepared(self, guard: Guard) -> None:
        """Arm the board's watchdog at the start and again whenever the board was away."""
        device = self.hardware.devices[guard.roles.board.name]
        beside = [name for name, line in self.hardware.line_of.items() if line == device.bus.name]
        # A board that wants pauses must not hold up the first reads of its line.
        while not self._all_known(self.hardware.polled() & set(beside)):  # noqa: ASYNC110 - once
            await asyncio.sleep(PREPARE_EVERY_S)
        prepared = False
        while True:
            heard_s = device.heard_s
            away = heard_s is None or self.clock() - heard_s > guard.settings.sample_max_age_s
            if away or _disarmed(guard):
                prepared = False
            if not away and not prepared:
                prepared = await self._prepare(guard)
            await asyncio.sleep(PREPARE_EVERY_S)

    async def _prepare(self, guard: Guard) -> bool:
        """Prepare the board once; what it was told before it was away may be forgotten."""
        board = guard.roles.board
        try:
            watched = await board.prepare()
        except NotObeyed as error:
            log.error("board_not_obeying", device=board.name, error=str(error))
            guard.prepared, guard.guarded = True, False
            self.step(guard)
            return True
        except HalError as error:
            log.warning("board_not_prepared", device=board.name, error=str(error))
            return False
        guard.prepared = True
        guard.guarded = watched or guard.roles.contactor.hold_s is not None
        guard.actuator.forget_board()
        log.info("board_prepared", device=board.name, guarded=guard.guarded)
        self.step(guard)
        return True

    async def _upkeep(self) -> None:
        """Heartbeat, clock steps, what is left over from before the start."""
        beaten_s = self.clock()
        while True:
            due_s = self.clock() + UPKEEP_S
            await asyncio.sleep(UPKEEP_S)
            now_s = self.clock()
            stepped = self.wall.follow()
            self.facts.look(now_s, step_s=self.wall.stepped_s, due_s=due_s)
            self.hardware.note_noise(now_s)
            if stepped:
                log.warning("clock_stepped", wall=self.wall.at(now_s).isoformat())
                self.on_change()
            if now_s - self.started_s > INHERITED_S:
                self.book.drop_unseen(self.wall.at(now_s))
            if now_s - beaten_s >= HEARTBEAT_S:
                beaten_s = now_s
                self._beat()
            if all(guard.durable for guard in self.guards.values()):
                self.alive.sign(now_s)
            for look in self.keepers:
                look(now_s)
            self.journal.retry_unsaved()
            self._note_tried_lines(now_s)

    def _all_known(self, names: frozenset[str]) -> bool:
        return all(_known(self.hardware.devices[name]) for name in names)

    def _note_tried_lines(self, now_s: float) -> None:
        """A line that is down makes progress by being tried again."""
        for name, bus in self.hardware.buses.items():
            tried_s = bus.progress_s
            if not bus.up and tried_s is not None and now_s - tried_s < 2 * UPKEEP_S:
                self.on_progress(name)

    def _beat(self) -> None:
        """A durable sign of life with every running session's meter value."""
        running = [guard.keeper.running for guard in self.guards.values()]
        self.journal.heartbeat([kept for kept in running if kept is not None])


def _disarmed(guard: Guard) -> bool:
    """Whether the board itself says that its watchdog is off."""
    return guard.roles.board.watchdog_armed().value is False


def _known(device: Device) -> bool:
    """Whether a device has answered, or is silent, or sits on a line that is down."""
    down = device.bus.tried and not device.bus.up
    return device.heard_s is not None or device.silent or down
