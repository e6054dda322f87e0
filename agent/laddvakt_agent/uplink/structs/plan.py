"""How a class of objects is read and written in one version; made of its annotations, once.

Cardinality: no default is `1`, `X | None = None` is `?`, `tuple[X, ...] = ()` is `*`, a tuple
without a default is `+`. What differs between the versions is marked on the field.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from laddvakt_agent.uplink.structs.problems import BAD, Report, kind, quoted
from laddvakt_agent.uplink.structs.rules import Flag, Moment, Number, OneOf, Rule, Whole
from laddvakt_agent.uplink.text import Json
from laddvakt_agent.uplink.version import Version

T = TypeVar("T", bound="Object")
_PLAIN: dict[object, Rule] = {bool: Flag(), int: Whole(), Decimal: Number(), datetime: Moment()}
_ORDER = {version: place for place, version in enumerate(Version)}
_UNSTAMPED = datetime(1, 1, 1, tzinfo=UTC)


class Object(msgspec.Struct, frozen=True, gc=False):
    """Base of everything that has fields."""

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """Fields that do not go together: which one, what is wrong, what would be right."""
        del strict
        return iter(())


@dataclass(frozen=True, slots=True)
class Since:
    """The field is new in this version; before, it is an unknown one."""

    version: Version
    required: bool = False  # … and must be there
    ours: bool = False  # … our own, so it is not even null where there is nothing to say


@dataclass(frozen=True, slots=True)
class Until:
    """The last version that has the field."""

    version: Version


@dataclass(frozen=True, slots=True)
class Was:
    """The field's name in 2.2.1."""

    name: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field in one version."""

    name: str  # in Python
    wire: str  # in JSON
    rule: Rule
    required: bool
    many: bool
    ours: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """An object within an object."""

    of: type[Object]

    def read(self, value: object, report: Report) -> object:
        return read(self.of, value, report)

    def write(self, value: object, version: Version, explicit_nulls: bool) -> Json:
        return write(cast("Object", value), version, explicit_nulls=explicit_nulls)


def read(cls: type[T], value: object, report: Report) -> T | None:
    """The object; `None`, with notes in the report, when it is not one."""
    if not isinstance(value, Mapping):
        report.refuse(f"is {kind(value)}", "write an object")
        return None
    before = len(report.problems)
    fields = plan(cls, report.version)
    if report.strict:
        _refuse_unknown(cls, value, fields, report)
    values: dict[str, object] = {}
    for field in fields:
        found = value.get(field.wire)
        if found is None or (found == "" and not (report.strict or field.required)):
            values |= _missing(field, field.wire in value, report)
            continue
        report.path.append(field.wire)
        reading = _many if field.many else _one
        values[field.name] = reading(field, found, report)
        report.path.pop()
    if len(report.problems) > before or (report.patch and not report.path):
        return None
    made = cls(**cast("dict[str, Any]", values))
    for name, wrong, right in made.conflicts(strict=report.strict):
        report.refuse(wrong, right, name)
    return made


def write(made: Object, version: Version, *, explicit_nulls: bool = False) -> dict[str, Json]:
    """The object as JSON has it in this version; absent fields are left out or null."""
    content: dict[str, Json] = {}
    for field in plan(type(made), version):
        value = getattr(made, field.name)
        if field.ours and not value:
            continue
        if field.many:
            if value or explicit_nulls:
                items = [field.rule.write(item, version, explicit_nulls) for item in value]
                content[field.wire] = items
        elif value is not None:
            content[field.wire] = field.rule.write(value, version, explicit_nulls)
        elif explicit_nulls:
            content[field.wire] = None
    return content


@cache
def plan(cls: type[Object], version: Version) -> tuple[Field, ...]:
    """The fields that this version has."""
    hints = typing.get_type_hints(cls, include_extras=True)
    required = {item.encode_name for item in msgspec.structs.fields(cls) if item.required}
    fields = (
        _field(name, hints[name], name in required, version) for name in cls.__struct_fields__
    )
    return tuple(field for field in fields if field is not None)


def _field(name: str, hint: object, required: bool, version: Version) -> Field | None:
    hint, marks = _bare(hint)
    since = next((mark for mark in marks if isinstance(mark, Since)), None)
    until = next((mark for mark in marks if isinstance(mark, Until)), None)
    was = next((mark for mark in marks if isinstance(mark, Was)), None)
    if since is not None and _ORDER[version] < _ORDER[since.version]:
        return None
    if until is not None and _ORDER[version] > _ORDER[until.version]:
        return None
    wire = was.name if was is not None and version is Version.V2_2_1 else name
    required = required or (since is not None and since.required)
    rules = [cast("Rule", mark) for mark in marks if not isinstance(mark, Since | Until | Was)]
    ours, many = since is not None and since.ours, typing.get_origin(hint) is tuple
    rule = _rule(typing.get_args(hint)[0]) if many else rules[0] if rules else _rule(hint)
    return Field(name, wire, rule, required, many, ours)


def _rule(hint: object) -> Rule:
    """Of a type, with or without `None`."""
    hint, marks = _bare(hint)
    if marks:
        return cast("Rule", marks[-1])
    if typing.get_origin(hint) in {typing.Union, types.UnionType}:
        return _rule(next(item for item in typing.get_args(hint) if item is not type(None)))
    if typing.get_origin(hint) is typing.Literal:
        return OneOf(typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Object):
        return _Part(hint)
    return _PLAIN[hint]


def _bare(hint: object) -> tuple[object, tuple[object, ...]]:
    if typing.get_origin(hint) is typing.Annotated:
        bare, *marks = typing.get_args(hint)
        return bare, tuple(marks)
    return hint, ()


def _one(field: Field, found: object, report: Report) -> object:
    return field.rule.read(found, report)


def _many(field: Field, found: object, report: Report) -> object:
    if not isinstance(found, list | tuple):
        return report.refuse(f"is {kind(found)}", "write a list")
    if field.required and not found:
        return report.refuse("is empty", "write at least one")
    items = []
    for index, item in enumerate(found):
        if report.full:
            break
        report.path.append(index)
        items.append(field.rule.read(item, report))
        report.path.pop()
    return tuple(items)


def _missing(field: Field, is_null: bool, report: Report) -> dict[str, object]:
    """What stands for an absent field; nothing: its default."""
    if report.patch and not report.path:
        if is_null and report.strict:
            report.refuse("is null", "only a PUT can remove a value", field.wire)
            return {}
        if field.name != "last_updated":
            return {}
    if not field.required:
        return {}
    if field.name == "last_updated" and not report.stamped:
        return {field.name: _UNSTAMPED}
    report.refuse("is missing", "it is required", field.wire)
    return {field.name: BAD}


def _refuse_unknown(
    cls: type[Object], value: Mapping[object, object], fields: tuple[Field, ...], report: Report
) -> None:
    known = {field.wire for field in fields}
    for name in value:
        if name not in known:
            wrong = f"is no field of {cls.__name__} in OCPI {report.version.value}"
            report.refuse(wrong, "leave it out", name if isinstance(name, str) else quoted(name))
