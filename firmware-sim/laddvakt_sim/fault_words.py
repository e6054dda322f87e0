"""What a fault that can be injected is made of: kinds and their typed parameters."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Value = float | int | bool | str | tuple[int, ...]


class Target(enum.Enum):
    """What a fault is about."""

    CONNECTOR = "connector"  # must be named
    GRID = "grid"  # a connector, or all of them when none is named
    ELSEWHERE = "elsewhere"  # the station, a line or a device: named by its own parameter


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A numeric parameter; `default` None means it may be absent."""

    least: float
    most: float
    default: float | None
    whole: bool = False
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the value, or raise ValueError with what is allowed."""
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        fits = number is not None and self.least <= number <= self.most
        if number is None or not fits or (self.whole and not isinstance(number, int)):
            raise ValueError(self.allowed())
        return number

    def allowed(self) -> str:
        """Say what is allowed."""
        return f"a {'whole ' if self.whole else ''}number {self.least:g} to {self.most:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A parameter with a closed set of values."""

    values: tuple[str, ...]
    default: str | None
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the value, or raise ValueError with what is allowed."""
        if not isinstance(value, str) or value not in self.values:
            raise ValueError(self.allowed())
        return value

    def allowed(self) -> str:
        """Say what is allowed."""
        return "one of " + ", ".join(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A yes/no parameter."""

    default: bool
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the value, or raise ValueError with what is allowed."""
        if value is True or value is False:
            return bool(value)
        raise ValueError(self.allowed())

    def allowed(self) -> str:
        """Say what is allowed."""
        return "true or false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Indices:
    """A list of positions, counted from 1."""

    most: int = 1_000_000
    default: None = None
    required: bool = False

    def check(self, value: object) -> Value:
        """Return the positions in order, or raise ValueError with what is allowed."""
        if not isinstance(value, list) or not value:
            raise ValueError(self.allowed())
        for index in value:
            if type(index) is not int or not 1 <= index <= self.most:
                raise ValueError(self.allowed())
        return tuple(sorted(set(value)))

    def allowed(self) -> str:
        """Say what is allowed."""
        return f"a list of whole numbers from 1 to {self.most}, such as [1, 4]"


Parameter = Number | Choice | Flag | Indices


def seconds() -> Number:
    """The parameter of a fault that ends by itself; absent: when it is cleared."""
    return Number(least=0.001, most=1e6, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of fault."""

    about: str
    target: Target = Target.CONNECTOR
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    one_of: tuple[str, ...] = ()  # at most one of these may be given
