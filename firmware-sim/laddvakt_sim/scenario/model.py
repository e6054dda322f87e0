"""What a scenario file says, as frozen types. Times are scenario seconds: 0 is its beginning."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from laddvakt_sim.plant.words import ClimateSpec, VehicleSpec
from laddvakt_sim.scenario.wishes import Maintenance, Profile, Reserve, Unlock, WantPhases

Plain: TypeAlias = float | int | bool | str
Words: TypeAlias = Mapping[str, object]


class Kind(enum.Enum):
    """How a scenario's faults are meant to be hard to see through."""

    SINGLE = "single"  # one cause
    COMPOUND = "compound"  # two causes at once
    CASCADING = "cascading"  # one cause that brings others along
    MISLEADING = "misleading"  # the first symptom points to something else
    BENIGN = "benign"  # nothing is wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Charger:
    """What stands there. `fault_settings`: by fault code, as in the agent's configuration.

    `unattended_current_a`: what a board that nothing guards may offer; None: no new session.
    """

    supply: str = "tn-tt-230-400"
    phases: int = 3
    max_current_a: float = 16.0
    connectors: int = 1
    voltage_side: str = "line"
    authorisation: str = "token"
    fitted: tuple[str, ...] = ("feedback", "emergency_stop", "residual_monitor")
    state_d_allowed: bool = False
    unattended_current_a: float | None = None
    climate: ClimateSpec = field(default_factory=ClimateSpec)
    fault_settings: Mapping[str, Mapping[str, Plain]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The connectors, "1" first."""
        return tuple(str(number) for number in range(1, self.connectors + 1))


# What can be done, one type each.


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    """A vehicle is put on a connector. `words` are those the file gave, `vehicle` has them all."""

    connector: str
    vehicle: VehicleSpec
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The plugged vehicle changes: only the words given."""

    connector: str
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplug:
    """The vehicle leaves, under load if need be."""

    connector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Somebody with a card authorises; `token` None is one the charger knows."""

    connector: str
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """The session is stopped."""

    connector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Somebody acknowledges; `by` is manual, local or service."""

    connector: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inject:
    """A fault begins. `parameters` are those the file gave; `body` is what `faults.parse` takes."""

    name: str
    connector: str | None = None
    parameters: Words = field(default_factory=dict)

    @property
    def body(self) -> dict[str, object]:
        """The fault as the control API takes it."""
        where = {} if self.connector is None else {"connector": self.connector}
        return {"name": self.name, **where, **self.parameters}


@dataclass(frozen=True, slots=True, kw_only=True)
class Clear:
    """Injected faults end: those of that name, connector and line; all where one is None."""

    name: str | None = None
    connector: str | None = None
    line: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dip:
    """The voltage of some phases is another share of nominal for so long."""

    share: float
    phases: tuple[int, ...] = (1, 2, 3)
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The supply changes; what is None stays as it is. Volt and hertz, phases counted from 1."""

    voltage_v: tuple[float, float, float] | None = None
    sag: Dip | None = None
    swell: Dip | None = None
    lost_phases: tuple[int, ...] | None = None
    neutral_lost: bool | None = None
    outage: bool | None = None
    frequency_hz: float | None = None
    supply_ohm: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Climate:
    """The weather changes; what is None stays as it is. `sun_w` is absorbed by the enclosure."""

    ambient_c: float | None = None
    sun_w: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartAgent:
    """The agent ends (`kill`: at once, without a word) and is started `away_s` later."""

    away_s: float = 0.0
    kill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The operator takes a connector out of service, or back in."""

    connector: str
    available: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What everything else on the site draws from now on, ampere per phase."""

    current_a: tuple[float, float, float]


Action: TypeAlias = (
    Plug
    | Change
    | Unplug
    | Start
    | Stop
    | Reset
    | Inject
    | Clear
    | Grid
    | Climate
    | RestartAgent
    | Service
    | Site
    | Maintenance
    | Unlock
    | Reserve
    | WantPhases
    | Profile
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Do:
    """One action of the timeline. `refused`: the agent is expected to refuse it."""

    line: int
    at_s: float
    action: Action
    what: str  # the action as the file has it, for people
    refused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A range, both ends included; None is open."""

    least: float | None = None
    most: float | None = None

    def holds(self, value: float) -> bool:
        """True when the value lies inside."""
        above = self.least is None or value >= self.least
        return above and (self.most is None or value <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class OcpiWish:
    """What a backend must have; counts are exact and of the whole station."""

    status: str | None = None
    sessions: int | None = None
    cdrs: int | None = None
    cdr_kwh: Span | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What must be seen, all of it at the same time; what is None or empty does not matter.

    `faults` and `no_fault` name codes; `cause` is the root cause named first, or "none".
    """

    faults: tuple[str, ...] = ()
    no_fault: tuple[str, ...] = ()
    no_faults: bool = False
    cause: str | None = None
    status: str | None = None
    state: str | None = None
    contactor_closed: bool | None = None
    limit_a: Span | None = None
    energy_wh: Span | None = None
    locked: bool | None = None
    ocpi: OcpiWish | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expect:
    """One expectation over `from_s` < t ≤ `until_s`.

    `always`: every observation in there must fulfil the wish; otherwise one is enough. Without a
    connector faults and causes are looked for anywhere at the station.
    """

    line: int
    from_s: float
    until_s: float
    always: bool
    connector: str | None
    wish: Wish
    what: str  # the wish as the file has it, for people


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The label for a diagnosis: the fault code of the real cause, or "none"."""

    cause: str
    subject: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A whole file, checked: `do` in order of time, everything within `duration_s`."""

    source: str
    name: str
    about: str
    kind: Kind
    seed: int
    duration_s: float
    charger: Charger
    do: tuple[Do, ...] = ()
    expect: tuple[Expect, ...] = ()
    truth: Truth | None = None
