"""Every configuration key: its type, its range and a hint for whoever got it wrong."""

from __future__ import annotations

from laddvakt_agent.config.schema import AnyTable, Key, Table, TableOrTables, Tables
from laddvakt_agent.inputs import SENSORS
from laddvakt_agent.uplink.version import Version
from laddvakt_hal.card_formats import FORMATS

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,35}"
_PATH = r"\S.*"
_URL = Key(pattern=r"https?://[^\s]+", hint="a http:// or https:// URL")
_REQUIRED_NAME = Key(required=True, pattern=_NAME, hint="letters, digits, . _ - ; at most 36")
_ROW = Key(
    pattern=r"(not )?[A-Za-z0-9][A-Za-z0-9_.\-]{0,35}\.[a-z0-9_]{1,60}",
    hint='a row of a device, like "meter1.frequency"; "not relay1.input_3" turns it round',
)


def _device_contact(kind: str) -> Table:
    return Table(
        keys={
            "device": _REQUIRED_NAME,
            kind: Key(kind=int, required=True, low=0, high=31),
            **({"mirror_input": Key(kind=int, low=0, high=31)} if kind == "coil" else {}),
        }
    )


STATION = Table(
    required=True,
    keys={
        "country_code": Key(required=True, pattern=r"[A-Za-z]{2}", hint="two letters, like SE"),
        "party_id": Key(required=True, pattern=r"[A-Za-z0-9]{3}", hint="three characters"),
        "location_id": Key(required=True, pattern=r"[!-~]{1,36}", hint="at most 36 characters"),
        "name": Key(),
        "address": Key(required=True, pattern=r".{1,45}", hint="at most 45 characters"),
        "city": Key(required=True, pattern=r".{1,45}", hint="at most 45 characters"),
        "postal_code": Key(pattern=r".{1,10}", hint="at most 10 characters"),
        "country": Key(required=True, pattern=r"[A-Z]{3}", hint="ISO 3166-1 alpha-3, like SWE"),
        "latitude": Key(
            required=True, pattern=r"-?[0-9]{1,2}\.[0-9]{5,7}", hint='text, like "59.32930"'
        ),
        "longitude": Key(
            required=True, pattern=r"-?[0-9]{1,3}\.[0-9]{5,7}", hint='text, like "18.06860"'
        ),
        "time_zone": Key(required=True, pattern=r"[A-Za-z_+\-/0-9]+", hint="like Europe/Stockholm"),
        "currency": Key(pattern=r"[A-Z]{3}", hint="ISO 4217, like SEK"),
        "publish": Key(kind=bool),
        "authorisation": Key(choices=("token", "free")),
        "authorise_within_s": Key(kind=float, low=1.0, high=8.0),
        "unknown_offline": Key(choices=("deny", "allow")),
        "calibration_law": Key(choices=("none", "eichrecht")),
        "supply": Key(choices=("tn-tt-230-400", "it-tt-3x230", "1ph")),
        "site_meter": Key(pattern=_NAME),
        "site_limit_a": Key(kind=float, low=6.0, high=1000.0),
        "unbalance_limit_a": Key(kind=float, low=6.0, high=250.0),
    },
)

AGENT = Table(
    keys={
        "state_directory": Key(pattern=_PATH, hint="where ledger.db lives"),
        "api_socket": Key(pattern=_PATH, hint="path of the Unix socket"),
        "log_level": Key(choices=("debug", "info", "warning", "error")),
        "safety_period_s": Key(kind=float, low=0.05, high=1.0),
        "tcp_safety_period_s": Key(kind=float, low=0.05, high=0.4),
        "energy_period_s": Key(kind=float, low=0.2, high=60.0),
        "session_report_s": Key(kind=float, low=5.0, high=3600.0),
        "resume_within_s": Key(
            kind=float, low=0.0, high=900.0, hint="seconds; 0 resumes no session after a restart"
        ),
        "uplink_spread_s": Key(
            kind=float, low=0.0, high=900.0, hint="seconds; 0: no wait after a lost supply"
        ),
    }
)

LINE = Table(
    keys={
        "name": _REQUIRED_NAME,
        "port": Key(pattern=_PATH, hint="serial device, like /dev/ttyUSB0"),
        "baud": Key(kind=int, low=1200, high=256000),
        "format": Key(choices=("8N1", "8E1", "8O1", "8N2")),
        "direction": Key(choices=("none", "kernel", "rts")),
        "rts_before_ms": Key(kind=float, low=0.0, high=100.0),
        "rts_after_ms": Key(kind=float, low=0.0, high=100.0),
        "rts_on_send": Key(kind=bool),
        "echo": Key(kind=bool),
        "host": Key(pattern=r"\S+", hint="a name or an address, for Modbus TCP"),
        "tcp_port": Key(kind=int, low=1, high=65535),
        "framing": Key(choices=("tcp", "rtu")),
        "safety_period_s": Key(kind=float, low=0.01, high=1.0),
    }
)

DEVICE = Table(
    keys={
        "name": _REQUIRED_NAME,
        "line": _REQUIRED_NAME,
        "unit": Key(kind=int, required=True, low=1, high=255),
        "profile": Key(required=True),
    }
)

CONNECTOR = Table(
    keys={
        "id": _REQUIRED_NAME,
        "evse_uid": _REQUIRED_NAME,
        "evse_id": Key(required=True, pattern=r"[!-~]{1,48}", hint="like SE*LAD*E1"),
        "physical_reference": Key(pattern=r".{1,16}", hint="at most 16 characters"),
        "board": _REQUIRED_NAME,
        "meter": _REQUIRED_NAME,
        "contactor": _device_contact("coil"),
        "emergency_stop": _device_contact("input"),
        "residual_monitor": Key(pattern=_NAME),
        "residual_test": Key(choices=("board",)),
        "readings": Table(keys={name: _ROW for name in sorted(SENSORS)}),
        "lock": _device_contact("coil"),
        "phase_switch": _device_contact("coil"),
        "phase_map": Key(choices=("L1", "L2", "L3", "L1L2L3", "L2L3L1", "L3L1L2")),
        "meter_behind_contactor": Key(kind=bool),
        "neutral_rating_a": Key(kind=float, low=6.0, high=250.0),
        "safe_current_a": Key(kind=float, low=6.0, high=80.0),
        "unlock_on_supply_loss": Key(kind=bool),
        "lock_keeps_place": Key(kind=bool),
        "max_current_a": Key(kind=float, required=True, low=6.0, high=80.0),
        "phases": Key(kind=int, choices=(1, 3)),
        "nominal_voltage_v": Key(kind=float, low=100.0, high=277.0),
        "unattended_current_a": Key(kind=float, low=6.0, high=80.0),
        "state_d_allowed": Key(kind=bool),
        "standard": Key(choices=("IEC_62196_T2", "IEC_62196_T1", "IEC_62196_T3C")),
        "format": Key(choices=("SOCKET", "CABLE")),
    }
)

TOKEN = Table(
    keys={
        "uid": Key(required=True, pattern=r"[!-~]{1,36}", hint="at most 36 characters"),
        "contract_id": Key(required=True, pattern=r"[!-~]{1,36}", hint="at most 36 characters"),
        "type": Key(choices=("RFID", "APP_USER", "OTHER", "AD_HOC_USER")),
        "country_code": Key(pattern=r"[A-Za-z]{2}"),
        "party_id": Key(pattern=r"[A-Za-z0-9]{3}"),
    }
)

READER = Table(
    keys={
        "name": _REQUIRED_NAME,
        "port": Key(required=True, pattern=_PATH, hint="serial device, like /dev/ttyUSB1"),
        "baud": Key(kind=int, low=1200, high=256000),
        "format": Key(required=True, choices=tuple(FORMATS)),
        "reverse": Key(kind=bool),
        "connectors": Key(kind=list),
    }
)

TARIFF = Table(
    keys={
        "file": Key(pattern=_PATH, hint="a file that holds one OCPI Tariff"),
        "uplink": Key(pattern=_NAME, hint="the name of an [[uplink]]"),
        "id": Key(pattern=r"[!-~]{1,36}", hint="at most 36 characters"),
        "connectors": Key(kind=list, hint='names of connectors, like ["1"]'),
    }
)

TERMINAL = Table(
    keys={
        "uplink": Key(required=True, pattern=_NAME, hint="the name of an [[uplink]]"),
        "id": Key(pattern=r"[!-~]{1,36}", hint="at most 36 characters"),
        "reference": Key(pattern=r"[ -~]{1,36}", hint="at most 36 characters, as printed on it"),
        "connectors": Key(kind=list, hint='names of connectors, like ["1"]'),
    }
)

NEEDED = ("locations", "sessions", "cdrs", "tariffs", "tokens")
MODULES = (*NEEDED, "commands", "chargingprofiles", "payments")

UPLINK = Table(
    keys={
        "name": Key(pattern=_NAME, hint="letters, digits, . _ - ; at most 36"),
        "mode": Key(required=True, choices=("device", "platform")),
        "versions_url": _URL,
        "locations": _URL,
        "sessions": _URL,
        "cdrs": _URL,
        "faults": _URL,
        "tariffs": _URL,
        "token_file": Key(pattern=_PATH, hint="a path; else a systemd credential"),
        "version": Key(choices=tuple(version.value for version in Version)),
        "raw_token": Key(kind=bool),
        "hub": Key(kind=bool),
        "explicit_nulls": Key(kind=bool),
        "long_strings": Key(kind=bool),
        "modules": Key(kind=list, choices=MODULES),
        "needs": Key(kind=list, choices=NEEDED),
        "faults_module": Key(kind=bool),
        "country_code": Key(pattern=r"[A-Za-z]{2}", hint="two letters, like SE"),
        "party_id": Key(pattern=r"[A-Za-z0-9]{3}", hint="three characters"),
        "to_country_code": Key(pattern=r"[A-Za-z]{2}"),
        "to_party_id": Key(pattern=r"[A-Za-z0-9]{3}"),
        "retry_min_s": Key(kind=float, low=0.1, high=60.0),
        "retry_max_s": Key(kind=float, low=0.5, high=3600.0),
        "request_timeout_s": Key(kind=float, low=0.5, high=120.0),
    }
)

SERVER = Table(
    keys={
        "url": Key(
            required=True,
            pattern=r"https?://[^\s]+",
            hint="how others reach us, like https://charger.example.com:8443",
        ),
        "host": Key(pattern=r"[0-9A-Fa-f.:]+", hint='an address of this machine, like "0.0.0.0"'),
        "port": Key(kind=int, low=1, high=65535),
        "certificate": Key(pattern=_PATH, hint="a PEM file with the whole chain"),
        "key": Key(pattern=_PATH, hint="a PEM file"),
        "max_connections": Key(kind=int, low=4, high=1000),
        "max_requests_per_s": Key(kind=float, low=1.0, high=1000.0),
        "max_body_bytes": Key(kind=int, low=16384, high=4194304),
        "page_size": Key(kind=int, low=1, high=500),
    }
)

ROOT = Table(
    keys={
        "station": STATION,
        "agent": AGENT,
        "line": Tables(each=LINE, required=True),
        "device": Tables(each=DEVICE, required=True),
        "connector": Tables(each=CONNECTOR, required=True),
        "token": Tables(each=TOKEN),
        "reader": Tables(each=READER),
        "tariff": Tables(each=TARIFF),
        "terminal": Tables(each=TERMINAL),
        "uplink": TableOrTables(each=UPLINK),
        "server": SERVER,
        "fault": AnyTable(),
    }
)
