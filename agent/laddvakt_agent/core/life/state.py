"""What is remembered of a connector beside its faults, and what its tables may look at."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Protocol

from laddvakt_agent.core.life.limits import Constraint, offer_a
from laddvakt_agent.core.life.phases import Poles
from laddvakt_agent.core.life.state_f import Told
from laddvakt_agent.core.life.wake import Wake
from laddvakt_agent.core.model import State
from laddvakt_agent.core.recover.tracks import Summary
from laddvakt_agent.core.settings import Settings


class Vehicle(enum.Enum):
    """What a fresh pilot reading says of the vehicle."""

    UNKNOWN = "unknown"  # no fresh reading
    ABSENT = "absent"  # A
    CONNECTED = "connected"  # B
    ASKING = "asking"  # C, or D where ventilation is provided
    VENTILATION = "ventilation"  # D where it is not
    BAD = "bad"  # E, F or outside every band


class Power(enum.Enum):
    """What the hardware is told; each comment says what is true in it."""

    OFF = "off"  # contactor open, PWM off
    OFFERED = "offered"  # contactor open, PWM on
    CLOSED = "closed"  # contactor closed, PWM on
    RAMPING = "ramping"  # contactor closed, PWM off, for RAMP_MAX_S at most


class Hold(enum.Enum):
    """Why the station offers nothing although a session goes on; the first that is true counts."""

    SUPPLY = "supply is lost"  # the plug shall be let go while there is power for the lock
    PROOF = "session of before the restart awaits its proof"
    STATE_F = "state F is shown"
    PHASES = "phases are switched"
    WAKING = "vehicle is woken"


class View(Protocol):
    """The readings as the tables see them."""

    @property
    def vehicle(self) -> Vehicle:
        """What the pilot says."""
        ...

    @property
    def complete(self) -> bool:
        """Everything that guards the connector was read at least once."""
        ...

    @property
    def ready(self) -> bool:
        """Guarded, everything that guards closing is fresh, the pilot read since the PWM is on."""
        ...

    @property
    def metered(self) -> bool:
        """The energy register is fresh: a session's first value would be known."""
        ...

    @property
    def unloaded(self) -> bool:
        """Fresh currents, all below 1 A."""
        ...

    @property
    def authorised(self) -> bool:
        """A session is wanted."""
        ...

    @property
    def in_service(self) -> bool:
        """The operator has not closed the connector."""
        ...

    @property
    def reserved(self) -> bool:
        """It is kept for somebody."""
        ...

    @property
    def unlock(self) -> bool:
        """Somebody asks for the plug: an edge."""
        ...

    @property
    def secured(self) -> bool:
        """The lock holds the plug and says so, or there is none."""
        ...

    @property
    def hold(self) -> Hold | None:
        """Why nothing may be offered."""
        ...

    @property
    def ceiling_a(self) -> float:
        """What everything but faults allows."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The connector without its faults. The last three fields explain, they decide nothing.

    What stands below `entered_s` belongs to automata of their own; the tables see of them no
    more than their `View` says.
    """

    state: State = State.UNAVAILABLE
    power: Power = Power.OFF
    read_once: bool = False
    plugged: bool = False  # as last known
    session: bool = False
    metered: bool = False  # the session's first register value is known
    over: bool = False  # a session has ended and the vehicle is still there
    rearmed: bool = False  # since then the authorisation was dropped once
    limit_a: float = 0.0
    limit_changed_s: float = 0.0
    past_limit_a: float = 0.0  # the highest offer before this one …
    past_until_s: float = 0.0  # … and when it ended
    commanded_since_s: float = 0.0  # last contactor command
    ramp_since_s: float = 0.0
    entered_s: float = 0.0  # in this state since
    phases: int = 3  # poles of the contactor that close, 1 or 3
    phases_since_s: float = 0.0  # they were switched then
    locked: bool = False  # what the lock was last told
    lock_since_s: float = 0.0  # … and when
    lock_tries: int = 0  # … how often in a row; 0: it obeyed
    lock_told: bool = False  # since the start
    lock_reason: str = ""
    poles: Poles = Poles.UNKNOWN
    phases_tried_s: float = 0.0
    wake: Wake = Wake.REST
    wake_since_s: float = 0.0
    wake_pulses: int = 0
    told: Told = Told.QUIET
    told_since_s: float = 0.0
    reserved: bool = False
    cable_a: float | None = None  # what the plugged cable carries, once read
    limits: tuple[Constraint, ...] = ()  # in their order; the lowest is offered
    reason: str = "started"
    power_reason: str = "started"

    @property
    def closed(self) -> bool:
        """The contactor is commanded closed."""
        return self.power in (Power.CLOSED, Power.RAMPING)

    @property
    def state_f(self) -> bool:
        """F is put on the pilot."""
        return self.told is Told.SHOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One step of the life, for the log."""

    before: State
    after: State
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trail:
    """What happened on the way: every state passed, sessions begun and ended."""

    moves: tuple[Move, ...] = ()
    begun: bool = False
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """All a guard may look at."""

    settings: Settings
    life: Life
    view: View
    faults: Summary
    now_s: float

    @property
    def offer_a(self) -> float:
        """What may be offered now; 0: nothing."""
        return offer_a(self.settings, self.view.ceiling_a, self.faults)
