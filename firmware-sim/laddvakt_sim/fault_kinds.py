"""The names of everything that can be injected, with their parameters."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONNECTORS = ("1", "2")
RTU_LINES = ("line1", "line2")
LINES = (*RTU_LINES, "tcp1")
DEVICES = ("evse1", "meter1", "relay1", "rcm1", "charx1")

Value = float | int | bool | str | tuple[int, ...]


class Target(enum.Enum):
    """What a fault is about."""

    CONNECTOR = "connector"  # must be named
    GRID = "grid"  # a connector, or all of them when none is named
    ELSEWHERE = "elsewhere"  # the station, a line or a device: named by its own parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A numeric parameter; `default` None means it may be absent."""

    least: float
    most: float
    default: float | None
    whole: bool = False
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the value, or raise ValueError with what is allowed."""
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        fits = number is not None and self.least <= number <= self.most
        if number is None or not fits or (self.whole and not isinstance(number, int)):
            raise ValueError(self.allowed())
        return number

    def allowed(self) -> str:
        """Say what is allowed."""
        return f"a {'whole ' if self.whole else ''}number {self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A parameter with a closed set of values."""

    values: tuple[str, ...]
    default: str | None
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the value, or raise ValueError with what is allowed."""
        if not isinstance(value, str) or value not in self.values:
            raise ValueError(self.allowed())
        return value

    def allowed(self) -> str:
        """Say what is allowed."""
        return "one of " + ", ".join(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A yes/no parameter."""

    default: bool
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the value, or raise ValueError with what is allowed."""
        if value is True or value is False:
            return bool(value)
        raise ValueError(self.allowed())

    def allowed(self) -> str:
        """Say what is allowed."""
        return "true or false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indices:
    """A list of positions, counted from 1."""

    most: int = 1_000_000
    default: None = None
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the positions in order, or raise ValueError with what is allowed."""
        if not isinstance(value, list) or not value:
            raise ValueError(self.allowed())
        for index in value:
            if type(index) is not int or not 1 <= index <= self.most:
                raise ValueError(self.allowed())
        return tuple(sorted(set(value)))

    def allowed(self) -> str:
        """Say what is allowed."""
        return f"a list of whole numbers from 1 to {self.most}, such as [1, 4]"


Parameter = Number | Choice | Flag | Indices


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault."""

    about: str
    target: Target = Target.CONNECTOR
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()  # at most one of these may be given


_LINE = Choice(values=LINES, default=None, required=True)
_RTU_LINE = Choice(values=RTU_LINES, default=None, required=True)
_BITS = Number(least=1, most=0xFFFFFFFF, default=1 << 7, whole=True)

KINDS: Mapping[str, Kind] = {
    "residual_current_dc": Kind(
        about="DC leakage; without `always` it flows only while the contactor is closed",
        parameters={
            "ma": Number(least=0, most=300, default=8.0),
            "always": Flag(default=False),
        },
    ),
    "contactor_welded": Kind(
        about="main contacts stay closed once closed; `shut`: they close now by themselves",
        parameters={"shut": Flag(default=False)},
    ),
    "contactor_did_not_close": Kind(about="coil broken"),
    "contactor_opened_alone": Kind(about="contacts fall open under an energised coil"),
    "over_current": Kind(
        about="vehicle draws more than offered",
        parameters={
            "factor": Number(least=1, most=5, default=1.25),
            "amps": Number(least=0, most=200, default=None),
        },
    ),
    "over_current_gross": Kind(
        about="vehicle draws far more than offered, at once",
        parameters={
            "factor": Number(least=1, most=5, default=2.0),
            "amps": Number(least=0, most=200, default=None),
        },
    ),
    "phase_lost": Kind(
        about="one phase without voltage",
        target=Target.GRID,
        parameters={"phase": Number(least=1, most=3, default=2, whole=True)},
    ),
    "power_lost": Kind(
        about="no voltage at all, contactor drops; `devices`: bus devices die too",
        target=Target.GRID,
        parameters={"devices": Flag(default=False)},
    ),
    "pilot_fault": Kind(
        about="pilot in E, F or outside every band",
        parameters={"state": Choice(values=("E", "F", "invalid"), default="E")},
    ),
    "vehicle_keeps_drawing": Kind(about="vehicle ignores PWM off"),
    "meter_lost": Kind(about="meter silent (connector 2: its whole device, they are one)"),
    "meter_frozen": Kind(about="meter answers, registers stand still"),
    "device_lost": Kind(
        about="one device silent",
        target=Target.ELSEWHERE,
        parameters={"device": Choice(values=DEVICES, default=None, required=True)},
    ),
    "bus_down": Kind(
        about="every device on a line silent", target=Target.ELSEWHERE, parameters={"line": _LINE}
    ),
    "emergency_stop": Kind(about="emergency-stop loop open", target=Target.ELSEWHERE),
    "board_error": Kind(about="error bits set at the board", parameters={"bits": _BITS}),
    "limit_not_obeyed": Kind(
        about="board stays at `amps` when less is written; `off`: even when 0 is written",
        parameters={
            "amps": Number(least=6, most=80, default=32, whole=True),
            "off": Flag(default=False),
        },
    ),
    "unguarded_board": Kind(
        about="connector 1: flash-on holds for ever; 2: watchdog registers take no value"
    ),
    "adapter_gone": Kind(
        about="the port vanishes; cleared: a new one under the same name",
        target=Target.ELSEWHERE,
        parameters={"line": _LINE},
    ),
    "late_reply": Kind(
        about="reply comes `delay_ms` after the request; `once` or every time",
        target=Target.ELSEWHERE,
        parameters={
            "line": _LINE,
            "unit": Number(least=1, most=255, default=None, whole=True, required=True),
            "delay_ms": Number(least=1, most=60_000, default=400),
            "once": Flag(default=True),
        },
    ),
    "crc_errors": Kind(
        about="this share of the replies comes damaged",
        target=Target.ELSEWHERE,
        parameters={
            "line": _RTU_LINE,
            "rate": Number(least=0, most=1, default=0.1),
            "seed": Number(least=0, most=2**31, default=1, whole=True),
        },
    ),
    "meter_drift": Kind(
        about="energy register counts this many times what flows",
        parameters={"factor": Number(least=0, most=10, default=1.05)},
    ),
}
