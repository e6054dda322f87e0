"""Strict validation of a JSON object against its table: pure, every error names its field."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, TypeAlias

from laddvakt_sim.backend.spec import DEFAULT_VERSION, SPECS, Spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from laddvakt_sim.backend.rows import Field

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

# types.asciidoc, DateTime: UTC, at most three decimals here, `Z` or nothing, never an offset.
_DATE_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z?")
_PATTERNS: Final = {
    "Latitude": re.compile(r"-?[0-9]{1,2}\.[0-9]{5,7}"),
    "Longitude": re.compile(r"-?[0-9]{1,3}\.[0-9]{5,7}"),
    "HourMinute": re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]"),
    "LocalDate": re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"),
    "URL": re.compile(r"https?://[^\s]+"),
    "TokenText": re.compile(r"[\x21-\x7e]+"),
}
# Non-specified JSON fields: snake_case as all the others, without a prefix that says "not ours".
_OWN_FIELD: Final = re.compile(r"(?!x_|custom)[a-z][a-z0-9_]*")
_OPEN_VALUE: Final = re.compile(r"[\x21-\x7e]+")
_URL_LIMIT: Final = 255
_DECIMALS: Final = 4


def check(
    class_name: str, body: Json, *, partial: bool = False, version: str = DEFAULT_VERSION
) -> list[str]:
    """Every violation of the table; `partial` as for a PATCH: fields may be missing, not wrong."""
    return list(_check_class(SPECS[version], class_name, body, "", partial))


def moment(text: Json) -> datetime | None:
    """A DateTime as an aware datetime, `None` when it is not in the allowed form."""
    if not isinstance(text, str) or _DATE_TIME.fullmatch(text) is None:
        return None
    try:
        return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None


def objects(value: Json) -> list[dict[str, Json]]:
    """The objects of a list; nothing else can be looked into."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _check_class(
    spec: Spec, class_name: str, body: Json, path: str, partial: bool = False
) -> Iterator[str]:
    if not isinstance(body, dict):
        yield f"{path or class_name}: an object is required, got {_shown(body)}"
        return
    rows = {row.name: row for row in spec.tables[class_name]}
    prefix = f"{path}." if path else ""
    for name in sorted(body.keys() - rows.keys()):
        if not (spec.open_objects and _OWN_FIELD.fullmatch(name)):
            yield f"{prefix}{name}: {class_name} has no such field"
    for name, row in rows.items():
        if body.get(name) is None:
            if row.card in "1+" and (not partial or name in body):
                yield f"{prefix}{name}: required field is missing"
        else:
            yield from _check_field(spec, row, body[name], f"{prefix}{name}")


def _check_field(spec: Spec, row: Field, value: Json, path: str) -> Iterator[str]:
    if row.card in "1?":
        yield from _check_value(spec, row, value, path)
        return
    if not isinstance(value, list):
        yield f"{path}: a list is required, got {_shown(value)}"
        return
    if row.card == "+" and not value:
        yield f"{path}: at least one entry is required"
    for number, item in enumerate(value):
        yield from _check_value(spec, row, item, f"{path}[{number}]")


def _check_value(spec: Spec, row: Field, value: Json, path: str) -> Iterator[str]:
    if row.kind in spec.tables:
        yield from _check_class(spec, row.kind, value, path)
        return
    is_enum = row.kind in spec.enums
    problem = _enum(spec, row, value) if is_enum else _SCALARS[row.kind](row, value)
    if problem:
        yield f"{path}: {problem}, got {_shown(value)}"


def _enum(spec: Spec, row: Field, value: Json) -> str:
    if isinstance(value, str):
        if value in spec.enums[row.kind]:
            return ""
        if row.kind in spec.open_enums and _OPEN_VALUE.fullmatch(value):
            return ""
    return f"one of {row.kind} is required"


def _string(row: Field, value: Json) -> str:
    if not isinstance(value, str):
        return "a string is required"
    if not value.isprintable():
        return "only printable characters are allowed"
    if row.limit is not None and len(value) > row.limit:
        return f"at most {row.limit} characters are allowed ({len(value)})"
    return "" if value else "an empty string says nothing"


def _ci_string(row: Field, value: Json) -> str:
    problem = _string(row, value)
    if problem or not isinstance(value, str):
        return problem
    return "" if value.isascii() else "only ASCII is allowed"


def _patterned(row: Field, value: Json) -> str:
    problem = _string(row, value)
    if problem or not isinstance(value, str):
        return problem
    if row.kind == "URL" and len(value) > _URL_LIMIT:
        return f"at most {_URL_LIMIT} characters are allowed"
    return "" if _PATTERNS[row.kind].fullmatch(value) else f"not in the form of a {row.kind}"


def _date_time(row: Field, value: Json) -> str:
    del row
    return "" if moment(value) else "a UTC DateTime such as 2026-01-31T12:00:00.123Z is required"


def _number(row: Field, value: Json) -> str:
    del row
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return "a number is required"
    exponent = Decimal(repr(value)).normalize().as_tuple().exponent
    too_fine = isinstance(exponent, int) and exponent < -_DECIMALS
    return f"at most {_DECIMALS} decimals are allowed" if too_fine else ""


def _integer(row: Field, value: Json) -> str:
    del row
    ok = isinstance(value, int) and not isinstance(value, bool)
    return "" if ok else "an integer is required"


def _boolean(row: Field, value: Json) -> str:
    del row
    return "" if isinstance(value, bool) else "true or false is required"


_SCALARS: Final[dict[str, Callable[[Field, Json], str]]] = {
    "CiString": _ci_string,
    "string": _string,
    "DateTime": _date_time,
    "number": _number,
    "int": _integer,
    "boolean": _boolean,
    **dict.fromkeys(_PATTERNS, _patterned),
}


def _shown(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
