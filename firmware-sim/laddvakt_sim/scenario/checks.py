"""Values of a scenario file, checked; mistakes are collected with their line and the remedy."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from laddvakt_sim.scenario.lines import Path, line_of

Table = Mapping[str, object]

_CODE = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: where, what, and what to do; `line` counts from 1."""

    line: int
    what: str
    remedy: str


class ScenarioError(Exception):
    """A scenario cannot be used; `problems` has every mistake, the message all of them."""

    def __init__(self, source: str, problems: Sequence[Problem]) -> None:
        self.source = source
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__(
            "\n".join(f"{source}:{p.line}: {p.what}; {p.remedy}" for p in self.problems)
        )


@dataclass(frozen=True, slots=True)
class At:
    """A table and where it stands, for messages and lines."""

    table: Table
    path: Path = ()

    def under(self, key: str) -> Path:
        """The place of one of its keys."""
        return (*self.path, key)


class Checks:
    """Takes values out of tables; a wrong one is replaced by a harmless one and noted."""

    def __init__(self, lines: dict[Path, int]) -> None:
        self.lines = lines
        self.problems: list[Problem] = []

    def wrong(self, path: Path, what: str, remedy: str) -> None:
        """Note a mistake."""
        self.wrong_line(self.line(path), what, remedy)

    def wrong_line(self, line: int, what: str, remedy: str) -> None:
        """Note a mistake of which the line is known."""
        self.problems.append(Problem(line=line, what=what, remedy=remedy))

    def line(self, path: Path) -> int:
        """Where something stands."""
        return line_of(self.lines, path)

    def known(self, at: At, allowed: Sequence[str]) -> None:
        """Complain about keys nobody knows."""
        for key in at.table:
            if key not in allowed:
                self.wrong(at.under(key), f"unknown key {key!r}", near(key, allowed))

    def table(self, at: At, key: str) -> At:
        """A table, empty when there is none."""
        value = at.table.get(key, {})
        if isinstance(value, dict):
            return At(cast("Table", value), at.under(key))
        self.wrong(
            at.under(key), f"{key} = {shown(value)}", "it must be a table: { … } or its own [ ]"
        )
        return At({}, at.under(key))

    def tables(self, at: At, key: str) -> list[At]:
        """The tables of a list, none when there is no list."""
        found = at.table.get(key, [])
        if isinstance(found, list) and all(isinstance(entry, dict) for entry in found):
            return [At(entry, (*at.path, key, n)) for n, entry in enumerate(found)]
        self.wrong(at.under(key), f"{key} must be a list of tables", f"begin each with [[{key}]]")
        return []

    def text(self, at: At, key: str, default: str | None = None) -> str:
        """Text that is not blank; without a default it must be given."""
        value = at.table.get(key, default)
        if isinstance(value, str) and value.strip():
            return value
        self._refuse(at, key, value, f'write {key} = "…"')
        return "?"

    def flag(self, at: At, key: str, *, default: bool) -> bool:
        """True or false."""
        value = at.table.get(key, default)
        if isinstance(value, bool):
            return value
        self._refuse(at, key, value, "allowed are true and false")
        return default

    def one(self, at: At, key: str, allowed: Sequence[str], default: str | None = None) -> str:
        """One of a closed set; without a default it must be given."""
        value = at.table.get(key, default)
        if isinstance(value, str) and value in allowed:
            return value
        self._refuse(at, key, value, near(str(value), allowed))
        return allowed[0]

    def some(
        self, at: At, key: str, allowed: Sequence[str], default: tuple[str, ...]
    ) -> tuple[str, ...]:
        """A list of members of a closed set."""
        value = at.table.get(key, list(default))
        if not isinstance(value, list):
            self._refuse(at, key, value, f"write a list of: {', '.join(allowed)}")
            return default
        for part in value:
            if part not in allowed:
                self._refuse(at, key, part, near(str(part), allowed))
        return tuple(part for part in value if part in allowed)

    def whole(self, at: At, key: str, span: tuple[int, int], default: int | None = None) -> int:
        """A whole number in a span; without a default it must be given."""
        value = at.table.get(key, default)
        if type(value) is int and span[0] <= value <= span[1]:
            return value
        self._refuse(at, key, value, f"allowed is a whole number {span[0]} to {span[1]}")
        return span[0]

    def number(
        self, at: At, key: str, span: tuple[float, float], default: float | None = None
    ) -> float:
        """A number in a span; without a default it must be given."""
        value = at.table.get(key, default)
        if is_number(value) and span[0] <= cast("float", value) <= span[1]:
            return float(cast("float", value))
        self._refuse(at, key, value, f"allowed is a number {span[0]:g} to {span[1]:g}")
        return span[0]

    def numbers(self, at: At, key: str, span: tuple[float, float], count: int) -> list[float]:
        """A list of so many numbers in a span."""
        value = at.table.get(key)
        fine = isinstance(value, list) and len(value) == count
        if fine and all(
            is_number(n) and span[0] <= n <= span[1] for n in cast("list[float]", value)
        ):
            return [float(number) for number in cast("list[float]", value)]
        allowed = f"{count} numbers {span[0]:g} to {span[1]:g}"
        self._refuse(at, key, value, f"allowed is a list of {allowed}")
        return [span[0]] * count

    def code(self, path: Path, code: object, known: Collection[str] | None) -> None:
        """Complain about a fault code that cannot be one, or is none of those known."""
        if not isinstance(code, str) or not _CODE.fullmatch(code):
            self.wrong(path, f"{shown(code)} is no fault code", "write one such as over_voltage")
        elif known is not None and code not in known:
            self.wrong(path, f'the agent knows no fault "{code}"', near(code, sorted(known)))

    def _refuse(self, at: At, key: str, value: object, remedy: str) -> None:
        what = f"{key} is missing" if value is None else f"{key} = {shown(value)}"
        self.wrong(at.under(key), what, remedy)


def is_number(value: object) -> bool:
    """A finite number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def shown(value: object) -> str:
    """A value as TOML has it, cut when it is long."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value[:60]}"'
    if isinstance(value, dict):
        inside = ", ".join(f"{key} = {shown(part)}" for key, part in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(shown(part) for part in value)}]"
    return str(value)[:60]


def near(given: str, allowed: Sequence[str]) -> str:
    """What was probably meant, or everything allowed."""
    close = difflib.get_close_matches(given[:60], allowed, n=3, cutoff=0.6)
    if close:
        return f"did you mean {' or '.join(close)}?"
    return f"allowed are {', '.join(allowed)}"
