"""What is wrong with an object, and what would be right; safe to show to whoever sent it."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from laddvakt_agent.uplink.version import Version

_MOST = 20  # told of one object; whoever sends more mistakes than that gets the first ones
_SHOWN = 3  # of them in the message
_QUOTED = 40  # characters


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake."""

    path: str  # e.g. "evses[0].connectors[1].max_voltage"; "" is the object itself
    wrong: str
    right: str

    def __str__(self) -> str:
        where = f"{self.path} " if self.path else ""
        return f"{where}{self.wrong}: {self.right}"


class Invalid(ValueError):
    """An object that breaks OCPI's tables; its text fits a `status_message`."""

    def __init__(self, name: str, problems: tuple[Problem, ...]) -> None:
        shown = "; ".join(str(problem) for problem in problems[:_SHOWN])
        rest = len(problems) - _SHOWN
        super().__init__(f"{name}: {shown}" + (f"; and {rest} more" if rest > 0 else ""))
        self.name, self.problems = name, problems


class Refusal(enum.Enum):
    """Stands for a value that could not be read; why is in the report."""

    BAD = "bad"


BAD = Refusal.BAD


@dataclass(slots=True, kw_only=True)
class Report:
    """How strictly one object is read, and what was found wrong so far."""

    version: Version
    strict: bool  # what we send; otherwise tolerant as far as OCPI wants it
    stamped: bool = True  # False: `last_updated` may still be missing
    patch: bool = False  # only changes: the object's own fields may be absent
    path: list[str | int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether enough was found to stop looking."""
        return len(self.problems) >= _MOST

    def refuse(self, wrong: str, right: str, *below: str | int) -> Refusal:
        """Note one mistake at the present path."""
        if not self.full:
            self.problems.append(Problem(_text((*self.path, *below)), wrong, right))
        return BAD


def quoted(value: object) -> str:
    """A value in a message: one line of ASCII, and short."""
    if isinstance(value, str):
        cut = value[:_QUOTED]
        return ascii(cut) + ("…" if len(value) > _QUOTED else "")
    return kind(value) if isinstance(value, list | dict) else ascii(value)[:_QUOTED]


def kind(value: object) -> str:
    """What JSON calls this value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    names = {str: "a string", list: "a list", dict: "an object", type(None): "null"}
    return names.get(type(value), "a number")


def _text(path: tuple[str | int, ...]) -> str:
    joined = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return joined.removeprefix(".")
