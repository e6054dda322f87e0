"""What every detector may look at, and the words it answers with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.memory.all import Memory
from laddvakt_agent.core.recover.tracks import Finding
from laddvakt_agent.core.selftest import Tests
from laddvakt_agent.core.settings import Settings

AWAY = Finding(present=False)
UNKNOWN = Finding(present=None)
UNWATCHED = Finding(present=None, watched=False)

Found: TypeAlias = tuple[str, str, Finding]  # code, subject, finding

# Readings that not every charger has; `Settings.fitted` names those that this one gives.
OPTIONAL_INPUTS = frozenset(
    {
        "board_boots",
        "board_uptime_s",
        "brown_out",
        "cable_cut",
        "diode_missing",
        "earth_missing",
        "earth_voltage_v",
        "enclosure_open",
        "enclosure_temp_c",
        "frequency_hz",
        "insulation_fault",
        "latch_broken",
        "locked",
        "neutral_a",
        "phases_closed",
        "plug_partly_inserted",
        "plug_temp_c",
        "proximity",
        "residual_ac_a",
        "residual_ac_tripped",
        "site_current_a",
        "site_voltage_v",
        "tilted",
        "water_inside",
    }
)


@dataclass(frozen=True, slots=True)
class Scene:
    """All a detector may look at."""

    settings: Settings
    life: Life
    memory: Memory
    inputs: Inputs
    now_s: float
    tests: Tests = field(default_factory=Tests)


def found(present: bool | None, evidence: str) -> Finding:
    """What was seen, with one line of evidence."""
    return Finding(present=present, evidence=evidence)


def settling(s: Scene, settle_s: float) -> bool:
    """The last contactor command has not had this long to act."""
    return s.now_s < s.life.commanded_since_s + settle_s


def of_connector(settings: Settings) -> str:
    """The fault is about this connector."""
    return settings.connector


def of_meter(settings: Settings) -> str:
    """The fault is about the connector's meter."""
    return settings.meter_name


def of_station(_: Settings) -> str:
    """The fault is about the whole station; every connector sees the same one."""
    return "station"


def always(_: Settings) -> bool:
    """Fitted everywhere."""
    return True


def no_deadline(_: Scene) -> Iterator[float]:
    """Nothing in this detector changes by time alone, beside readings growing stale."""
    return iter(())


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One predicate: which fault about whom, the readings it judges by, and how.

    It is asked only where all its optional readings are fitted (`any_needed`: at least one) and
    `fitted` agrees. `due_s` gives the times at which its answer may change although nothing new is
    read.
    """

    code: str
    subject: Callable[[Settings], str]
    needs: tuple[str, ...]  # names of `Inputs` fields; none is judged by once it is stale
    look: Callable[[Scene], Finding]
    also: tuple[str, ...] = ()  # … and those it takes into account where they are given
    fitted: Callable[[Settings], bool] = always
    due_s: Callable[[Scene], Iterator[float]] = no_deadline
    any_needed: bool = False

    def applies(self, settings: Settings) -> bool:
        """Whether this connector has what it judges by."""
        optional = OPTIONAL_INPUTS.intersection(self.needs)
        given = optional & settings.fitted
        return (given == optional or (self.any_needed and bool(given))) and self.fitted(settings)
