"""Our platform as OpenAPI 3.1 describes it: made of the modules there are and OCPI's tables.

Source: the Interfaces and endpoints of each module; OpenAPI 3.1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import cast

from laddvakt_agent.uplink.serving import Module, Role
from laddvakt_agent.uplink.structs import CLASSES
from laddvakt_agent.uplink.structs.plan import Object, plan
from laddvakt_agent.uplink.structs.rules import Flag, Moment, Number, OneOf, Text, Whole
from laddvakt_agent.uplink.version import Version

Json = dict[str, object]
_PAGE = ("date_from", "date_to", "offset", "limit")
_MOMENT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z?$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One thing that a module does."""

    method: str
    path: str = ""  # after the module's endpoint
    takes: str | None = None  # the object in the body
    gives: str | None = None  # the object in `data`
    many: bool = False
    query: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()  # of the query


def _listed(what: str, *needs: str) -> Operation:
    return Operation(method="GET", gives=what, many=True, query=_PAGE, needs=needs)


_TOKEN = "/{country_code}/{party_id}/{token_uid}"
_COMMANDS = {
    "START_SESSION": "StartSession",
    "STOP_SESSION": "StopSession",
    "RESERVE_NOW": "ReserveNow",
    "CANCEL_RESERVATION": "CancelReservation",
    "UNLOCK_CONNECTOR": "UnlockConnector",
}
OPERATIONS: Mapping[tuple[str, Role], tuple[Operation, ...]] = {
    ("credentials", Role.SENDER): (
        Operation(method="GET", gives="Credentials"),
        Operation(method="POST", takes="Credentials", gives="Credentials"),
        Operation(method="PUT", takes="Credentials", gives="Credentials"),
        Operation(method="DELETE"),
    ),
    ("locations", Role.SENDER): (
        _listed("Location"),
        Operation(method="GET", path="/{location_id}", gives="Location"),
        Operation(method="GET", path="/{location_id}/{evse_uid}", gives="EVSE"),
        Operation(method="GET", path="/{location_id}/{evse_uid}/{connector_id}", gives="Connector"),
    ),
    ("sessions", Role.SENDER): (_listed("Session", "date_from"),),
    ("cdrs", Role.SENDER): (_listed("CDR"),),
    ("tariffs", Role.SENDER): (_listed("Tariff"),),
    ("faults", Role.SENDER): (_listed("Fault"),),
    ("tokens", Role.RECEIVER): (
        Operation(method="GET", path=_TOKEN, gives="Token", query=("type",)),
        Operation(method="PUT", path=_TOKEN, takes="Token", query=("type",)),
        Operation(method="PATCH", path=_TOKEN, takes="Token", query=("type",)),
    ),
    ("commands", Role.RECEIVER): tuple(
        Operation(method="POST", path=f"/{name}", takes=what, gives="CommandResponse")
        for name, what in _COMMANDS.items()
    ),
    ("chargingprofiles", Role.RECEIVER): (
        Operation(
            method="GET",
            path="/{session_id}",
            gives="ChargingProfileResponse",
            query=("duration", "response_url"),
            needs=("duration", "response_url"),
        ),
        Operation(
            method="PUT",
            path="/{session_id}",
            takes="SetChargingProfile",
            gives="ChargingProfileResponse",
        ),
        Operation(
            method="DELETE",
            path="/{session_id}",
            gives="ChargingProfileResponse",
            query=("response_url",),
            needs=("response_url",),
        ),
    ),
}
PREFERENCES = Operation(
    method="PUT", path="/{session_id}/charging_preferences", takes="ChargingPreferences"
)


def operations(module: Module) -> tuple[Operation, ...]:
    """What a module does; nothing for one that is not described."""
    name = "faults" if module.identifier.endswith("-faults") else module.identifier
    if name == "credentials":
        return OPERATIONS[name, Role.SENDER]
    return OPERATIONS.get((name, module.role), ())


def description(modules: Iterable[Module], base: str) -> Json:
    """The OpenAPI document; `base`: the URL up to and with `/ocpi`."""
    paths: dict[str, Json] = {"/versions": {"get": _operation(Operation(method="GET"), None)}}
    schemas: dict[str, Json] = {}
    served = tuple(modules)
    several = [module.identifier for module in served].count("sessions") > 1
    for version in Version:
        paths[f"/{version.value}"] = {"get": _operation(Operation(method="GET"), None)}
        for module in served:
            if version not in module.versions:
                continue
            more = (PREFERENCES,) if several and module.identifier == "sessions" else ()
            for one in (*operations(module), *more):
                path = f"/{version.value}/{module.identifier}{one.path}"
                paths.setdefault(path, {})[one.method.lower()] = _operation(one, version)
                for what in filter(None, (one.takes, one.gives)):
                    _add(what, version, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "OCPI of a charger", "version": _newest().value},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "apiKey", "in": "header", "name": "Authorization"}
            },
        },
    }


def _newest() -> Version:
    return list(Version)[-1]


def _operation(one: Operation, version: Version | None) -> Json:
    names = [part.strip("{}") for part in one.path.split("/") if part.startswith("{")]
    parameters: list[Json] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    parameters += [
        {"name": name, "in": "query", "required": name in one.needs, "schema": _parameter(name)}
        for name in one.query
    ]
    data: Json = {}
    if one.gives is not None and version is not None:
        whole = _reference(one.gives, version)
        data = {"type": "array", "items": whole} if one.many else whole
    described: Json = {
        "parameters": parameters,
        "responses": {
            "default": {"description": "the envelope", "content": _json(_envelope(data))}
        },
    }
    if one.takes is not None and version is not None:
        body = _json(_reference(one.takes, version))
        described["requestBody"] = {"required": True, "content": body}
    return described


def _parameter(name: str) -> Json:
    if name in ("offset", "limit", "duration"):
        return {"type": "integer", "minimum": 0}
    if name.startswith("date_"):
        return {"type": "string", "pattern": _MOMENT}
    return {"type": "string"}


def _envelope(data: Json) -> Json:
    return {
        "type": "object",
        "required": ["status_code", "timestamp"],
        "properties": {
            "data": data,
            "status_code": {"type": "integer", "minimum": 1000, "maximum": 4999},
            "status_message": {"type": "string"},
            "timestamp": {"type": "string", "pattern": _MOMENT},
        },
    }


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _reference(what: str, version: Version) -> Json:
    return {"$ref": f"#/components/schemas/{_name(what, version)}"}


def _name(what: str, version: Version) -> str:
    return f"{what}_{version.value.replace('.', '_')}"


def _add(what: str, version: Version, schemas: dict[str, Json]) -> None:
    """The schema of an object and of all within it."""
    name = _name(what, version)
    if name in schemas:
        return
    schemas[name] = {}  # an object within itself ends here
    properties: Json = {}
    required: list[str] = []
    for field in plan(CLASSES[what], version):
        inside = cast("type[Object] | None", getattr(field.rule, "of", None))
        if inside is not None:
            _add(inside.__name__, version, schemas)
            schema = _reference(inside.__name__, version)
        else:
            schema = _value(field.rule, version)
        properties[field.wire] = {"type": "array", "items": schema} if field.many else schema
        if field.required:
            required.append(field.wire)
    schemas[name] = {"type": "object", "required": required, "properties": properties}


def _value(rule: object, version: Version) -> Json:
    schema: Json = {}
    match rule:
        case Flag():
            schema = {"type": "boolean"}
        case Whole():
            schema = {"type": "integer", "minimum": rule.least, "maximum": rule.most}
        case Number():
            schema = {"type": "number"}
        case Moment():
            schema = {"type": "string", "pattern": _MOMENT}
        case OneOf():
            known = rule.values + (rule.earlier if version is Version.V2_2_1 else rule.later)
            schema = {"type": "string", "enum": list(known)}
        case Text():
            shape = {"pattern": f"^(?:{rule.pattern})$"} if rule.pattern else {}
            schema = {"type": "string", "minLength": rule.least, "maxLength": rule.most, **shape}
        case _:
            pass
    return schema
