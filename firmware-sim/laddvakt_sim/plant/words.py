"""The words the plant shares: pilot states, what is wrong with a connector, what it is asked."""

from __future__ import annotations

import enum
from dataclasses import dataclass

Phases = tuple[float, float, float]

NO_PHASES: Phases = (0.0, 0.0, 0.0)


class Pilot(enum.Enum):
    """Vehicle state on the control pilot, IEC 61851-1 Annex A; `INVALID` is outside every band."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    INVALID = "invalid"

    @property
    def asks(self) -> bool:
        """True in C and D: the vehicle wants current."""
        return self in (Pilot.C, Pilot.D)


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSpec:
    """A vehicle as the control API describes it.

    `stop_s` is the time from PWM off to no current, `demand_wh` None means it never gets full.
    """

    phases: int = 3
    max_current_a: float = 16.0
    demand_wh: float | None = None
    obeys_pwm_off: bool = True
    wants_charge: bool = True
    ventilation: bool = False  # asks with state D
    stop_s: float = 1.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is wrong with one connector now; derived from the injected faults."""

    welded: bool = False  # main contacts cannot open once they are closed
    weld_shut: bool = False  # … and close at once by themselves
    coil_broken: bool = False
    drops_out: bool = False  # contacts fall open under an energised coil
    over_factor: float | None = None
    over_amps: float | None = None
    over_at_once: bool = False
    lost_phases: frozenset[int] = frozenset()
    power_lost: bool = False
    pilot_fault: Pilot | None = None
    keeps_drawing: bool = False
    residual_dc_ma: float = 0.0
    residual_always: bool = False  # flows with the contactor open too: the station itself leaks
    meter_frozen: bool = False
    meter_factor: float = 1.0
    board_bits: int = 0
    stuck_limit_a: float | None = None
    stuck_off: bool = False  # the limit 0 is not obeyed either
    unguarded: bool = False


HEALTHY = Conditions()
