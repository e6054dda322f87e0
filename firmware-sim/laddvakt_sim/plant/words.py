"""The words the plant shares: pilot states, vehicles, grid, climate, and what is wrong."""

from __future__ import annotations

import enum
from dataclasses import dataclass

Phases = tuple[float, float, float]

NO_PHASES: Phases = (0.0, 0.0, 0.0)
ALL_PHASES: Phases = (1.0, 1.0, 1.0)


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


class Supply(enum.Enum):
    """How the site is fed."""

    TN = "tn-tt-230-400"  # three phases and neutral
    IT = "it-tt-3x230"  # three phases, no neutral: only line to line counts
    ONE = "1ph"  # one phase and neutral


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSpec:
    """What the site is fed from.

    `nominal_v` is phase to neutral, on IT line to line. `supply_ohm` is one phase conductor of the
    common supply, `neutral_ohm` its neutral. `house_a` is what else draws on the site, per phase
    (on IT from that line to the star point), in phase with its voltage.
    """

    supply: Supply = Supply.TN
    nominal_v: float = 230.0
    frequency_hz: float = 50.0
    supply_ohm: float = 0.0
    neutral_ohm: float = 0.0
    house_a: Phases = NO_PHASES


@dataclass(frozen=True, slots=True, kw_only=True)
class ClimateSpec:
    """What surrounds the enclosure: air, and sun on it (W/m² on its front)."""

    ambient_c: float = 25.0
    sun_w: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSpec:
    """A vehicle as the control API describes it, its cable included.

    `stop_s` is the time from PWM off to no current, `demand_wh` None means it never gets full.
    `phase_map` names the line phase each of its phases hangs on. `wakes_by` is what a vehicle that
    has fallen asleep (`sleeps_after_s` without an offer) answers to: "pwm" any PWM, "pulse" PWM
    taken away and given again, "state_f" state F for 0.3 s, "never".
    """

    phases: int = 3
    max_current_a: float = 16.0
    demand_wh: float | None = None
    obeys_pwm_off: bool = True
    wants_charge: bool = True
    ventilation: bool = False  # asks with state D
    stop_s: float = 1.5
    obeys_limit: bool = True  # False: draws `max_current_a` whatever is offered
    min_current_a: float = 0.0  # draws nothing when less than this is offered
    ask_s: float = 0.8  # PWM on to S2 closed
    reaction_s: float = 0.5  # a new duty cycle to the first change of current
    ramp_a_per_s: float = 8.0
    taper_share: float = 0.15  # the last part of the demand is taken with falling current
    pause_every_s: float | None = None  # of charging; then it pauses for `pause_s`
    pause_s: float = 60.0
    pause_asks: bool = True  # while pausing it stays in C
    diode_missing: bool = False
    flaky_every_s: float | None = None  # the pilot jumps to `flaky_to` for `flaky_s`
    flaky_s: float = 0.2
    flaky_to: str = "B"
    asleep: bool = False
    sleeps_after_s: float | None = None
    wakes_by: str = "pwm"
    wake_s: float = 0.0  # from waking up to asking, beside `ask_s`
    phase_map: tuple[int, int, int] = (1, 2, 3)
    leak_dc_ma: float = 0.4  # what a healthy vehicle leaks; any monitor shows some
    leak_ac_ma: float = 0.9
    leak_ohm: float | None = None  # resistance from its first phase to earth
    contact_mohm: float = 0.3  # of each plug contact
    cable_a: int = 32  # coding of the cable: 13, 20, 32, 63
    fully_inserted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """A fault's current to earth; it grows along a straight line for `rise_s` from `from_s` on."""

    ma: float = 0.0
    always: bool = False  # flows with the contactor open too: the station itself leaks
    rise_s: float = 0.0
    from_s: float = 0.0


TIGHT = Leakage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is wrong with one connector now; derived from the injected faults."""

    # contactor
    welded: bool = False  # main contacts cannot open once they are closed
    weld_shut: bool = False  # … and close at once by themselves
    welded_poles: frozenset[int] = frozenset((1, 2, 3, 4))  # which of them; 4 is the neutral
    coil_broken: bool = False
    drops_out: bool = False  # contacts fall open under an energised coil
    coil_share: float = 1.0  # of the voltage the coil should have
    travel_s: float | None = None  # slow contacts
    bounces: int = 0  # at closing
    bounce_s: float = 0.002
    worn_share: float = 0.0  # wear it had before
    mirror_stuck: bool | None = None  # the mirror contact says this whatever the contacts do
    recloses: bool = False  # the board closes again by itself while the vehicle asks
    phase_switch_stuck: int | None = None  # 1 or 3: phases it leaves connected
    # vehicle and pilot
    over_factor: float | None = None
    over_amps: float | None = None
    over_at_once: bool = False
    pilot_fault: Pilot | None = None
    pilot_every_s: float | None = None  # it comes and goes: this often …
    pilot_for_s: float = 0.0  # … for so long
    pilot_from_s: float = 0.0
    diode_missing: bool = False
    ventilation: bool = False
    keeps_drawing: bool = False
    proximity_ohm: float | None = None  # another resistance than the cable's
    partly_inserted: bool = False
    lock: str | None = None  # stuck_open, stuck_locked, feedback_lost
    latch_broken: bool = False
    cable_cut: bool = False
    # grid
    voltage_share: Phases = ALL_PHASES  # sags and swells
    lost_phases: frozenset[int] = frozenset()
    power_lost: bool = False
    upstream_tripped: bool = False
    neutral_lost: bool = False
    frequency_hz: float | None = None
    loose_ohm: Phases = NO_PHASES  # in this connector's feed
    earth_fault_phase: int | None = None
    earth_missing: bool = False
    # residual current
    dc_leak: Leakage = TIGHT
    ac_leak: Leakage = TIGHT
    transient_dc_ma: float = 0.0  # for `transient_s` after each movement of the contactor
    transient_ac_ma: float = 0.0
    transient_s: float = 0.0
    monitor_failed: bool = False
    # heat
    extra_heat_w: float = 0.0
    contact_mohm: float | None = None  # of each plug contact, whatever the vehicle
    enclosure_sensor_c: float = 0.0  # added by a sensor that lies
    plug_sensor_c: float = 0.0
    # enclosure
    door_open: bool = False
    tilted: bool = False
    water_inside: bool = False
    # meter
    meter_frozen: bool = False
    meter_silent: bool = False
    meter_factor: float = 1.0
    meter_jumps: tuple[tuple[float, float], ...] = ()  # (when, Wh): each happens once
    meter_serial: int | None = None  # another meter …
    meter_start_wh: float = 0.0  # … whose register began here
    meter_reversed: bool = False
    meter_behind: bool = False  # fed from the load side of the contactor
    meter_ratio: float = 1.0  # of its current transformers
    meter_map: tuple[int, int, int] = (1, 2, 3)  # the phase each current transformer sits on
    meter_resolution_wh: float | None = None
    meter_update_s: float | None = None
    # board
    board_bits: int = 0
    board_restarts: tuple[float, ...] = ()  # when; each happens once
    board_firmware: int | None = None
    stuck_limit_a: float | None = None
    stuck_off: bool = False  # the limit 0 is not obeyed either
    unguarded: bool = False


HEALTHY = Conditions()
