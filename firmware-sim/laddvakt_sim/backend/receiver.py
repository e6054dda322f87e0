"""What the receiver does with a parsed request of each module: validate, keep, answer.

No HTTP here: a request is method, URL segments and body; an answer is a status and an envelope.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from laddvakt_sim.backend.answer import Answer, refused
from laddvakt_sim.backend.rules import check_ids, check_rules, check_update
from laddvakt_sim.backend.rules_billing import check_credit
from laddvakt_sim.backend.spec import DEFAULT_VERSION
from laddvakt_sim.backend.validate import Json, check, moment

if TYPE_CHECKING:
    from laddvakt_sim.backend.storage import Storage

__all__ = ["Answer", "Receiver", "refused"]

_CLASS_OF = {"sessions": "Session", "faults": "Fault", "cdrs": "CDR", "tariffs": "Tariff"}


class Receiver:
    """The modules of an eMSP-like party, kept in `storage`; objects are judged by one version."""

    def __init__(self, storage: Storage, version: str = DEFAULT_VERSION) -> None:
        self._storage = storage
        self._version = version

    def get(self, module: str, segments: tuple[str, ...]) -> Answer:
        """The object at country, party and ids; 404 when it never came."""
        depth = 3 if module == "locations" else len(segments)
        found: Json = self._storage.get(module, "/".join(segments[:depth]))
        for child_key, child_id in zip(("evses", "connectors"), segments[depth:], strict=False):
            found = _child(found, child_key, child_id)
        if found is None:
            return refused("no such object", http_status=404)
        return Answer(data=found)

    def put(self, module: str, segments: tuple[str, ...], body: dict[str, Json]) -> Answer:
        """Create or replace an object; ids in the URL and in the body must agree."""
        if module == "locations":
            return self._put_location(segments, body)
        class_name = _CLASS_OF[module]
        expected = {"id": segments[2]}
        if module != "faults":
            expected |= {"country_code": segments[0], "party_id": segments[1]}
        return self._keep(module, class_name, segments, body, expected)

    def patch(self, module: str, segments: tuple[str, ...], body: dict[str, Json]) -> Answer:
        """Change fields of an object that is there; `last_updated` is compulsory."""
        if module == "locations":
            return self._patch_location(segments, body)
        class_name = _CLASS_OF[module]
        errors = self._check(class_name, body, partial=True) + _patch_errors(body)
        if errors:
            return refused(*errors)
        before = self._storage.get(module, "/".join(segments))
        if before is None:
            return refused("no such object: PUT it first", http_status=404)
        after = {**before, **body}
        if body.get("charging_periods"):  # mod_sessions, PATCH: periods are added, not replaced
            after["charging_periods"] = _list(before, "charging_periods") + _list(
                body, "charging_periods"
            )
        elif "charging_periods" in before:
            after["charging_periods"] = before["charging_periods"]
        return self._keep(module, class_name, segments, after, {"id": segments[2]})

    def delete(self, module: str, segments: tuple[str, ...]) -> Answer:
        """Forget a tariff; nothing else in OCPI is ever deleted."""
        if module != "tariffs":
            return refused("DELETE is for tariffs only", http_status=405)
        if not self._storage.remove(module, "/".join(segments)):
            return refused("no such object", http_status=404)
        return Answer()

    def post_cdr(self, body: dict[str, Json]) -> Answer:
        """Take a new CDR; one with a known id is refused and the first one stays."""
        errors = self._check("CDR", body) or check_rules("CDR", body)
        if not errors and body.get("credit"):
            names = ("country_code", "party_id", "credit_reference_id")
            key = "/".join(str(body[name]) for name in names)
            errors = check_credit(body, self._storage.get("cdrs", key))
        if errors:
            return refused(*errors)
        cdr_id = str(body["id"])
        key = "/".join(str(body[name]) for name in ("country_code", "party_id", "id"))
        if self._storage.get("cdrs", key) is not None:
            problem = f"id: a CDR {cdr_id!r} is already here, CDRs are never replaced"
            return replace(refused(problem), cdr_key=key)
        self._storage.put("cdrs", key, body)
        return Answer(http_status=201, cdr_key=key)

    def _put_location(self, segments: tuple[str, ...], body: dict[str, Json]) -> Answer:
        if len(segments) == 3:
            expected = dict(zip(("country_code", "party_id", "id"), segments, strict=True))
            return self._keep("locations", "Location", segments, body, expected)
        class_name, expected = _child_class(segments)
        errors = self._check(class_name, body) or check_rules(class_name, body)
        errors += check_ids(body, expected)
        return refused(*errors) if errors else self._replace_child(segments, body, create=True)

    def _patch_location(self, segments: tuple[str, ...], body: dict[str, Json]) -> Answer:
        if len(segments) == 3:
            errors = self._check("Location", body, partial=True) + _patch_errors(body, "evses")
            before = self._storage.get("locations", "/".join(segments))
            if errors:
                return refused(*errors)
            if before is None:
                return refused("no such Location: PUT it first", http_status=404)
            return self._keep("locations", "Location", segments, {**before, **body}, {})
        class_name, expected = _child_class(segments)
        errors = self._check(class_name, body, partial=True) + _patch_errors(body, "connectors")
        errors += check_ids(body, expected)
        return refused(*errors) if errors else self._replace_child(segments, body, create=False)

    def _replace_child(
        self, segments: tuple[str, ...], body: dict[str, Json], *, create: bool
    ) -> Answer:
        """Put an EVSE or Connector into its Location and pass `last_updated` upwards."""
        key = "/".join(segments[:3])
        location = self._storage.get("locations", key)
        if location is None:
            return refused("no such Location: PUT it first", http_status=404)
        parents: list[dict[str, Json]] = [location]
        for child_key, child_id in zip(("evses", "connectors"), segments[3:-1], strict=False):
            parent = _child(parents[-1], child_key, child_id)
            if parent is None:
                return refused("no such EVSE: PUT it first", http_status=404)
            parents.append(parent)
        list_key = ("evses", "connectors")[len(segments) - 4]
        before = _child(parents[-1], list_key, segments[-1])
        if before is None and not create:
            return refused("no such object: PUT it first", http_status=404)
        after = body if create else {**(before or {}), **body}
        errors = check_update(before, after) if before is not None else []
        if errors:
            return refused(*errors)
        siblings = _list(parents[-1], list_key)
        kept: list[Json] = [after if item is before else item for item in siblings]
        parents[-1][list_key] = kept if before is not None else [*siblings, after]
        for parent in parents:
            parent["last_updated"] = _later(parent["last_updated"], after["last_updated"])
        self._storage.put("locations", key, location)
        return Answer(http_status=201 if before is None else 200)

    def _check(self, class_name: str, body: dict[str, Json], *, partial: bool = False) -> list[str]:
        return check(class_name, body, partial=partial, version=self._version)

    def _keep(
        self,
        module: str,
        class_name: str,
        segments: tuple[str, ...],
        body: dict[str, Json],
        expected: dict[str, str],
    ) -> Answer:
        errors = self._check(class_name, body) or check_rules(class_name, body)
        errors += check_ids(body, expected)
        key = "/".join(segments)
        before = self._storage.get(module, key)
        if not errors and before is not None:
            errors = check_update(before, body)
        if errors:
            return refused(*errors)
        is_new = self._storage.put(module, key, body)
        return Answer(http_status=201 if is_new else 200)


def _child_class(segments: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    if len(segments) == 4:
        return "EVSE", {"uid": segments[3]}
    return "Connector", {"id": segments[4]}


def _child(parent: Json, list_key: str, child_id: str) -> dict[str, Json] | None:
    id_key = "uid" if list_key == "evses" else "id"
    for item in _list(parent, list_key):
        if isinstance(item, dict) and str(item.get(id_key)).lower() == child_id.lower():
            return item
    return None


def _list(parent: Json, key: str) -> list[Json]:
    value = parent.get(key) if isinstance(parent, dict) else None
    return value if isinstance(value, list) else []


def _patch_errors(body: dict[str, Json], children: str = "") -> list[str]:
    """transport_and_format, PATCH: fields change, none goes; parts have URLs of their own."""
    errors = [] if "last_updated" in body else ["last_updated: compulsory in every PATCH"]
    errors += [
        f"{name}: null in a PATCH, only a PUT takes a value away"
        for name, value in body.items()
        if value is None
    ]
    if children in body:
        errors.append(f"{children}: not in a PATCH, each has a URL of its own")
    return errors


def _later(first: Json, second: Json) -> Json:
    first_at, second_at = moment(first), moment(second)
    return second if first_at is None or (second_at is not None and second_at > first_at) else first
