"""How often each kind of commit happens in a day of charging, counted in virtual time.

Two connectors charge from midnight to midnight, eight sessions each, while things go wrong: leaks,
a meter that falls silent, an emergency stop, noise on the line, a hot terminal. The core, the book
of faults and the journal are the product's; what the journal asks of the ledger is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

from lab.agent import EPOCH
from lab.driver import Lab
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.model import (
    ContactorCommanded,
    LatchesChanged,
    SelfTestEnded,
    SessionBegun,
    SessionEnded,
)
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger import Ledger, LedgerThread
from laddvakt_agent.supervisor import HEARTBEAT_S
from laddvakt_agent.telemetry.recorder import BATCH_S
from laddvakt_agent.wall import Wall
from laddvakt_sim.scenario import Observed, loads, play
from laddvakt_sim.scenario.model import Action

DAY_S = 86_400
BURSTS = "bursts"  # of events: stretches of half a minute in which there were any
BURST_S = 30.0  # the kernel writes what is dirty so often
SESSIONS = 8
ACKS_OF_STATUS = 2  # in doubt before it is sent, confirmed after
ACKS_OF_SESSION = 2  # its first report and its last
ACKS_OF_CDR = 2
ACKS_OF_FAULT = 2  # raised, and cleared
REPAIR_S = 300.0  # until somebody has come and resets
SAVES_OF_SESSION = 3  # begun, its start value read, ended

# (hour, connector or the station, what happens, seconds until it is over)
TROUBLES = (
    (1.0, "1", '{ name = "residual_current_dc", ma = 8.0 }', 60),
    (4.2, "2", '{ name = "meter_lost" }', 90),
    (7.1, "", '{ name = "emergency_stop" }', 120),
    (10.4, "2", '{ name = "over_current", factor = 1.2 }', 120),
    (13.3, "1", '{ name = "extra_heat", watts = 240.0 }', 5400),
    (19.7, "2", '{ name = "meter_lost" }', 20),
)


_WRITTEN = (ContactorCommanded, LatchesChanged, SelfTestEnded, SessionBegun, SessionEnded)


class _Counted:
    """Stands where the ledger stands: every method exists, none does anything."""

    def __getattr__(self, name: str) -> Callable[..., None]:
        def call(*_args: object) -> None:
            """Nothing is written here."""

        call.__name__ = name
        return call


@dataclass(slots=True)
class _Thread:
    """Counts what is asked of the ledger, and when beside the signs of life."""

    now_s: Callable[[], float]
    asked: Counter[str] = field(default_factory=Counter)
    times_s: list[float] = field(default_factory=list)

    def post(self, fn: Callable[..., object], *_args: object) -> None:
        self.asked[fn.__name__] += 1
        self.times_s.append(self.now_s())

    def once(self, fn: Callable[..., object], *_args: object) -> None:
        self.asked[fn.__name__] += 1


def day(hours: float = 24.0) -> dict[str, int]:
    """How many commits of each kind of `wear_kinds` such a day has."""
    scenario = loads(_text(hours), source="a day of charging", codes=CATALOGUE)
    lab = Lab.of(scenario)
    thread = _Thread(lambda: lab.now_s)
    wall = Wall(wall_at=lambda boot_s: EPOCH + timedelta(seconds=boot_s))
    journal = Journal(
        ledger=cast("Ledger", _Counted()),
        thread=cast("LedgerThread", thread),
        wall=wall,
        boot_id="lab",
        now_s=lambda: lab.now_s,
        rules=CATALOGUE,
        publish_cdr=lambda _: None,
    )
    lab.book.save = journal.fault
    for keeper in lab.keepers.values():
        keeper.tells = []
    driver = _Beating(lab=lab, journal=journal)
    play(scenario, driver)
    return _kinds(lab, thread, driver.changes, hours)


@dataclass(slots=True, kw_only=True)
class _Beating:
    """The laboratory with the supervisor's sign of life; counts the statuses' changes."""

    lab: Lab
    journal: Journal
    changes: int = 0
    _known: dict[str, str | None] = field(default_factory=dict)
    _due_s: float = HEARTBEAT_S

    def advance(self, to_s: float, see: Callable[[Observed], None]) -> None:
        """As the laboratory, heartbeat by heartbeat."""

        def look(seen: Observed) -> None:
            for name, connector in seen.connectors.items():
                self.changes += self._known.get(name) != connector.status
                self._known[name] = connector.status
            see(seen)

        while self.lab.now_s < to_s:
            self.lab.advance(min(to_s, self._due_s), look)
            if self.lab.now_s >= self._due_s:
                self._due_s += HEARTBEAT_S
                self.journal.heartbeat([])

    def act(self, action: Action) -> str | None:
        """As the laboratory."""
        return self.lab.act(action)

    def observed(self) -> Observed:
        """As the laboratory."""
        return self.lab.observed()


def _kinds(lab: Lab, thread: _Thread, changes: int, hours: float) -> dict[str, int]:
    asked = thread.asked
    told = [
        (at_s, type(effect))
        for keeper in lab.keepers.values()
        for at_s, effect in keeper.tells or ()
        if isinstance(effect, _WRITTEN)
        and not (isinstance(effect, ContactorCommanded) and effect.closed)
    ]
    effects = Counter(kind for _, kind in told)
    bursts = {int(at_s // BURST_S) for at_s in (*thread.times_s, *(at_s for at_s, _ in told))}
    billed = [session for keeper in lab.keepers.values() for session in keeper.billed]
    periods = sum(len(session.periods) for session in billed)
    sessions, faults = effects[SessionBegun], asked["raise_fault"] + asked["update_fault"]
    return {
        "heartbeat": asked["heartbeat"],
        "telemetry": round(hours * 3600 / BATCH_S),
        "session": SAVES_OF_SESSION * sessions + periods,
        "bill": len(billed),
        "acknowledgement": ACKS_OF_STATUS * changes
        + ACKS_OF_SESSION * sessions
        + ACKS_OF_CDR * len(billed)
        + ACKS_OF_FAULT * asked["raise_fault"],
        "fault": faults,
        "status": changes,
        "latches": effects[LatchesChanged],
        "command": sessions + effects[SessionEnded],
        "contactor": effects[ContactorCommanded] + effects[SelfTestEnded],
        BURSTS: len(bursts),
    }


def _text(hours: float) -> str:
    told = [
        'schema = 1\nname = "charging-day"\nabout = "Charging all day, with troubles."',
        f'kind = "compound"\nduration_s = {hours * 3600:.1f}\n[charger]\nconnectors = 2',
    ]
    acts: list[tuple[float, str]] = []
    each_s = DAY_S / SESSIONS
    for name in ("1", "2"):
        for number in range(SESSIONS):
            at_s = number * each_s + (30.0 if name == "2" else 0.0)
            acts += [
                (at_s + 1.0, f'plug = {{ connector = "{name}" }}'),
                (at_s + 5.0, f'start = {{ connector = "{name}" }}'),
                (at_s + each_s - 120.0, f'stop = {{ connector = "{name}" }}'),
                (at_s + each_s - 60.0, f'unplug = {{ connector = "{name}" }}'),
            ]
    for hour, name, body, lasts_s in TROUBLES:
        of = f'{{ connector = "{name}", ' if name else "{ "
        fault = body.replace("{ ", of, 1)
        cleared = body.split(",")[0].rstrip(" }").replace("{ ", of, 1) + " }"
        acts += [(hour * 3600, f"inject = {fault}"), (hour * 3600 + lasts_s, f"clear = {cleared}")]
        resets = [f'reset = {{ connector = "{n}", by = "service" }}' for n in name or "12"]
        acts += [(hour * 3600 + lasts_s + REPAIR_S, reset) for reset in resets]
    for at_s, act in sorted(acts):
        if at_s < hours * 3600:
            told.append(f"[[do]]\nat_s = {at_s:.1f}\n{act}")
    told.append('[truth]\ncause = "residual_current_dc"\nsubject = "1"')
    return "\n".join(told) + "\n"
