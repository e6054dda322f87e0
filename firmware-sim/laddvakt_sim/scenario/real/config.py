"""The configuration of an agent that stands in a scenario's charger, on the simulated board."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from laddvakt_sim.scenario.model import Charger

TOKEN_UID = "04A1B2C3D4E5F6"  # the card that may charge

_STATION = """\
[station]
country_code = "SE"
party_id = "LAD"
location_id = "SCENARIO1"
name = "Laddvakt scenario"
address = "Provgatan 1"
city = "Stockholm"
postal_code = "11120"
country = "SWE"
latitude = "59.32930"
longitude = "18.06860"
time_zone = "Europe/Stockholm"
"""
_LINE1 = """\
[[line]]
name = "line1"
port = {line1}
baud = 9600
format = "8N1"
[[device]]
name = "evse1"
line = "line1"
unit = 1
profile = "simpleevse-wb-din"
[[device]]
name = "meter1"
line = "line1"
unit = 2
profile = "eastron-sdm72d-m-v2"
[[device]]
name = "relay1"
line = "line1"
unit = 3
profile = "waveshare-modbus-rtu-relay"
"""
_LINE2 = """\
[[line]]
name = "line2"
port = {line2}
baud = 19200
format = "8E1"
safety_period_s = 0.1
[[device]]
name = "rcm1"
line = "line2"
unit = 100
profile = "bender-rcmb300"
"""
_TCP1 = """\
[[line]]
name = "tcp1"
host = {tcp1_host}
tcp_port = {tcp1_port}
[[device]]
name = "charx1"
line = "tcp1"
unit = 255
profile = "phoenix-charx-sec"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where the other processes are; ports and folders as the agent must name them."""

    directory: Path
    line1: str
    line2: str
    tcp1_host: str
    tcp1_port: int
    endpoints: Mapping[str, str]  # of the backend, by module

    @property
    def socket_path(self) -> Path:
        """The agent's local API."""
        return self.directory / "api.sock"

    @property
    def token_file(self) -> Path:
        """The backend's token."""
        return self.directory / "token"


def configuration(charger: Charger, places: Places) -> str:
    """The agent's TOML: the board's devices, fitted as the scenario says, times at their defaults.

    The uplink tries again after 0.5 to 2 s, so that a scenario need not wait for it.
    """
    quoted = {name: _toml(getattr(places, name)) for name in ("line1", "line2", "tcp1_host")}
    parts = [
        _STATION + f'authorisation = "{charger.authorisation}"\n',
        _agent(places),
        _LINE1.format(**quoted),
    ]
    if "residual_monitor" in charger.fitted:
        parts.append(_LINE2.format(**quoted))
    if charger.connectors > 1:
        parts.append(_TCP1.format(**quoted, tcp1_port=places.tcp1_port))
    parts += [_connector(charger, name) for name in charger.names]
    parts.append(f'[[token]]\nuid = "{TOKEN_UID}"\ncontract_id = "SE-LAD-C00000001-X"\n')
    parts.append(_uplink(places))
    for code, settings in charger.fault_settings.items():
        rows = (f"{_toml(key)} = {_toml(value)}\n" for key, value in settings.items())
        parts.append(f"[fault.{code}]\n{''.join(rows)}")
    return "\n".join(parts)


def _agent(places: Places) -> str:
    state = _toml(str(places.directory / "state"))
    socket_path = _toml(str(places.socket_path))
    return f"[agent]\nstate_directory = {state}\napi_socket = {socket_path}\n"


def _connector(charger: Charger, name: str) -> str:
    stop = 'emergency_stop = { device = "relay1", input = 1 }\n'
    own = {"1": _first(charger), "2": 'board = "charx1"\nmeter = "charx1"\n'}[name]
    return (
        f'[[connector]]\nid = "{name}"\nevse_uid = "SCENARIO1-{name}"\n'
        f'evse_id = "SE*LAD*ESCENARIO{name}"\n{own}'
        f"{stop if 'emergency_stop' in charger.fitted else ''}"
        f"max_current_a = {charger.max_current_a!r}\nphases = {charger.phases}\n"
        f"state_d_allowed = {_toml(charger.state_d_allowed)}\n"
        f"{_unattended(charger)}"
    )


def _first(charger: Charger) -> str:
    mirror = ", mirror_input = 0" if "feedback" in charger.fitted else ""
    monitor = 'residual_monitor = "rcm1"\n' if "residual_monitor" in charger.fitted else ""
    contactor = f'contactor = {{ device = "relay1", coil = 0{mirror} }}\n'
    return f'board = "evse1"\nmeter = "meter1"\n{contactor}{monitor}'


def _unattended(charger: Charger) -> str:
    limit_a = charger.unattended_current_a
    return "" if limit_a is None else f"unattended_current_a = {limit_a!r}\n"


def _uplink(places: Places) -> str:
    rows = "".join(f"{name} = {_toml(url)}\n" for name, url in places.endpoints.items())
    token = _toml(str(places.token_file))
    times = "retry_min_s = 0.5\nretry_max_s = 2.0\n"
    return f'[uplink]\nmode = "device"\n{rows}token_file = {token}\n{times}'


def _toml(value: object) -> str:
    # JSON's text is TOML's, but for the surrogate pairs JSON would make of an emoji.
    return json.dumps(value, ensure_ascii=False)
