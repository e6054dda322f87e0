"""The configuration once it has been checked; ranges stand in `tables.py`."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

RETRY_MIN_S, RETRY_MAX_S = 2.0, 900.0


class StationConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Who the charger is for the backend: OCPI party and static location data."""

    country_code: str
    party_id: str
    location_id: str
    address: str
    city: str
    country: str
    latitude: str
    longitude: str
    time_zone: str
    name: str | None = None
    postal_code: str | None = None
    currency: str = "SEK"
    publish: bool = True
    authorisation: str = "token"
    authorise_within_s: float = 5.0  # so long a person waits for a platform's word
    unknown_offline: str = "deny"  # … and what becomes of a card nobody knows while none answers
    supply: str = "tn-tt-230-400"
    calibration_law: str = "none"  # "eichrecht": only what the meter signed is billed
    site_meter: str | None = None  # the device that measures the whole site
    site_limit_a: float | None = None  # per phase
    unbalance_limit_a: float | None = None  # national limit of single-phase draw


class AgentConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the service itself runs."""

    state_directory: str = "/var/lib/laddvakt"
    api_socket: str = "/run/laddvakt/api.sock"
    log_level: str = "info"
    safety_period_s: float = 0.25
    tcp_safety_period_s: float = 0.2
    energy_period_s: float = 1.0
    session_report_s: float = 600.0
    resume_within_s: float = 900.0  # after a longer absence a session is closed; 0: always
    uplink_spread_s: float = 60.0  # after a lost supply the first request waits up to so long


class LineConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One serial line (`port`) or one Modbus TCP connection (`host`)."""

    name: str
    port: str | None = None
    baud: int = 9600
    format: str = "8N1"
    direction: Literal["none", "kernel", "rts"] = "none"
    rts_before_ms: float = 0.0
    rts_after_ms: float = 0.0
    rts_on_send: bool = True
    echo: bool | None = None  # whether the adapter hears itself; `None`: found out
    host: str | None = None
    tcp_port: int = 502
    framing: Literal["tcp", "rtu"] = "tcp"
    safety_period_s: float | None = None


class DeviceConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One Modbus device: where it is and which profile describes it."""

    name: str
    line: str
    unit: int
    profile: str


class ContactorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A contactor on a relay board; without this table the pilot board switches it."""

    device: str
    coil: int
    mirror_input: int | None = None


class OutputConfig(msgspec.Struct, frozen=True, kw_only=True):
    """An output of a relay board."""

    device: str
    coil: int
    mirror_input: int | None = None  # the contact that says where it stands


class InputConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A digital input."""

    device: str
    input: int


class RowPlace(NamedTuple):
    """A row of a device, perhaps turned round."""

    device: str
    row: str
    negated: bool


def row_of(place: str) -> RowPlace:
    """Where `[not ]device.row` points; device names may have dots, rows have none."""
    device, _, row = place.removeprefix("not ").rpartition(".")
    return RowPlace(device=device, row=row, negated=place.startswith("not "))


class ConnectorConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One connector: which devices play which role for it, and its limits."""

    id: str
    evse_uid: str
    evse_id: str
    board: str
    meter: str
    max_current_a: float
    physical_reference: str | None = None
    contactor: ContactorConfig | None = None
    emergency_stop: InputConfig | None = None
    residual_monitor: str | None = None
    residual_test: str | None = None  # "board": it tests the monitor that hangs on it
    readings: dict[str, str] = {}  # name of an input of the core → [not ]device.row
    lock: OutputConfig | None = None
    phase_switch: OutputConfig | None = None  # on: one phase
    phase_map: str = "L1L2L3"
    meter_behind_contactor: bool = False  # its supply comes from the load side
    neutral_rating_a: float | None = None
    safe_current_a: float | None = None
    unlock_on_supply_loss: bool = False
    lock_keeps_place: bool = False  # also without supply: a bolt driven by a motor, not a coil
    phases: int = 3
    nominal_voltage_v: float = 230.0
    unattended_current_a: float | None = None
    state_d_allowed: bool = False
    standard: str = "IEC_62196_T2"
    format: str = "SOCKET"

    def device_names(self) -> tuple[str, ...]:
        """Every device this connector depends on, each once."""
        named = [self.board, self.meter, self.residual_monitor]
        wired = (self.contactor, self.emergency_stop, self.lock, self.phase_switch)
        named += [part.device for part in wired if part]
        named += [row_of(place).device for place in self.readings.values()]
        return tuple(dict.fromkeys(name for name in named if name))


class TokenConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A token that may charge; its party defaults to the station's own."""

    uid: str
    contract_id: str
    type: str = "RFID"
    country_code: str | None = None
    party_id: str | None = None


class ReaderConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A card reader on a serial port of its own."""

    name: str
    port: str
    format: str  # see laddvakt_hal.card_formats
    baud: int = 9600
    reverse: bool = False  # its bytes come the other way round than the platforms write them
    connectors: tuple[str, ...] = ()  # that it stands at; none named: all


class TariffConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One OCPI tariff: in a file, or of a platform that is asked for it."""

    file: str | None = None
    uplink: str | None = None  # the platform's name …
    id: str | None = None  # … and its tariff
    connectors: tuple[str, ...] = ()  # that it holds for; none named: all


class TerminalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A payment terminal that stands here; known by its id, or by what is printed on it."""

    uplink: str  # the payment provider's platform
    id: str | None = None
    reference: str | None = None
    connectors: tuple[str, ...] = ()  # that it serves; none named: the whole location


class UplinkConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One OCPI platform: whom we tell, and in `platform` mode who may ask us.

    Device mode knows where to tell by URLs, or from the platform's versions.
    """

    mode: str
    name: str = "backend"
    versions_url: str | None = None  # theirs; where it is missing, they register with us
    locations: str | None = None
    sessions: str | None = None
    cdrs: str | None = None
    faults: str | None = None
    tariffs: str | None = None
    token_file: str | None = None  # platform mode: the initial token, until it is spent
    version: str | None = None  # only this one; else the newest both sides speak
    raw_token: bool = False
    hub: bool = False  # it may act for parties that it does not list
    explicit_nulls: bool = False
    long_strings: bool = False
    modules: tuple[str, ...] | None = None  # what is exchanged; `None`: everything there is
    needs: tuple[str, ...] = ("locations", "sessions", "cdrs")  # of theirs, or no agreement
    faults_module: bool = False  # it is agreed that the custom fault module is used
    country_code: str | None = None  # what we are called there, if not as the station is
    party_id: str | None = None
    to_country_code: str | None = None
    to_party_id: str | None = None
    retry_min_s: float = RETRY_MIN_S
    retry_max_s: float = RETRY_MAX_S
    request_timeout_s: float = 10.0


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where OCPI platforms may call us."""

    url: str  # as they reach us, without /ocpi
    host: str = "127.0.0.1"
    port: int = 8443
    certificate: str | None = None  # without: plain HTTP, for a relay on this machine
    key: str | None = None
    max_connections: int = 64
    max_requests_per_s: float = 20.0  # of one platform
    max_body_bytes: int = 262_144
    page_size: int = 50  # objects of one page of a list, at most


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file."""

    station: StationConfig
    line: tuple[LineConfig, ...]
    device: tuple[DeviceConfig, ...]
    connector: tuple[ConnectorConfig, ...]
    agent: AgentConfig = AgentConfig()
    token: tuple[TokenConfig, ...] = ()
    reader: tuple[ReaderConfig, ...] = ()
    tariff: tuple[TariffConfig, ...] = ()  # the first that holds for a session prices it
    terminal: tuple[TerminalConfig, ...] = ()
    uplink: tuple[UplinkConfig, ...] = ()  # a single table is one, too
    server: ServerConfig | None = None
    fault: dict[str, dict[str, float | str]] = {}
