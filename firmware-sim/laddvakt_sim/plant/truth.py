"""What is true at a connector now, whether a device can show it or not."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Protocol

from laddvakt_sim.plant import residual
from laddvakt_sim.plant.contactor import Contactor
from laddvakt_sim.plant.heat import ENCLOSURE_TAU_S, PLUG_TAU_S, Body
from laddvakt_sim.plant.lock import Lock, PhaseSwitch
from laddvakt_sim.plant.network import NOTHING, Leak, Terminal, Three, fed, source
from laddvakt_sim.plant.words import (
    HEALTHY,
    TIGHT,
    ClimateSpec,
    Conditions,
    GridSpec,
    Phases,
    Supply,
)

if TYPE_CHECKING:
    from laddvakt_sim.plant.vehicle import Vehicle

BROWN_OUT_SHARE = 0.7  # of the nominal voltage: where a control supply says that it fails
PROXIMITY_OHM = {13: 1500.0, 20: 680.0, 32: 220.0, 63: 100.0}  # by the cable's coding


class Site(Protocol):
    """What all connectors share."""

    grid: GridSpec
    wrong: Conditions
    climate: ClimateSpec

    def terminal(self, number: int) -> Terminal:
        """The supply terminals of a connector now."""
        ...

    def disturb(self) -> None:
        """Say that currents may be others from now on."""
        ...


class Truth:
    """Measurements nobody has to make: all of them are about now."""

    def __init__(self) -> None:
        self.site: Site = _Alone()
        self.number = 0  # its place on the site
        self.contactor = Contactor()
        self.phase_switch = PhaseSwitch()
        self.lock = Lock()
        self.vehicle: Vehicle | None = None
        self.conditions: Conditions = HEALTHY
        self.enclosure = Body(ClimateSpec().ambient_c, ENCLOSURE_TAU_S)
        self.plug_body = Body(ClimateSpec().ambient_c, PLUG_TAU_S)
        self._feed: tuple[object, object, object, Three] = (None, None, None, NOTHING)
        self._at_s = 0.0

    @property
    def feed_volts(self) -> Three:
        """What the source puts on this feed while nothing draws."""
        site, own = self.site, self.conditions
        known = self._feed
        if known[0] is not site.grid or known[1] is not site.wrong or known[2] is not own:
            mains = NOTHING if site.wrong.upstream_tripped else source(site.grid, site.wrong)
            self._feed = known = (site.grid, site.wrong, own, fed(site.grid, mains, own))
        return known[3]

    def voltage_v(self) -> Phases:
        """Line-side voltages to neutral; on IT to the star point."""
        terminal = self._terminal()
        first, second, third = (
            round(abs(volts - terminal.neutral_v), 9) if alive else 0.0
            for volts, alive in zip(terminal.volts, terminal.alive, strict=True)
        )
        return first, second, third

    def load_voltage_v(self) -> Phases:
        """Voltages behind the contactor and the phase switch."""
        closed = self._connected()
        first, second, third = (
            volts if line in closed else 0.0 for line, volts in enumerate(self.voltage_v())
        )
        return first, second, third

    def line_voltage_v(self) -> Phases:
        """L1-L2, L2-L3, L3-L1 on the line side."""
        first, second, third = self._terminal().volts
        if self.site.grid.supply is Supply.ONE:
            return 0.0, 0.0, 0.0
        return _size(first - second), _size(second - third), _size(third - first)

    def earth_voltage_v(self) -> Phases:
        """Each line to protective earth."""
        terminal = self._terminal()
        first, second, third = (
            _size(volts - terminal.earth_v) if alive else 0.0
            for volts, alive in zip(terminal.volts, terminal.alive, strict=True)
        )
        return first, second, third

    def current_a(self) -> Phases:
        """Phase currents now."""
        first, second, third = self._terminal().amps
        return _size(first), _size(second), _size(third)

    def neutral_a(self) -> float:
        """Current in the neutral; on IT there is none."""
        return _size(self._terminal().neutral_i)

    def power_w(self) -> float:
        """Power now, through the meter's place."""
        return self._terminal().metered_w

    @property
    def frequency_hz(self) -> float:
        """Frequency on the line side; 0 without voltage."""
        return self.frequency_at(self._terminal())

    def frequency_at(self, terminal: Terminal) -> float:
        """The same at given terminals."""
        if not any(terminal.alive):
            return 0.0
        own = self.conditions.frequency_hz or self.site.wrong.frequency_hz
        return self.site.grid.frequency_hz if own is None else own

    def residual_ma(self) -> tuple[float, float]:
        """Residual current now: (DC, AC) in milliampere."""
        mains, wrong = self.feed_volts, self.conditions
        if not (self.earth_present and any(mains)):
            return 0.0, 0.0
        parts = [residual.transient_ma(
            wrong, self._at_s, (self.contactor.opened_at_s, self.contactor.closed_at_s)
        )]  # fmt: skip
        parts.append(residual.faulty_ma(wrong, self._at_s, live=bool(self._live(mains))))
        line = self._first_line()
        if self.vehicle is not None and line in self._connected() and mains[line] != 0j:
            parts.append(residual.vehicle_ma(self.vehicle.spec, abs(mains[line])))
        return sum(dc for dc, _ in parts), sum(ac for _, ac in parts)

    def monitored_ma(self) -> tuple[float, float]:
        """What the residual-current monitor sees of it."""
        return self.residual_ma() if self.monitor_ok else (0.0, 0.0)

    @property
    def monitor_ok(self) -> bool:
        """Whether the residual-current monitor sees anything."""
        return not self.conditions.monitor_failed

    def residual_test(self) -> bool:
        """Result of the residual-current monitor's test."""
        return self.monitor_ok

    @property
    def temperature_c(self) -> float:
        """Truth about the enclosure."""
        return self.enclosure.temperature_c

    @property
    def plug_c(self) -> float:
        """Truth about the hottest contact of the plug."""
        return self.plug_body.temperature_c

    @property
    def enclosure_temp_c(self) -> float:
        """What the enclosure's sensor shows."""
        return self.temperature_c + self.conditions.enclosure_sensor_c

    @property
    def plug_temp_c(self) -> float:
        """What the plug's sensor shows."""
        return self.plug_c + self.conditions.plug_sensor_c

    @property
    def coil_share(self) -> float:
        """The coil's voltage as a share of what it should have; any phase can feed it."""
        return self.coil_share_at(self._terminal())

    def coil_share_at(self, terminal: Terminal) -> float:
        """The same at given terminals."""
        return terminal.coil_v / self.site.grid.nominal_v * self.conditions.coil_share

    @property
    def brown_out(self) -> bool:
        """What a brown-out input says."""
        return self.coil_share < BROWN_OUT_SHARE

    @property
    def earth_present(self) -> bool:
        """Whether there is a protective earth."""
        return not (self.conditions.earth_missing or self.site.wrong.earth_missing)

    @property
    def door_open(self) -> bool:
        """What the door contact says."""
        return self.conditions.door_open

    @property
    def tilted(self) -> bool:
        """What the tilt sensor says."""
        return self.conditions.tilted

    @property
    def water_inside(self) -> bool:
        """What the water sensor says."""
        return self.conditions.water_inside

    @property
    def latch_broken(self) -> bool:
        """What the tamper loop of the latch says."""
        return self.conditions.latch_broken

    @property
    def cable_cut(self) -> bool:
        """What the tamper loop of the cable says."""
        return self.conditions.cable_cut

    @property
    def partly_inserted(self) -> bool:
        """Whether a plug is there, but not home."""
        if self.vehicle is None:
            return False
        return self.conditions.partly_inserted or not self.vehicle.spec.fully_inserted

    @property
    def diode_present(self) -> bool:
        """Whether the negative half wave of the pilot is there."""
        if self.vehicle is None:
            return True
        return not (self.conditions.diode_missing or self.vehicle.spec.diode_missing)

    @property
    def proximity_ohm(self) -> float | None:
        """Resistance on the proximity contact; None: nothing there."""
        if self.vehicle is None:
            return None
        if self.conditions.proximity_ohm is not None:
            return self.conditions.proximity_ohm
        return PROXIMITY_OHM[self.vehicle.spec.cable_a]

    def _terminal(self) -> Terminal:
        return self.site.terminal(self.number)

    def _connected(self) -> frozenset[int]:
        """Conductors closed up to the plug: 0 to 2 the lines, 3 the neutral."""
        return _through(self.contactor.poles, self.phase_switch.phases)

    def _first_line(self) -> int:
        if self.vehicle is None or self.site.grid.supply is Supply.ONE:
            return 0
        return self.vehicle.spec.phase_map[0] - 1

    def _leak(self, now_s: float, mains: Three) -> Leak:
        """The leakage that takes power."""
        line, live = self._first_line(), self._live(mains)
        wrong, vehicle = self.conditions, self.vehicle
        tight = wrong.dc_leak is TIGHT and wrong.ac_leak is TIGHT
        if (tight and (vehicle is None or vehicle.spec.leak_ohm is None)) or not self.earth_present:
            return Leak(line, 0.0)
        ma = sum(residual.faulty_ma(wrong, now_s, live=bool(live)))
        if vehicle is not None and line in live:
            ma += residual.resistive_ma(vehicle.spec, abs(mains[line]))
        if line not in live:  # it leaks where there is voltage, behind the contactor first
            line = next((n for n in (*live, 0, 1, 2) if mains[n] != 0j), line)
        return Leak(line, ma / 1000.0)

    def _live(self, mains: Three) -> tuple[int, ...]:
        """The lines that are closed up to the plug and have voltage."""
        closed = self._connected()
        return tuple(n for n in range(3) if n in closed and mains[n] != 0j)


class _Alone:
    """No site at all: a connector that nobody has put anywhere has no voltage."""

    grid = GridSpec()
    wrong = HEALTHY
    climate = ClimateSpec()

    def terminal(self, number: int) -> Terminal:
        del number
        return Terminal()

    def disturb(self) -> None:
        """Nothing depends on it."""


@functools.cache
def _through(poles: tuple[bool, bool, bool, bool], phases: int) -> frozenset[int]:
    cut = () if phases == 3 else (1, 2)
    return frozenset(n for n, closed in enumerate(poles) if closed and n not in cut)


def _size(value: complex) -> float:
    # Rounded, so that 16 A along a phasor of length 0.9999999999999999 are 16 A.
    return round(abs(value), 9)
