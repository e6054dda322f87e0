"""Reads tariffs and CDRs for `tariff price`; every refusal says where, what, and what is right."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import NoReturn, cast

from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.core.tariff import Tariff
from laddvakt_agent.pricing import cdrs, tariffs
from laddvakt_agent.pricing.errors import NotPriceable
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.version import Version

_MOST_BYTES = 16 * 1024 * 1024
# Fields that make no price: a tariff to try things out may lack them.
_NO_PRICE = {
    "country_code": "XX",
    "party_id": "XXX",
    "id": "-",
    "currency": "XXX",
    "last_updated": "1970-01-01T00:00:00Z",
}
_DATA = Exit.FAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The tariff of each period."""

    tariffs: tuple[tariffs.Known, ...]  # those that price something
    by_period: tuple[Tariff | None, ...]
    notes: tuple[str, ...]


def read_tariffs(path: Path) -> tuple[tariffs.Known, ...]:
    """One tariff or a list of them; an OCPI response around them is taken off."""
    data = _payload(_json(path), "elements")
    bodies = data if isinstance(data, list) else [data]
    if not bodies:
        _refuse(path, "it holds no tariff", "give an OCPI Tariff object, or a list of them")
    read = tuple(_tariff(body, path, place, len(bodies)) for place, body in enumerate(bodies))
    ids = [each.core.id for each in read]
    for twice in sorted({name for name in ids if ids.count(name) > 1}):
        _refuse(path, f"two tariffs have the id {twice!r}", "leave the one that was in force")
    return read


def read_cdr(path: Path) -> Mapping[str, object]:
    """A CDR, whole or stripped; an OCPI response around it is taken off."""
    data = _payload(_json(path), "charging_periods")
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, dict):
        _refuse(path, f"it holds {_kind(data)}, not one CDR", "give one OCPI CDR object")
    return data


def read_course(body: Mapping[str, object], path: Path) -> cdrs.Told:
    """Start, end and periods of a CDR."""
    try:
        return cdrs.told(body)
    except structs.Invalid as wrong:
        lines = [f"{path}: {problem}" for problem in wrong.problems]
        fail(_DATA, *lines, "Mend the CDR and try again.")
    except NotPriceable as wrong:
        _refuse(path, str(wrong), "mend the CDR and try again")


def choose(known: Sequence[tariffs.Known], course: cdrs.Told, path: Path) -> Chosen:
    """The tariff of each period; one alone prices them all, unless only some name a tariff.

    mod_cdrs, ChargingPeriod: a period without tariff_id is free of charge where others have one.
    """
    named = [period.tariff_id for period in course.periods]
    if len({each.ocpi.currency for each in known}) > 1:
        _refuse(path, "its tariffs are in several currencies", "price them one by one")
    if len(known) == 1:
        return _alone(known[0], named)
    by_id = {each.core.id.casefold(): each for each in known}
    for place, name in enumerate(named):
        if name is not None and name.casefold() not in by_id:
            there = ", ".join(each.core.id for each in known)
            what = f"charging_periods[{place}].tariff_id {name!r} is none of the tariffs ({there})"
            _refuse(path, what, "add that tariff to the list")
    if not any(named):
        what = "there are several tariffs and no period has a tariff_id"
        _refuse(path, what, "give each period its tariff_id, or one tariff alone")
    found = [None if name is None else by_id[name.casefold()] for name in named]
    used = tuple(each for each in known if any(each is one for one in found))
    by_period = tuple(None if each is None else each.core for each in found)
    return Chosen(tariffs=used, by_period=by_period, notes=_free(named))


def _alone(only: tariffs.Known, named: Sequence[str | None]) -> Chosen:
    some = any(named)
    by_period = tuple(None if some and name is None else only.core for name in named)
    notes = list(_free(named)) if some else []
    others = {name for name in named if name is not None} - {only.core.id}
    if any(name.casefold() != only.core.id.casefold() for name in others):
        listed = ", ".join(sorted(others))
        notes.append(f"note: the CDR names tariff {listed}; priced by {only.core.id} as asked.")
    return Chosen(tariffs=(only,), by_period=by_period, notes=tuple(notes))


def _free(named: Sequence[str | None]) -> tuple[str, ...]:
    places = ", ".join(str(place + 1) for place, name in enumerate(named) if name is None)
    if not places:
        return ()
    return (f"note: no tariff_id in period {places}: free of charge, as mod_cdrs has it.",)


def _tariff(body: object, path: Path, place: int, count: int) -> tariffs.Known:
    where = f"{path}: tariff {place + 1}" if count > 1 else str(path)
    if not isinstance(body, dict):
        fail(_DATA, f"{where}: is {_kind(body)}.", "Give an OCPI Tariff object.")
    filled = {name: value for name, value in _NO_PRICE.items() if body.get(name) is None}
    version = tariffs.version_of(body)
    if version is Version.V2_3_0 and body.get("tax_included") is None:
        filled["tax_included"] = "NO"  # as 2.2.1 has it; some examples of 2.3.0 lack it, too
    try:
        return tariffs.known({**_stepped(body), **filled}, version)
    except structs.Invalid as wrong:
        lines = [f"{where}: {problem}" for problem in wrong.problems]
        fail(_DATA, *lines, "Mend the tariff and try again.")


def more_decimals(body: Mapping[str, object]) -> bool:
    """Whether a price is told more precisely than OCPI's four decimals; `body`: one it read."""
    elements = cast("list[dict[str, list[dict[str, object]]]]", body["elements"])
    prices = (part["price"] for element in elements for part in element["price_components"])
    return any(price != round(price, 4) for price in prices if isinstance(price, Decimal))


def _stepped(body: Mapping[str, object]) -> dict[str, object]:
    """With the step size 1, which changes nothing, where a price component has none."""

    def component(part: object) -> object:
        missing = isinstance(part, dict) and part.get("step_size") is None
        return {**part, "step_size": 1} if isinstance(part, dict) and missing else part

    def element(one: object) -> object:
        parts = one.get("price_components") if isinstance(one, dict) else None
        if not isinstance(one, dict) or not isinstance(parts, list):
            return one
        return {**one, "price_components": [component(part) for part in parts]}

    elements = body.get("elements")
    if not isinstance(elements, list):
        return dict(body)
    return {**body, "elements": [element(one) for one in elements]}


def _json(path: Path) -> object:
    try:
        raw = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except FileNotFoundError:
        fail(Exit.USAGE, f"{path}: there is no such file.", "Check the path.")
    except OSError as error:
        fail(Exit.USAGE, f"{path}: cannot be read: {error.strerror}.", "Check the path.")
    if len(raw) > _MOST_BYTES:
        _refuse(path, "it is larger than 16 MiB", "give one CDR and its tariffs alone")
    try:
        return json.loads(raw, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        _refuse(path, f"it is not JSON: {error}", "give a file of JSON in UTF-8")


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no JSON number")


def _payload(data: object, mark: str) -> object:
    """What is inside an OCPI response's envelope, if there is one."""
    wrapped = isinstance(data, dict) and "data" in data and mark not in data
    return data["data"] if wrapped and isinstance(data, dict) else data


def _kind(value: object) -> str:
    names = {list: "a list", dict: "an object", str: "a text", type(None): "null", bool: "a bool"}
    return names.get(type(value), "a number")


def _refuse(path: Path, what: str, remedy: str) -> NoReturn:
    fail(_DATA, f"{path}: {what}.", f"{remedy[0].upper()}{remedy[1:]}.")
