"""What goes on whether the agent lives or not: plant, relays with their dead-man, people, clock.

The world's time never stops and never steps. The agent's own clocks are made from it: boot time
counts from the last boot, and the wall clock may be unset, late, or corrected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lab.acts import inject
from laddvakt_sim.charger import Charger, LockedError
from laddvakt_sim.plant.words import VehicleSpec

EPOCH = datetime(2027, 3, 1, 8, tzinfo=UTC)
START_S = 1000.0  # of a day, in the world's seconds
UNSET = datetime(1970, 1, 1, tzinfo=UTC)
HOLD_S = 2.0  # an output that nobody renews falls open
BOUNCE_S = 0.5  # from a dead coil to open poles
LOOK_S = 0.05  # while a dead agent's contactor is closed

Act = Callable[["World"], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens at a time of the world."""

    at_s: float
    act: Act


@dataclass(slots=True)
class Relay:
    """One contactor's output: closed until `until_s`, unless it is renewed."""

    until_s: float | None = None
    window: float | None = None  # since when its agent is dead, until it is open


@dataclass(slots=True)
class Asked:
    """What a person wants of the agent, tried until it is done or makes no sense any more."""

    connector: str
    verb: str
    body: dict[str, str]
    until_s: float


@dataclass(slots=True)
class Dials:
    """The controller's clocks, as the world sets them."""

    booted_s: float
    boot_number: int = 1
    wall_off_s: float = 0.0  # what the wall clock is ahead of the truth
    synced: bool = True


class World:
    """The charger with everybody around it."""

    def __init__(self, charger: Charger, events: list[Event], start_s: float) -> None:
        self.charger = charger
        self.events = sorted(events, key=lambda event: event.at_s)
        self.now_s = self.start_s = start_s  # until when everything has happened
        self.time: Callable[[], float] = lambda: self.now_s  # while the agent lives: its loop's
        self.dials = Dials(booted_s=start_s - 30.0)
        self.relays = {name: Relay() for name in charger.connectors}
        self.asked: list[Asked] = []
        self.vehicles = dict.fromkeys(charger.connectors, 0)  # how many were plugged so far
        self.backend_away: Callable[[bool], None] = lambda away: None
        self.backend_lossy: Callable[[float], None] = lambda share: None
        self.windows_s: list[float] = []  # from a kill to an open contactor
        self.wrongs: list[str] = []
        self.killed_s: float | None = None
        self.away = False

    # Time

    def add(self, event: Event) -> None:
        """Something more will happen."""
        self.events = sorted([*self.events, event], key=lambda one: one.at_s)

    def advance(self, to_s: float) -> None:
        """Let everything happen until then, in order."""
        while True:
            due_s = min([to_s, *self._dues()])
            if due_s > self.now_s:
                self.charger.advance(due_s)
                self.now_s = due_s
            self._fall_open()
            self._watch()
            while self.events and self.events[0].at_s <= self.now_s:
                self.events.pop(0).act(self)
            if due_s >= to_s:
                return

    def _dues(self) -> list[float]:
        dues = [relay.until_s for relay in self.relays.values() if relay.until_s is not None]
        if any(relay.window is not None for relay in self.relays.values()):
            dues.append(self.now_s + LOOK_S)
        return dues + [event.at_s for event in self.events[:1]]

    def _fall_open(self) -> None:
        for name, relay in self.relays.items():
            if relay.until_s is not None and relay.until_s <= self.now_s:
                relay.until_s = None
                self._set(name, closed=False)

    def _watch(self) -> None:
        """Measure how long a dead agent's contactor stays closed, and see that it falls."""
        if self.killed_s is None:
            return
        for name, relay in self.relays.items():
            if relay.window is None:
                continue
            if not self.charger.connectors[name].contactor.closed:
                self.windows_s.append(self.now_s - relay.window)
                relay.window = None
            elif self.now_s > self.killed_s + HOLD_S + BOUNCE_S and self.away:
                self.wrongs.append(f"connector {name}: closed past the dead-man's window")
                relay.window = None

    # The controller's outputs

    def hold(self, name: str) -> None:
        """Close, or stay closed for another while."""
        self.advance(self.time())
        self.relays[name].until_s = self.now_s + HOLD_S
        self._set(name, closed=True)

    def open(self, name: str) -> None:
        """Open now."""
        self.advance(self.time())
        self.relays[name].until_s = None
        self._set(name, closed=False)

    def offer(self, name: str, limit_a: float) -> None:
        """Set the current offered on the pilot."""
        self.advance(self.time())
        board = self.charger.board(name)
        if board.limit_a != limit_a:
            board.limit_a = limit_a
            self.charger.settle()

    def killed(self) -> None:
        """The agent is dead; its outputs stay as they are until their dead-man acts."""
        self.killed_s, self.away = self.now_s, True
        for name, relay in self.relays.items():
            if self.charger.connectors[name].contactor.closed:
                relay.window = self.now_s

    def powered_off(self) -> None:
        """The controller with its relays and boards is without supply."""
        self.away = True
        for name in self.relays:
            self.open(name)
            self.offer(name, 0.0)

    def _set(self, name: str, *, closed: bool) -> None:
        board = self.charger.board(name)
        if board.close is not closed:
            board.close = closed
            self.charger.settle()

    # People and things

    def energy_wh(self, name: str) -> float:
        """What really went through a connector so far."""
        return float(self.charger.connectors[name].energy_wh)

    def ask(self, connector: str, verb: str, within_s: float = 60.0, **body: str) -> None:
        """Somebody wants something of the agent."""
        self.asked.append(Asked(connector, verb, body, self.now_s + within_s))

    # The controller's clocks

    def boot_s(self) -> float:
        """CLOCK_BOOTTIME."""
        return self.time() - self.dials.booted_s

    def wall(self) -> datetime:
        """What the wall clock shows."""
        return EPOCH + timedelta(seconds=self.time() + self.dials.wall_off_s)

    def synced(self) -> bool:
        """Whether a time source has set it."""
        return self.dials.synced

    def boot_id(self) -> str:
        """Which boot this is."""
        return f"00000000-0000-4000-8000-{self.dials.boot_number:012d}"

    def reboot(self, *, clock_kept: bool) -> None:
        """Another boot has just begun; without a battery the wall clock begins in 1970."""
        self.dials.booted_s = self.time()
        self.dials.boot_number += 1
        if not clock_kept:
            self.unset_clock()

    def unset_clock(self) -> None:
        """The wall clock knows nothing."""
        true_s = (EPOCH - UNSET).total_seconds() + self.time()
        self.dials.wall_off_s, self.dials.synced = -true_s, False

    def sync_clock(self) -> None:
        """A time source sets the wall clock right."""
        self.dials.wall_off_s, self.dials.synced = 0.0, True


def plug(name: str, spec: VehicleSpec | None = None) -> Act:
    """A vehicle comes."""

    def act(world: World) -> None:
        world.vehicles[name] += 1
        world.charger.plug(name, spec or VehicleSpec(), world.now_s)

    return act


def unplug(name: str) -> Act:
    """It goes as soon as it can: whose plug is held shows the card again, and waits."""

    def act(world: World) -> None:
        try:
            world.charger.unplug(name, world.now_s)
        except LockedError:
            if not any(asked.connector == name for asked in world.asked):
                world.ask(name, "stop", within_s=12.0)
            world.add(Event(at_s=world.now_s + 2.0, act=act))

    return act


def ask(name: str, verb: str, within_s: float = 60.0, **body: str) -> Act:
    """Somebody wants something of the agent."""
    return lambda world: world.ask(name, verb, within_s, **body)


def fault(body: dict[str, object]) -> Act:
    """Something goes wrong in the plant or on its wires."""
    return lambda world: inject(world.charger, body, world.now_s)


def mended(name: str) -> Act:
    """It is right again."""

    def act(world: World) -> None:
        world.charger.clear(name, None, world.now_s)

    return act
