"""Checks plain data against a table of what is allowed and collects every problem at once."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Path = tuple[str | int, ...]
Data: TypeAlias = object
_UNIT = re.compile(r"_(ms|s|min|h|ma|a|mv|v|w|kw|wh|kwh|c)$")
_UNIT_NAMES = {"s": "seconds", "a": "amperes", "v": "volts", "w": "watts", "wh": "watt-hours"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: where, and what would be right."""

    path: Path
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One value: its type, and what it may be. `bool` is never taken for a number.

    A `list` is one of texts; `choices` are then what may stand in it.
    """

    kind: type = str
    required: bool = False
    low: float | None = None
    high: float | None = None
    choices: tuple[object, ...] = ()
    pattern: str | None = None
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table with known keys."""

    keys: Mapping[str, Spec]
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """An array of tables, each like `each`."""

    each: Table
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableOrTables:
    """One table, or an array of them: the same thing once or several times."""

    each: Table
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyTable:
    """A table of tables whose names and keys somebody else checks (the fault overrides)."""

    required: bool = False


Spec: TypeAlias = Key | Table | Tables | TableOrTables | AnyTable


@dataclass(slots=True)
class _Walk:
    problems: list[Problem] = field(default_factory=list)

    def add(self, path: Path, message: str) -> None:
        self.problems.append(Problem(path=path, message=message))

    def table(self, spec: Table, data: Data, path: Path) -> None:
        if not isinstance(data, dict):
            self.add(path, f"{_name(path)} must be a table")
            return
        for name in data:
            if name not in spec.keys:
                self.add((*path, name), _unknown(str(name), tuple(spec.keys)))
        for name, part in spec.keys.items():
            if name in data:
                self.value(part, data[name], (*path, name))
            elif part.required:
                self.add((*path, name), f"{_name((*path, name))} is missing{_hint(part)}")

    def value(self, spec: Spec, data: Data, path: Path) -> None:
        match spec:
            case Table():
                self.table(spec, data, path)
            case TableOrTables() if isinstance(data, dict):
                self.table(spec.each, data, path)
            case Tables() | TableOrTables():
                self.tables(spec, data, path)
            case AnyTable():
                if not isinstance(data, dict) or not all(
                    isinstance(v, dict) for v in data.values()
                ):
                    self.add(path, f"{_name(path)} must hold tables, like [{path[-1]}.meter_lost]")
            case Key():
                self.key(spec, data, path)

    def tables(self, spec: Tables | TableOrTables, data: Data, path: Path) -> None:
        if not isinstance(data, list) or (spec.required and not data):
            self.add(path, f"{_name(path)} must be one or more [[{path[-1]}]] tables")
            return
        for index, entry in enumerate(data):
            self.table(spec.each, entry, (*path, index))

    def key(self, spec: Key, data: Data, path: Path) -> None:
        if isinstance(data, list) and spec.kind is list:
            texts = [item for item in data if isinstance(item, str)]
            wrong = [item for item in texts if spec.choices and item not in spec.choices]
            if len(texts) < len(data):
                self.add(path, f"{_name(path)} must be {_KINDS[list]}")
            elif wrong:
                allowed = ", ".join(str(choice) for choice in spec.choices)
                self.add(path, f"{_name(path)} has {wrong[0]!r}, which is not one of: {allowed}")
            return
        if not _is_kind(data, spec.kind):
            self.add(path, f"{_name(path)} must be {_KINDS[spec.kind]}, not {data!r}{_hint(spec)}")
        elif spec.choices and data not in spec.choices:
            allowed = ", ".join(str(choice) for choice in spec.choices)
            self.add(path, f"{_name(path)} = {data!r} is not one of: {allowed}")
        elif isinstance(data, int | float) and not _in_range(data, spec):
            self.add(path, f"{_name(path)} = {data} is outside {_range(spec)}{_hint(spec)}")
        elif spec.pattern and isinstance(data, str) and not re.fullmatch(spec.pattern, data):
            self.add(path, f"{_name(path)} = {data!r} is not valid{_hint(spec)}")


def check(spec: Table, data: Data) -> tuple[Problem, ...]:
    """Every problem of `data` against `spec`, in the order of the file's keys."""
    walk = _Walk()
    walk.table(spec, data, ())
    return tuple(walk.problems)


_KINDS = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list of texts",
}


def _is_kind(data: Data, kind: type) -> bool:
    if kind is float:
        return isinstance(data, int | float) and not isinstance(data, bool)
    if kind is int:
        return isinstance(data, int) and not isinstance(data, bool)
    return isinstance(data, kind)


def _in_range(data: float, spec: Key) -> bool:
    above = spec.low is None or data >= spec.low
    return above and (spec.high is None or data <= spec.high)


def _range(spec: Key) -> str:
    low = "…" if spec.low is None else f"{spec.low:g}"
    high = "…" if spec.high is None else f"{spec.high:g}"
    return f"{low} to {high}"


def _hint(spec: Spec) -> str:
    return f" ({spec.hint})" if isinstance(spec, Key) and spec.hint else ""


def _name(path: Path) -> str:
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _unknown(name: str, known: tuple[str, ...]) -> str:
    """Name the key that was probably meant; a wrong unit is the likeliest mistake of all."""
    stem = _UNIT.sub("", name)
    for other in known:
        if other != name and _UNIT.search(other) and _UNIT.sub("", other) == stem:
            unit = _UNIT_NAMES.get(other.rsplit("_", 1)[1], other.rsplit("_", 1)[1])
            return f"unknown key '{name}': write {other}, in {unit}"
    if close := difflib.get_close_matches(name, known, n=1):
        return f"unknown key '{name}': did you mean {close[0]}?"
    return f"unknown key '{name}'; allowed here: {', '.join(known)}"
