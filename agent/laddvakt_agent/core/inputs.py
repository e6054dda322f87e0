"""What goes into one step: readings with their times, the devices' health, people's wishes.

Every type is frozen. Times are monotonic seconds (CLOCK_BOOTTIME) and are always passed in. A
missing reading is `None`, never 0. Units stand in the names.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

T_co = TypeVar("T_co", covariant=True)
Phases: TypeAlias = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample(Generic[T_co]):
    """A value and when the hardware said it."""

    value: T_co
    taken_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """A register value with the meter's own signature, for calibration law."""

    wh: float
    text: str  # all of it as the meter gave it, like "OCMF|{…}|{…}"
    encoding: str = "OCMF"
    public_key: str | None = None


class Pilot(enum.Enum):
    """Vehicle state on the control pilot, IEC 61851-1 Annex A; `INVALID` is outside every band."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"
    INVALID = "invalid"


class Proximity(enum.Enum):
    """What the resistor in the plug says, IEC 61851-1 Annex B; the value is the cable's ampere."""

    ABSENT = 0.0  # no plug in the socket
    CABLE_13_A = 13.0  # 1500 Ω
    CABLE_20_A = 20.0  # 680 Ω
    CABLE_32_A = 32.0  # 220 Ω
    CABLE_63_A = 63.0  # 100 Ω; 70 A single-phase
    INVALID = -1.0  # outside every band


class Role(enum.Enum):
    """What a device is for the connector."""

    BOARD = "board"
    METER = "meter"
    CONTACTOR = "contactor"
    RESIDUAL_MONITOR = "residual_monitor"
    EMERGENCY_STOP = "emergency_stop"  # the device that reads the loop


class Reset(enum.Enum):
    """Who clears a fault; a stronger one includes the weaker ones. Edges: true for one step."""

    MANUAL = 1  # a person, may be remote
    LOCAL = 2  # a person at the charger
    SERVICE = 3  # the service role after a passed test


class SelfTest(enum.Enum):
    """What the charger can test by itself; never by energising an unmated connector."""

    OPEN = "open"  # the contactor is open: mirror contact, load-side voltage, current
    RESIDUAL = "residual"  # the residual monitor's own test
    LOCK = "lock"  # the lock moves both ways and says so; only with nothing plugged
    PILOT = "pilot"  # the pilot is A at idle and its negative half is there


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReply:
    """What a device said about a test it was told to run. `passed` None: still running."""

    __test__ = False  # the name is the field's own; pytest shall not collect it

    test: SelfTest
    passed: bool | None
    taken_s: float
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHealth:
    """Whether a device answers, and whether it is the right one.

    `heard_s` is its last good reply, `None` before the first. The three texts are empty while
    nothing is wrong, else they are evidence.
    """

    name: str
    role: Role
    line: str
    heard_s: float | None
    mismatch: str = ""  # identity or firmware differs from the configuration
    replaced: str = ""  # another serial number than before
    serial: str | None = None  # as it says it itself; `None`: not read, or it has none
    uptime_s: float | None = None  # since its own start, as of `heard_s`, where it says so
    doubled: str = ""  # two devices seem to answer at its address


@dataclass(frozen=True, slots=True, kw_only=True)
class LineHealth:
    """Whether a line works: port there and at least one device on it answering."""

    name: str
    up: bool
    reason: str = ""  # "port missing", "every device silent"
    error_share: float | None = None  # broken replies in the last 5 minutes, 0…1
    broken_s: tuple[float, ...] = ()  # when bursts of broken replies began, the newest last


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkHealth:
    """How the backend can be reached. Times: since when, `None` while it is not so."""

    unreachable_since_s: float | None = None
    refused_since_s: float | None = None  # 401, 403, registration lost, 2xxx on state pushes
    certificate_since_s: float | None = None  # TLS verification failed
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """How the disk and the ledger on it do."""

    full: bool = False
    read_only: bool = False
    worn_share: float | None = None  # of the eMMC's life, 0…1
    damaged: str = ""  # why the ledger was set aside


class ClockState(enum.Enum):
    """Whether wall time can be trusted."""

    UNSET = "unset"  # never synchronised since boot, nothing to restore from
    RESTORED = "restored"  # not synchronised; not behind what was last written
    SYNCED = "synced"


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBudget:
    """What another connector has used up of a budget that the whole station has once."""

    code: str
    subject: str
    spent_s: tuple[float, ...]  # reclosures, monotonic seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Everything one step may know about one connector. Absent means `None`."""

    # Pilot board and socket.
    pilot: Sample[Pilot] | None = None
    pwm_on: Sample[bool] | None = None
    limit_readback_a: Sample[float] | None = None
    board_errors: Sample[tuple[str, ...]] | None = None
    board_boots: Sample[int] | None = None  # counts restarts
    board_uptime_s: Sample[float] | None = None
    diode_missing: Sample[bool] | None = None
    proximity: Sample[Proximity] | None = None
    plug_partly_inserted: Sample[bool] | None = None
    locked: Sample[bool] | None = None
    latch_broken: Sample[bool] | None = None
    cable_cut: Sample[bool] | None = None
    # Contactor and what protects people.
    feedback_closed: Sample[bool] | None = None  # mirror contact, None where none is fitted
    phases_closed: Sample[int] | None = None  # 1 or 3, where phases can be switched
    emergency_stop: Sample[bool] | None = None  # True: pressed (loop open)
    residual_dc_a: Sample[float] | None = None
    residual_ac_a: Sample[float] | None = None
    residual_tripped: Sample[bool] | None = None  # DC, or unsaid which
    residual_ac_tripped: Sample[bool] | None = None
    earth_missing: Sample[bool] | None = None
    insulation_fault: Sample[bool] | None = None  # insulation monitor on IT
    brown_out: Sample[bool] | None = None  # the supply's warning that it is about to go
    # Housing and heat.
    enclosure_open: Sample[bool] | None = None
    tilted: Sample[bool] | None = None
    water_inside: Sample[bool] | None = None
    enclosure_temp_c: Sample[float] | None = None
    plug_temp_c: Sample[float] | None = None
    # Meter. `voltage_v` are the pairs that count: L-N, on 3×230 V without neutral L-L.
    voltage_v: Sample[Phases] | None = None
    earth_voltage_v: Sample[Phases] | None = None  # L-PE
    current_a: Sample[Phases] | None = None
    neutral_a: Sample[float] | None = None
    power_w: Sample[float] | None = None
    energy_wh: Sample[float] | None = None
    signed: Sample[Signed] | None = None  # the register's newest signed value
    frequency_hz: Sample[float] | None = None
    # The site's own meter.
    site_voltage_v: Sample[Phases] | None = None
    site_current_a: Sample[Phases] | None = None
    # What the shell knows.
    devices: tuple[DeviceHealth, ...] = ()
    lines: tuple[LineHealth, ...] = ()
    uplink: UplinkHealth | None = None
    store: StoreHealth | None = None
    clock: ClockState | None = None
    clock_step_s: Sample[float] | None = None  # the last step of wall time
    configuration_error: str = ""  # why the newest configuration is not in force
    round_late_s: Sample[float] | None = (
        None  # the last control round that came late, and by how much
    )
    guarded: bool = False  # a watchdog or dead-man opens the contactor if the agent dies
    recorded: bool = True  # what faults locked or used up would be known after a restart
    tests: tuple[TestReply, ...] = ()
    shared: tuple[SharedBudget, ...] = ()  # of the station's other connectors
    # Wishes of people, backend and load management.
    authorised: bool = False  # a session is wanted: token accepted, not stopped
    session_unproved: bool = False  # one of before the start; nothing shows yet that it is the same
    session_found: str = ""  # what is made of it, as evidence
    in_service: bool = True  # False: the operator closed the connector, or its schedule did
    reserved: bool = False
    maintenance: bool = False  # a technician works here: an open door is no fault
    phases_wanted: int | None = None  # 1 or 3; None: all that are wired
    profile_limit_a: float | None = None  # charging profile of the backend
    load_limit_a: float | None = None  # load management
    unlock: bool = False  # somebody asks for the plug; an edge, true for one step
    tests_wanted: frozenset[SelfTest] = frozenset()  # on demand; an edge
    resets: frozenset[Reset] = frozenset()
