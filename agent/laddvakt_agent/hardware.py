"""Builds lines, devices and roles from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from laddvakt_agent.config import Config, ConnectorConfig, LineConfig
from laddvakt_agent.config.settings import OutputConfig, row_of
from laddvakt_agent.core.inputs import DeviceHealth, LineHealth, Role
from laddvakt_agent.inputs import URGENT, Roles
from laddvakt_agent.line_noise import LineNoise
from laddvakt_hal import adapters
from laddvakt_hal.boards import BoardContactor
from laddvakt_hal.bus import Bus, SerialSettings, TcpSettings
from laddvakt_hal.device import Device
from laddvakt_hal.plan import Periods
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality
from laddvakt_hal.relays import RelayContactor, RelayInput, RelayOutput
from laddvakt_hal.sensors import RowSensor
from laddvakt_hal.stats import DeviceStats

HOLD_S = 2.0  # dead-man time of a relay contactor: killed → open within 2.5 s


@dataclass(slots=True, kw_only=True)
class Hardware:
    """Every line with its devices, as configured."""

    buses: dict[str, Bus]
    devices: dict[str, Device]
    line_of: dict[str, str]
    pollers: dict[str, Poller]
    roles: dict[str, Roles]
    role_names: dict[str, dict[Role, str]]
    noise: dict[str, LineNoise] = field(default_factory=dict)

    def line_health(self, connector: str) -> tuple[LineHealth, ...]:
        """The lines one connector depends on."""
        names = {self.line_of[name] for name in self.role_names[connector].values()}
        return tuple(self._line(name) for name in sorted(names))

    def _line(self, name: str) -> LineHealth:
        bus, noise = self.buses[name], self.noise.setdefault(name, LineNoise())
        silent = bus.up and getattr(self.pollers[name], "all_silent", False)
        reason = "every device silent" if silent else "" if bus.up else bus.down_reason
        return LineHealth(
            name=name,
            up=bus.up and not silent,
            reason=reason,
            error_share=noise.share(),
            broken_s=noise.bursts_s,
        )

    def note_noise(self, now_s: float) -> None:
        """Take down how many replies came broken; cheap, to be called about once a second."""
        for name, bus in self.buses.items():
            self.noise.setdefault(name, LineNoise()).note(bus.stats.values(), now_s)

    def device_health(self, connector: str) -> tuple[DeviceHealth, ...]:
        """Each role of one connector with its device's last sign of life."""
        return tuple(self._device(name, role) for role, name in self.role_names[connector].items())

    def _device(self, name: str, role: Role) -> DeviceHealth:
        device = self.devices[name]
        other = device.identity_matches() is False
        stats = self.buses[self.line_of[name]].stats.get(device.unit)
        return DeviceHealth(
            name=name,
            role=role,
            line=self.line_of[name],
            heard_s=device.heard_s,
            mismatch=f"another model than {device.profile.id} answers" if other else "",
            replaced=_replaced(device),
            serial=_serial(device),
            doubled="" if stats is None else _doubled(stats),
        )

    def all_device_health(self) -> tuple[DeviceHealth, ...]:
        """Every device any connector depends on."""
        return tuple(health for name in self.role_names for health in self.device_health(name))

    def polled(self) -> frozenset[str]:
        """The devices that are read: those that play a role."""
        return frozenset(row.device for poller in self.pollers.values() for row in poller.plan)

    def polled_lines(self) -> tuple[str, ...]:
        """The lines on which something is read."""
        return tuple(name for name, poller in self.pollers.items() if poller.plan)

    def owners(self) -> dict[str, frozenset[str]]:
        """Which connectors depend on each device and on each line."""
        found: dict[str, frozenset[str]] = {}
        for connector, names in self.role_names.items():
            for device in names.values():
                for subject in (device, self.line_of[device]):
                    found[subject] = found.get(subject, frozenset()) | {connector}
        return found


def _serial(device: Device) -> str | None:
    """Its serial number, read since it was last silent; `None` while not, or without one."""
    meter, rows = device.profile.meter, device.profile.rows
    row = "serial" if meter is None or meter.serial is None else meter.serial
    if row not in rows:
        return None
    said = device.reading(row)
    return str(said.value) if said.quality is Quality.GOOD else None


def _replaced(device: Device) -> str:
    change = device.changed_identity
    if change is None:
        return ""
    return f"{change.quantity} was {change.before}, is {change.now}"


def _doubled(stats: DeviceStats) -> str:
    return next((text for text in stats.suspects() if "share one address" in text), "")


def build(
    config: Config, clock: Callable[[], float], on_update: Callable[[Device], None]
) -> Hardware:
    """Set everything up without touching a port yet.

    Raises:
        ProfileError: a device cannot play its role; the message says why.
    """
    buses = {line.name: Bus(line_settings(line), clock=clock) for line in config.line}
    devices = {
        part.name: Device(
            load_profile(part.profile), buses[part.line], part.unit, part.name, clock=clock
        )
        for part in config.device
    }
    roles = {part.id: _roles(part, devices, config) for part in config.connector}
    played = [role for part in roles.values() for role in part.all()]
    return Hardware(
        buses=buses,
        devices=devices,
        line_of={part.name: part.line for part in config.device},
        pollers={
            line.name: Poller(
                buses[line.name],
                adapters.watches(played, buses[line.name]),
                on_update,
                periods=_periods(config, line),
                clock=clock,
            )
            for line in config.line
        },
        roles=roles,
        role_names={part.id: _role_names(part) for part in config.connector},
    )


def line_settings(line: LineConfig) -> SerialSettings | TcpSettings:
    """Where a configured line is."""
    if line.port is None:
        return TcpSettings(
            name=line.name, host=line.host or "", port=line.tcp_port, framing=line.framing
        )
    return SerialSettings(
        name=line.name,
        port=line.port,
        baud=line.baud,
        parity=line.format[1],
        stop_bits=int(line.format[2]),
        direction=line.direction,
        rts_before_s=line.rts_before_ms / 1000,
        rts_after_s=line.rts_after_ms / 1000,
        rts_on_send=line.rts_on_send,
        echo=line.echo,
    )


def _periods(config: Config, line: LineConfig) -> Periods:
    agent = config.agent
    usual_s = agent.safety_period_s if line.port else agent.tcp_safety_period_s
    return Periods(
        safety_s=line.safety_period_s or usual_s,
        normal_s=agent.energy_period_s,
    )


def _roles(part: ConnectorConfig, devices: dict[str, Device], config: Config) -> Roles:
    monitor, stop, site = part.residual_monitor, part.emergency_stop, config.station.site_meter
    return Roles(
        board=adapters.board(devices[part.board]),
        meter=adapters.meter(devices[part.meter]),
        contactor=_contactor(part, devices),
        emergency_stop=adapters.digital_input(devices[stop.device], stop.input) if stop else None,
        residual_monitor=adapters.residual_monitor(devices[monitor]) if monitor else None,
        sensors=_sensors(part, devices),
        lock=_output(part.lock, devices),
        lock_contact=_contact(part.lock, devices),
        phase_switch=_output(part.phase_switch, devices),
        phase_contact=_contact(part.phase_switch, devices),
        site_meter=adapters.meter(devices[site]) if site else None,
    )


def _sensors(part: ConnectorConfig, devices: dict[str, Device]) -> dict[str, RowSensor]:
    places = {name: row_of(place) for name, place in part.readings.items()}
    return {
        name: adapters.sensor(
            devices[place.device], place.row, negated=place.negated, urgent=name in URGENT
        )
        for name, place in places.items()
    }


def _output(part: OutputConfig | None, devices: dict[str, Device]) -> RelayOutput | None:
    return None if part is None else adapters.relay_output(devices[part.device], part.coil)


def _contact(part: OutputConfig | None, devices: dict[str, Device]) -> RelayInput | None:
    if part is None or part.mirror_input is None:
        return None
    return adapters.digital_input(devices[part.device], part.mirror_input)


def _contactor(
    part: ConnectorConfig, devices: dict[str, Device]
) -> RelayContactor | BoardContactor:
    relay = part.contactor
    if relay is None:
        return adapters.board_contactor(devices[part.board])
    return adapters.relay_contactor(
        devices[relay.device], relay.coil, relay.mirror_input, hold_s=HOLD_S
    )


def _role_names(part: ConnectorConfig) -> dict[Role, str]:
    names = {
        Role.BOARD: part.board,
        Role.METER: part.meter,
        Role.CONTACTOR: part.contactor.device if part.contactor else None,
        Role.EMERGENCY_STOP: part.emergency_stop.device if part.emergency_stop else None,
        Role.RESIDUAL_MONITOR: part.residual_monitor,
    }
    return {role: name for role, name in names.items() if name is not None}
