"""What the specification demands beyond its tables: pure, every error names its field."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_sim.backend.rules_billing import (
    cdr_rules,
    check_session_update,
    profile_rules,
    session_rules,
)
from laddvakt_sim.backend.validate import Json, moment, objects

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_rules(class_name: str, body: dict[str, Json]) -> list[str]:
    """Violations of the rules in prose; expects a body its table has passed."""
    rules = {
        "Location": _location,
        "EVSE": _evse,
        "Session": session_rules,
        "CDR": cdr_rules,
        "Fault": _fault,
        "Credentials": _credentials,
        "VersionDetails": _details,
        "ActiveChargingProfile": profile_rules,
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

    Sessions: see `check_session_update`. Locations: an EVSE is never deleted, it becomes REMOVED.
    """
    if before == after:
        return []
    if "start_date_time" in before and "status" in before:
        errors = check_session_update(before, after)
        if errors:
            return errors
    gone = _ids(before, "evses") - _ids(after, "evses")
    if gone:
        return [f"evses: {', '.join(sorted(gone))} missing, EVSEs are never deleted: REMOVED"]
    old, new = moment(before.get("last_updated")), moment(after.get("last_updated"))
    if old is not None and new is not None and new <= old:
        return [
            f"last_updated: content differs, but {after['last_updated']} "
            f"is not later than {before['last_updated']}"
        ]
    return []


def _ids(body: dict[str, Json], name: str) -> set[str]:
    return {str(item.get("uid")).lower() for item in objects(body.get(name))}


def _location(body: dict[str, Json]) -> Iterator[str]:
    if body["publish"] and body.get("publish_allowed_to"):
        yield "publish_allowed_to: only allowed when publish is false"
    yield from _not_younger(body, "evses", "uid")
    for number, evse in enumerate(objects(body.get("evses"))):
        for problem in _evse(evse):
            yield f"evses[{number}].{problem}"
    for number, token in enumerate(objects(body.get("publish_allowed_to"))):
        yield from _publish_token(token, f"publish_allowed_to[{number}]")
    hours = body.get("opening_times")
    if isinstance(hours, dict):
        yield from _hours(hours)
    yield from _parking(body)


def _publish_token(token: dict[str, Json], where: str) -> Iterator[str]:
    if not any(token.get(name) for name in ("uid", "visual_number", "group_id")):
        yield f"{where}: uid, visual_number or group_id is required"
    for name, needed in (("uid", "type"), ("visual_number", "issuer")):
        if token.get(name) and not token.get(needed):
            yield f"{where}.{needed}: required with {name}"


def _hours(hours: dict[str, Json]) -> Iterator[str]:
    regular = objects(hours.get("regular_hours"))
    if bool(hours["twentyfourseven"]) is bool(regular):
        yield "opening_times.regular_hours: required unless twentyfourseven, and only then"
    for number, day in enumerate(regular):
        if day["weekday"] not in range(1, 8):
            yield f"opening_times.regular_hours[{number}].weekday: 1 to 7 are allowed"
        if str(day["period_end"]) <= str(day["period_begin"]):
            yield f"opening_times.regular_hours[{number}].period_end: not after period_begin"


def _parking(body: dict[str, Json]) -> Iterator[str]:
    """An EVSE names parking places of its own Location."""
    places = {str(place.get("id")).lower() for place in objects(body.get("parking_places"))}
    for evse in objects(body.get("evses")):
        for place in objects(evse.get("parking")):
            if str(place.get("parking_id")).lower() not in places:
                yield f"evses: parking_id {place.get('parking_id')!r} is no parking place here"


def _evse(body: dict[str, Json]) -> Iterator[str]:
    yield from _not_younger(body, "connectors", "id")


def _not_younger(body: dict[str, Json], children: str, key: str) -> Iterator[str]:
    """A child's change is its parent's change: mod_locations, GET List."""
    own = moment(body["last_updated"])
    seen: set[str] = set()
    for number, child in enumerate(objects(body.get(children))):
        stamp = moment(child["last_updated"])
        if own is not None and stamp is not None and stamp > own:
            yield f"last_updated: older than that of {children}[{number}]"
        name = str(child[key]).lower()
        if name in seen:
            yield f"{children}[{number}].{key}: used twice"
        seen.add(name)


def _credentials(body: dict[str, Json]) -> Iterator[str]:
    seen: set[tuple[str, ...]] = set()
    for number, role in enumerate(objects(body["roles"])):
        key = tuple(str(role[name]).upper() for name in ("role", "country_code", "party_id"))
        if key in seen:
            yield f"roles[{number}]: {' '.join(key)} twice"
        seen.add(key)


def _details(body: dict[str, Json]) -> Iterator[str]:
    seen: set[tuple[Json, Json]] = set()
    for number, item in enumerate(objects(body["endpoints"])):
        key = (item["identifier"], item["role"])
        if key in seen:
            yield f"endpoints[{number}]: {key[0]} {key[1]} twice"
        seen.add(key)


def _fault(body: dict[str, Json]) -> Iterator[str]:
    start, end = moment(body["started_at"]), moment(body.get("cleared_at"))
    if start is not None and end is not None and end < start:
        yield "cleared_at: before started_at"
