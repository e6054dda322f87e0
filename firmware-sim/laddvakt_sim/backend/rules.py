"""What the specification demands beyond its tables: pure, every error names its field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.backend.enums import SESSION_ONLY_DIMENSIONS
from laddvakt_sim.backend.validate import Json, moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Half a unit of the fourth decimal, for each rounded summand.
_ROUNDING = 0.00005


def check_rules(class_name: str, body: dict[str, Json]) -> list[str]:
    """Violations of the rules in prose; expects a body its table has passed."""
    rules = {
        "Location": _location,
        "EVSE": _evse,
        "Session": _session,
        "CDR": _cdr,
        "Fault": _fault,
    }
    rule = rules.get(class_name)
    return [] if rule is None else list(rule(body))


def check_ids(body: dict[str, Json], expected: dict[str, str]) -> list[str]:
    """The ids of a body must be those of the URL; ids compare without case."""
    return [
        f"{name}: the URL says {url_id!r}, the body says {body[name]!r}"
        for name, url_id in expected.items()
        if name in body and str(body[name]).lower() != url_id.lower()
    ]


def check_update(before: dict[str, Json], after: dict[str, Json]) -> list[str]:
    """An update must be younger than what is kept; the same again is harmless.

    Session: a COMPLETED one is never modified again (mod_sessions, SessionStatus).
    """
    if before == after:
        return []
    if before.get("status") == "COMPLETED" and "start_date_time" in before:
        return ["status: the session is COMPLETED, it may not be modified"]
    old, new = moment(before.get("last_updated")), moment(after.get("last_updated"))
    if old is not None and new is not None and new <= old:
        return [
            f"last_updated: content differs, but {after['last_updated']} "
            f"is not later than {before['last_updated']}"
        ]
    return []


def _location(body: dict[str, Json]) -> Iterator[str]:
    if body["publish"] and body.get("publish_allowed_to"):
        yield "publish_allowed_to: only allowed when publish is false"
    yield from _not_younger(body, "evses", "uid")
    for number, evse in enumerate(_objects(body.get("evses"))):
        for problem in _evse(evse):
            yield f"evses[{number}].{problem}"


def _evse(body: dict[str, Json]) -> Iterator[str]:
    yield from _not_younger(body, "connectors", "id")


def _not_younger(body: dict[str, Json], children: str, key: str) -> Iterator[str]:
    """A child's change is its parent's change: mod_locations, GET List."""
    own = moment(body["last_updated"])
    seen: set[str] = set()
    for number, child in enumerate(_objects(body.get(children))):
        stamp = moment(child["last_updated"])
        if own is not None and stamp is not None and stamp > own:
            yield f"last_updated: older than that of {children}[{number}]"
        name = str(child[key]).lower()
        if name in seen:
            yield f"{children}[{number}].{key}: used twice"
        seen.add(name)


def _session(body: dict[str, Json]) -> Iterator[str]:
    start, end = moment(body["start_date_time"]), moment(body.get("end_date_time"))
    if body["status"] == "COMPLETED" and end is None:
        yield "end_date_time: a COMPLETED session has one"
    if start is not None and end is not None and end < start:
        yield "end_date_time: before start_date_time"
    periods = _objects(body.get("charging_periods"))
    yield from _ordered(periods, start, end)
    energy, count = _sum(periods, "ENERGY")
    excess = energy - _volume(body["kwh"])
    if count and excess > _ROUNDING * (count + 1):
        yield f"kwh: the charging periods add up to {energy:.4f}, more than {body['kwh']}"


def _cdr(body: dict[str, Json]) -> Iterator[str]:
    start, end = moment(body["start_date_time"]), moment(body["end_date_time"])
    if start is not None and end is not None and end < start:
        yield "end_date_time: before start_date_time"
    periods = _objects(body["charging_periods"])
    for number, period in enumerate(periods):
        for dimension in _objects(period["dimensions"]):
            if dimension["type"] in SESSION_ONLY_DIMENSIONS:
                yield f"charging_periods[{number}]: {dimension['type']} is for sessions only"
    yield from _ordered(periods, start, end)
    if periods and moment(periods[0]["start_date_time"]) != start:
        yield "charging_periods[0].start_date_time: the periods must begin with the session"
    yield from _cdr_sums(body, periods)
    yield from _credit(body)


def _cdr_sums(body: dict[str, Json], periods: list[dict[str, Json]]) -> Iterator[str]:
    energy, count = _sum(periods, "ENERGY")
    if count and abs(energy - _volume(body["total_energy"])) > _ROUNDING * (count + 1):
        yield f"total_energy: the charging periods add up to {energy:.4f}"
    charging, charges = _sum(periods, "TIME")
    parking, parks = _sum(periods, "PARKING_TIME")
    slack = _ROUNDING * (charges + parks + 1)
    if charging + parking - _volume(body["total_time"]) > slack:
        yield f"total_time: the charging periods add up to {charging + parking:.4f}"


def _credit(body: dict[str, Json]) -> Iterator[str]:
    if body.get("credit"):
        if body.get("credit_reference_id") is None:
            yield "credit_reference_id: required in a credit CDR"
    elif len(str(body["id"])) > 36:
        yield "id: at most 36 characters are allowed unless it is a credit CDR"


def _fault(body: dict[str, Json]) -> Iterator[str]:
    start, end = moment(body["started_at"]), moment(body.get("cleared_at"))
    if start is not None and end is not None and end < start:
        yield "cleared_at: before started_at"


def _ordered(
    periods: list[dict[str, Json]], start: datetime | None, end: datetime | None
) -> Iterator[str]:
    previous = start
    for number, period in enumerate(periods):
        begun = moment(period["start_date_time"])
        if begun is None or previous is None:
            continue
        if begun < previous:
            yield f"charging_periods[{number}].start_date_time: not in order"
        if end is not None and begun > end:
            yield f"charging_periods[{number}].start_date_time: after the end"
        previous = begun


def _sum(periods: list[dict[str, Json]], dimension_type: str) -> tuple[float, int]:
    volumes = [
        _volume(dimension["volume"])
        for period in periods
        for dimension in _objects(period["dimensions"])
        if dimension["type"] == dimension_type
    ]
    return sum(volumes), len(volumes)


def _volume(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _objects(value: Json) -> list[dict[str, Json]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
