"""What one key cannot say alone: names that must exist, things that may not be shared.

Works on data that may still be wrong elsewhere, so that every mistake is said in one run.
"""

from __future__ import annotations

import difflib
import math
import os
import zoneinfo
from collections.abc import Iterator, Mapping

from laddvakt_agent.config.raw import Row, is_number, rows, sub, text, whole
from laddvakt_agent.config.reader_checks import permit_checks
from laddvakt_agent.config.role_checks import Lookup, connector_checks, profiles_of
from laddvakt_agent.config.schema import Problem
from laddvakt_agent.config.server_checks import server_checks
from laddvakt_agent.config.tariff_checks import tariff_checks
from laddvakt_agent.config.terminal_checks import terminal_checks
from laddvakt_agent.config.uplink_checks import uplink_checks
from laddvakt_agent.core.faults import catalogue
from laddvakt_agent.core.faults.overrides import as_chosen

UNIT_MAX_SERIAL = 247  # Modbus over serial line V1.02: 248 to 255 are reserved


def cross_checks(data: Row, look_up: Lookup) -> Iterator[Problem]:
    """Every problem between keys, as far as `data` lets it be seen."""
    yield from permit_checks(data)
    yield from _station_checks(data)
    yield from _line_checks(data)
    yield from _device_checks(data, look_up)
    yield from _connector_names(data)
    yield from connector_checks(data, profiles_of(data, look_up))
    yield from uplink_checks(data)
    yield from server_checks(data)
    yield from tariff_checks(data)
    yield from terminal_checks(data)
    yield from _fault_checks(sub(data, "fault"))


def _station_checks(data: Row) -> Iterator[Problem]:
    station = sub(data, "station")
    for key, most in (("latitude", 90), ("longitude", 180)):
        written = text(station, key)
        degrees = _degrees(written)
        if degrees is not None and not -most <= degrees <= most:
            yield Problem(
                path=("station", key),
                message=f'station.{key} = "{written}" is outside -{most} to {most}',
            )
    zone = text(station, "time_zone")
    if zone is not None and not _zone_known(zone):
        near = difflib.get_close_matches(zone, zoneinfo.available_timezones(), n=1)
        meant = f": did you mean {near[0]}?" if near else ", like Europe/Stockholm"
        yield Problem(
            path=("station", "time_zone"), message=f"no time zone is called '{zone}'{meant}"
        )


def _degrees(written: str | None) -> float | None:
    try:
        degrees = float(written or "")
    except ValueError:
        return None  # its form is the schema's business
    return degrees if math.isfinite(degrees) else None


def _zone_known(name: str) -> bool:
    """Whether the machine knows the zone; one without a zone database believes every name."""
    return _loads(name) or not _loads("Etc/UTC")


def _loads(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: a folder, like Europe
        return False
    return True


_SERIAL_ONLY = (
    "baud",
    "format",
    "direction",
    "rts_before_ms",
    "rts_after_ms",
    "rts_on_send",
    "echo",
)
_TCP_ONLY = ("tcp_port", "framing")


def _line_checks(data: Row) -> Iterator[Problem]:
    yield from _unique(data, "line", "name")
    taken: dict[str, str] = {}
    for index, line in rows(data, "line"):
        name = text(line, "name") or f"number {index + 1}"
        if ("port" in line) == ("host" in line):
            yield Problem(
                path=("line", index),
                message=f"line {name}: give either port (serial) or host (Modbus TCP)",
            )
        else:
            yield from _out_of_place(index, name, line)
        port = text(line, "port")
        if not port:
            continue
        other = taken.setdefault(os.path.realpath(port), name)
        if other != name:
            yield Problem(
                path=("line", index, "port"),
                message=f"lines {other} and {name} share port {port}: "
                "make them one line, it takes many devices",
            )


def _out_of_place(index: int, name: str, line: Row) -> Iterator[Problem]:
    """Keys that mean nothing on this kind of line: somebody expects them to do something."""
    serial = "port" in line
    for key in _TCP_ONLY if serial else _SERIAL_ONLY:
        if key in line:
            kind, other = ("a serial", "host") if serial else ("a TCP", "port")
            yield Problem(
                path=("line", index, key),
                message=f"line {name}: {key} means nothing on {kind} line; "
                f"remove it, or give {other} instead",
            )


def _device_checks(data: Row, look_up: Lookup) -> Iterator[Problem]:
    lines = {text(line, "name"): line for _, line in rows(data, "line")}
    seen: dict[tuple[str, int], str] = {}
    yield from _unique(data, "device", "name")
    for index, device in rows(data, "device"):
        path = ("device", index)
        name = text(device, "name") or f"number {index + 1}"
        line, unit, profile = text(device, "line"), whole(device, "unit"), text(device, "profile")
        if line is not None and line not in lines and None not in lines:
            yield Problem(
                path=(*path, "line"),
                message=f"device {name}: no line is called '{line}'{_known(lines)}",
            )
        if profile is not None and isinstance(complaint := look_up(profile), str):
            yield Problem(path=(*path, "profile"), message=f"device {name}: {complaint}")
        if line is None or unit is None:
            continue
        other = seen.setdefault((line, unit), name)
        if other != name:
            yield Problem(
                path=(*path, "unit"),
                message=f"devices {other} and {name} share unit {unit} on one line",
            )
        if UNIT_MAX_SERIAL < unit <= 255 and "port" in lines.get(line, {}):
            yield Problem(
                path=(*path, "unit"),
                message=f"device {name}: unit {unit} is reserved on a serial line; "
                f"1 to {UNIT_MAX_SERIAL} are allowed",
            )


def _known(names: Mapping[str | None, object]) -> str:
    listed = ", ".join(name for name in names if name)
    return f"; there are: {listed}" if listed else ""


def _connector_names(data: Row) -> Iterator[Problem]:
    yield from _unique(data, "connector", "id")
    yield from _unique(data, "connector", "evse_uid")
    yield from _unique(data, "connector", "evse_id")


def _fault_checks(overrides: Row) -> Iterator[Problem]:
    numeric: dict[str, dict[str, object]] = {}
    for code, changes in overrides.items():
        rule = catalogue.CATALOGUE.get(code)
        if rule is None:
            yield Problem(path=("fault", code), message=_no_such_fault(code))
        if rule is None or not isinstance(changes, dict):
            continue
        ranges = as_chosen(rule, changes).ranges
        numeric[code] = {}
        for key, value in changes.items():
            if key in ranges and not is_number(value):
                yield Problem(
                    path=("fault", code, key),
                    message=f"fault.{code}.{key} must be a number, not {value!r}",
                )
            else:
                numeric[code][key] = value
    try:
        catalogue.with_overrides(numeric)
    except catalogue.OverrideError as error:
        for message in error.messages:
            place = message.split(":", 1)[0].split(".")
            yield Problem(path=("fault", *place), message=f"fault.{message}")


def _no_such_fault(code: str) -> str:
    near = difflib.get_close_matches(code, catalogue.CATALOGUE, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"fault.{code}: no such fault; {meant}All of them: laddvakt faults catalog"


def _unique(data: Row, table: str, key: str) -> Iterator[Problem]:
    """Names must differ; those of OCPI (evse_uid, evse_id) also without regard to case and `*`."""
    seen: set[str] = set()
    for index, row in rows(data, table):
        value = text(row, key)
        if value is None:
            continue
        same = value.casefold().replace("*", "") if key.startswith("evse") else value
        if same in seen:
            yield Problem(
                path=(table, index, key), message=f"{table} {key} '{value}' is used twice"
            )
        seen.add(same)
