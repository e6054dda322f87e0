"""Plant truth as the readings a hardware layer would give: what is silent keeps its last sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from lab.fitting import DEVICES, LINES
from lab.wires import Wires
from laddvakt_agent.core.inputs import (
    DeviceHealth,
    Inputs,
    Pilot,
    Proximity,
    Reset,
    Role,
    Sample,
    SelfTest,
    TestReply,
)
from laddvakt_agent.core.model import Outputs
from laddvakt_agent.core.scene import OPTIONAL_INPUTS
from laddvakt_agent.core.settings import Settings, Supply
from laddvakt_sim.charger import Charger
from laddvakt_sim.plant.connector import Connector
from laddvakt_sim.plant.plain import PlainBoard

DC_TRIP_A, AC_TRIP_A = 0.006, 0.030  # IEC 62955, IEC 61008
BANDS_OHM: Mapping[Proximity, tuple[float, float]] = {  # IEC 61851-1 Table B.2
    Proximity.CABLE_13_A: (1_100.0, 2_460.0),
    Proximity.CABLE_20_A: (400.0, 936.0),
    Proximity.CABLE_32_A: (164.0, 308.0),
    Proximity.CABLE_63_A: (80.0, 140.0),
}
PILOTS: Mapping[str, Pilot] = {pilot.value: pilot for pilot in Pilot}
RESIDUAL_TEST_S = 5.0
DEAD_MAN_S = 2.0  # an output that nobody renews falls open
BOARD_REPLIES_S = 0.5  # from power back to a board that answers

Look = Callable[["Reader"], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What people want of the connector now."""

    authorised: bool = False
    in_service: bool = True
    resets: frozenset[Reset] = frozenset()


@dataclass(slots=True, kw_only=True)
class Reader:
    """Reads one connector of the plant for the core, and carries its commands to the plant."""

    settings: Settings
    charger: Charger
    wires: Wires
    samples: dict[str, Sample[object]] = field(default_factory=dict)
    heard_s: dict[str, float] = field(default_factory=dict)
    first_serial: int | None = None
    testing_since_s: float | None = None
    obeyed_s: float = 0.0  # when the contactor's device was last reached
    boots: int = 0  # power cycles of the board
    _looks: dict[str, tuple[tuple[str, Look], ...]] = field(default_factory=dict)
    _was_dead: bool = False

    def __post_init__(self) -> None:
        roles = DEVICES[self.settings.connector]
        for role, looks in LOOKS.items():
            fitted = tuple((name, look) for name, look in looks.items() if self._fitted(name))
            self._looks[roles[role]] = (*self._looks.get(roles[role], ()), *fitted)

    @property
    def plant(self) -> Connector:
        """The connector's physics."""
        return self.charger.connectors[self.settings.connector]

    @property
    def board(self) -> PlainBoard:
        """The connector's pilot board."""
        return self.charger.board(self.settings.connector)

    def read(self, now_s: float, wishes: Wishes) -> Inputs:
        """Everything one step may know now; the wires have been looked at for this moment."""
        wires, samples = self.wires, self.samples
        for device, looks in self._looks.items():
            self._power(device)
            if device in wires.silent or device in wires.missed:
                continue
            self.heard_s[device] = now_s
            for name, look in looks:
                value = look(self)
                if value is None:
                    samples.pop(name, None)
                else:
                    samples[name] = Sample(value=value, taken_s=now_s)
        if "site_current_a" in self.settings.fitted:
            shown = self.charger.site_meter.shown
            samples["site_current_a"] = Sample(value=shown.current_a, taken_s=now_s)
            samples["site_voltage_v"] = Sample(value=shown.voltage_v, taken_s=now_s)
        lines = dict.fromkeys(LINES[name] for name in DEVICES[self.settings.connector].values())
        return Inputs(
            **samples,  # type: ignore[arg-type]  # by the names of Inputs
            devices=tuple(self._health()),
            lines=tuple(wires.health(tuple(lines))),
            guarded=not self.plant.conditions.unguarded,
            tests=self._tests(now_s),
            authorised=wishes.authorised,
            in_service=wishes.in_service,
            resets=wishes.resets,
        )

    def command(self, now_s: float, outputs: Outputs) -> None:
        """Bring the hardware to what the core wants, as far as it can be reached."""
        roles = DEVICES[self.settings.connector]
        board, plant, silent = self.board, self.plant, self.wires.silent
        before = (board.close, board.limit_a, board.state_f)
        wrong = plant.conditions
        if roles["board"] not in silent:
            stuck_a, limit_a = wrong.stuck_limit_a, outputs.limit_a
            if stuck_a is not None and (limit_a > 0.0 or wrong.stuck_off):
                limit_a = max(limit_a, stuck_a)
            board.limit_a, board.state_f = limit_a, outputs.state_f
        if roles["contactor"] not in silent:
            board.close, self.obeyed_s = outputs.closed, now_s
            if self.settings.has_phase_switch:
                plant.phase_switch.want(now_s, phases=outputs.phases)
        elif now_s >= self.obeyed_s + DEAD_MAN_S and not wrong.unguarded:
            board.close = False
        if (board.close, board.limit_a, board.state_f) != before:
            self.charger.settle()

    def run_lock(self, now_s: float, *, locked: bool) -> None:
        """One run of the lock's motor."""
        if DEVICES[self.settings.connector]["board"] not in self.wires.silent:
            self.plant.lock.want(now_s, locked=locked)
            self.charger.settle()

    def let_go(self) -> None:
        """Nobody leads any longer: what has a dead-man falls open."""
        if not self.plant.conditions.unguarded:
            self.board.close, self.board.limit_a = False, 0.0
            self.charger.settle()

    def start_test(self, test: SelfTest, now_s: float) -> None:
        """The monitor begins to test itself."""
        if test is SelfTest.RESIDUAL:
            self.testing_since_s = now_s

    def _power(self, device: str) -> None:
        """A board that lost its supply begins anew when it is back."""
        if device != DEVICES[self.settings.connector]["board"]:
            return
        dead = any(
            fault.name == "power_lost"
            and fault.parameters.get("devices")
            and fault.touches(self.settings.connector)
            for fault in self.charger.faults
        )
        if self._was_dead and not dead:
            self.boots += 1
            self.board.limit_a = 0.0
        self._was_dead = dead

    def _tests(self, now_s: float) -> tuple[TestReply, ...]:
        since_s = self.testing_since_s
        if since_s is None:
            return ()
        passed = self.plant.residual_test() if now_s >= since_s + RESIDUAL_TEST_S else None
        return (TestReply(test=SelfTest.RESIDUAL, passed=passed, taken_s=now_s),)

    def _fitted(self, name: str) -> bool:
        settings = self.settings
        if name == "feedback_closed":
            return settings.has_feedback
        if name == "emergency_stop":
            return settings.has_emergency_stop
        if name in ("residual_dc_a", "residual_tripped"):
            return settings.has_residual_monitor
        return name not in OPTIONAL_INPUTS or name in settings.fitted

    def _health(self) -> Iterator[DeviceHealth]:
        settings, roles = self.settings, DEVICES[self.settings.connector]
        wrong = self.plant.conditions
        fitted = (True, True, True, settings.has_emergency_stop, settings.has_residual_monitor)
        for (role, place), there in zip(_ROLES, fitted, strict=True):
            if not there:
                continue
            name = roles[place]
            mismatch = role is Role.BOARD and wrong.board_firmware is not None
            yield DeviceHealth(
                name=name,
                role=role,
                line=LINES[name],
                heard_s=self.heard_s.get(name),
                mismatch=f"firmware {wrong.board_firmware}" if mismatch else "",
                replaced=self._replaced() if role is Role.METER else "",
            )

    def _replaced(self) -> str:
        serial = self.plant.meter.serial
        if self.first_serial is None:
            self.first_serial = serial
        return "" if serial == self.first_serial else f"serial {serial}, was {self.first_serial}"


_ROLES = (
    (Role.BOARD, "board"),
    (Role.METER, "meter"),
    (Role.CONTACTOR, "contactor"),
    (Role.EMERGENCY_STOP, "contactor"),
    (Role.RESIDUAL_MONITOR, "residual"),
)


def _errors(reader: Reader) -> tuple[str, ...]:
    bits = reader.plant.conditions.board_bits
    return tuple(f"bit{n}" for n in range(32) if bits >> n & 1) if bits else ()


def _proximity(reader: Reader) -> Proximity:
    ohm = reader.plant.proximity_ohm
    if ohm is None:
        return Proximity.ABSENT
    for proximity, (least, most) in BANDS_OHM.items():
        if least <= ohm <= most:
            return proximity
    return Proximity.INVALID


def _volts(reader: Reader) -> object:
    plant, settings = reader.plant, reader.settings
    if settings.voltage_load_side:
        return plant.load_voltage_v()
    if settings.supply is Supply.IT_3X230:
        return plant.line_voltage_v()
    volts = plant.meter.shown.voltage_v
    return volts if settings.phases == 3 else (volts[0], None, None)


def _amps(reader: Reader) -> object:
    amps = reader.plant.meter.shown.current_a
    return amps if reader.settings.phases == 3 else (amps[0], None, None)


def _insulation(reader: Reader) -> bool:
    earth_v = reader.plant.earth_voltage_v()
    return min(earth_v) < 50.0 < max(earth_v)


def _tripped(reader: Reader) -> bool:
    dc_ma, ac_ma = reader.plant.monitored_ma()
    split = "residual_ac_tripped" in reader.settings.fitted
    return dc_ma >= 1e3 * DC_TRIP_A or (not split and ac_ma >= 1e3 * AC_TRIP_A)


LOOKS: Mapping[str, Mapping[str, Look]] = {  # device role → the readings it gives
    "board": {
        "pilot": lambda r: PILOTS[r.board.pilot.value],
        "pwm_on": lambda r: r.board.pwm_on,
        "limit_readback_a": lambda r: r.board.offered_a if r.board.pwm_on else 0.0,
        "board_errors": _errors,
        "board_boots": lambda r: len(r.plant.conditions.board_restarts) + r.boots,
        "diode_missing": lambda r: not r.plant.diode_present,
        "proximity": _proximity,
        "plug_partly_inserted": lambda r: r.plant.partly_inserted,
        "locked": lambda r: r.plant.lock.feedback,
        "latch_broken": lambda r: r.plant.latch_broken,
        "cable_cut": lambda r: r.plant.cable_cut,
        "enclosure_temp_c": lambda r: r.plant.enclosure_temp_c,
        "plug_temp_c": lambda r: r.plant.plug_temp_c,
    },
    "meter": {
        "voltage_v": _volts,
        "earth_voltage_v": lambda r: r.plant.earth_voltage_v(),
        "current_a": _amps,
        "neutral_a": lambda r: r.plant.meter.shown.neutral_a,
        "power_w": lambda r: sum(r.plant.meter.shown.power_w),
        "energy_wh": lambda r: r.plant.meter.shown.energy_wh,
        "frequency_hz": lambda r: r.plant.meter.shown.frequency_hz,
    },
    "contactor": {
        "feedback_closed": lambda r: r.plant.contactor.mirror_closed,
        "phases_closed": lambda r: r.plant.phase_switch.feedback,
        "emergency_stop": lambda r: r.charger.emergency_stop,
        "enclosure_open": lambda r: r.plant.door_open,
        "tilted": lambda r: r.plant.tilted,
        "water_inside": lambda r: r.plant.water_inside,
        "earth_missing": lambda r: not r.plant.earth_present,
        "insulation_fault": _insulation,
        "brown_out": lambda r: r.plant.brown_out,
    },
    "residual": {
        "residual_dc_a": lambda r: r.plant.monitored_ma()[0] / 1e3,
        "residual_ac_a": lambda r: r.plant.monitored_ma()[1] / 1e3,
        "residual_tripped": _tripped,
        "residual_ac_tripped": lambda r: r.plant.monitored_ma()[1] >= 1e3 * AC_TRIP_A,
    },
}
