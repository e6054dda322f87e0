"""The plain types of OCPI, each as a rule that reads and writes one JSON value.

Source: types and transport_and_format. Strict is what we send. On receiving, what peers are known
to write and what means but one thing is read, too: `+00:00` and more decimals in a DateTime,
digits below what a number holds, `5.0` for an integer.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import ClassVar, Protocol

from laddvakt_agent.uplink.structs.problems import Report, kind, quoted
from laddvakt_agent.uplink.text import Json, date_time
from laddvakt_agent.uplink.version import Version

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NOT_ASCII = re.compile(r"[^\x20-\x7e]")
_MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{1,9}))?(Z|\+00:00)?"
)
_LARGEST = 10**15  # far beyond any price or energy, still exact with four decimals
_LONGEST = 255  # of an enumeration's value that is not in the tables


class Rule(Protocol):
    """One type."""

    def read(self, value: object, report: Report) -> object:
        """The value as Python has it; BAD, with a note in the report, when it is not that type."""
        ...

    def write(self, value: object, version: Version, explicit_nulls: bool) -> Json:
        """The value as JSON."""
        ...


class _Plain:
    """A value that JSON writes as Python has it."""

    __slots__ = ()

    def write(self, value: object, version: Version, explicit_nulls: bool) -> Json:
        """As it is."""
        del version, explicit_nulls
        return value  # type: ignore[return-value] # read() let nothing else in


@dataclass(frozen=True, slots=True)
class Text(_Plain):
    """A `string`: no control characters."""

    most: int
    least: int = 0
    exactly: bool = False  # `most`, in what we send: codes whose length a standard fixes
    pattern: str = ""  # of all of it
    shown: bool = False  # to people alone: the pattern binds what we send, not what we read
    like: str = ""  # an example, for people
    shape: ClassVar[str] = "a string"
    unfit: ClassVar[re.Pattern[str]] = _CONTROL

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        if not isinstance(value, str):
            return report.refuse(f"is {kind(value)}", self._right())
        least = self.least
        if report.strict:
            least = self.most if self.exactly else max(least, 1)  # an empty one says nothing
        if not least <= len(value) <= self.most:
            return report.refuse(f"has {len(value)} characters", self._right(least))
        unfit = self.unfit.search(value)
        if unfit is not None:
            wrong = f"has {quoted(unfit.group())} at position {unfit.start() + 1}"
            return report.refuse(wrong, self._right())
        bound = self.pattern and (report.strict or not self.shown)
        if bound and re.fullmatch(self.pattern, value) is None:
            return report.refuse(f"is {quoted(value)}", self._right())
        return value

    def _right(self, least: int = 0) -> str:
        if self.like:
            return f"write it like {self.like}"
        if least == self.most:
            return f"write {self.shape} of {least} characters"
        return f"write {self.shape} of {max(least, self.least)} to {self.most} characters"


@dataclass(frozen=True, slots=True)
class Ci(Text):
    """A `CiString`: printable ASCII, compared without regard to case; an id is never empty."""

    least: int = 1
    shape: ClassVar[str] = "printable ASCII"
    unfit: ClassVar[re.Pattern[str]] = _NOT_ASCII


@dataclass(frozen=True, slots=True)
class Secret(Ci):
    """A credentials token: nothing of it is ever shown."""

    pattern: str = r"[\x21-\x7e]+"
    like: str = "64 or fewer printable ASCII characters without spaces"

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        if isinstance(value, str) and re.fullmatch(r"[\x21-\x7e]{1,64}", value):
            return value
        return report.refuse("is not usable as a token", self._right())


@dataclass(frozen=True, slots=True)
class Number(_Plain):
    """A `number`, exact; further decimals of a received one are rounded off."""

    places: int = 4
    rounding: str = ROUND_HALF_EVEN
    least: int = -_LARGEST

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return report.refuse(f"is {kind(value)}", "write a number")
        if not (_finite(value) and self.least <= value < _LARGEST):
            return report.refuse("is out of range", f"write a number from {self.least} up")
        exact = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        held = exact.quantize(Decimal(1).scaleb(-self.places), self.rounding)
        if exact == held:
            return exact + 0  # without a negative zero
        if report.strict:
            wrong = f"is {quoted(value)}"
            return report.refuse(wrong, f"write at most {self.places} decimals")
        return held + 0

    def write(self, value: object, version: Version, explicit_nulls: bool) -> Json:
        """As a whole number where it is one; a float has digits enough for all the others."""
        del version, explicit_nulls
        if not isinstance(value, Decimal):
            raise TypeError(f"a number of an object is {value!r}: make it a Decimal")
        return int(value) if value == value.to_integral_value() else float(value)


@dataclass(frozen=True, slots=True)
class Whole(_Plain):
    """An `int`."""

    least: int = -(2**31)
    most: int = 2**31 - 1

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        right = f"write an integer from {self.least} to {self.most}"
        if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
            return report.refuse(f"is {kind(value)}", right)
        if not (_finite(value) and self.least <= value <= self.most):
            return report.refuse("is out of range", right)
        if not isinstance(value, int) and (report.strict or value != int(value)):
            return report.refuse(f"is {quoted(value)}", right)
        return int(value)


@dataclass(frozen=True, slots=True)
class Flag(_Plain):
    """A `boolean`."""

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        if not isinstance(value, bool):
            return report.refuse(f"is {kind(value)}", "write true or false")
        return value


@dataclass(frozen=True, slots=True)
class Moment:
    """A `DateTime`, aware and in UTC; received ones to the millisecond."""

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        right = "write it like 2027-03-01T12:00:00.000Z"
        found = _MOMENT.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            return report.refuse(f"is {quoted(value)}", right)
        seconds, fraction, zone = found.groups()
        if report.strict and (zone != "Z" or len(fraction or "") > 3):
            return report.refuse(f"is {quoted(value)}", right)
        try:
            moment = datetime.fromisoformat(seconds).replace(tzinfo=UTC)
        except ValueError:
            return report.refuse(f"is {quoted(value)}, a time there is not", right)
        return moment.replace(microsecond=int((fraction or "0")[:3].ljust(3, "0")) * 1000)

    def write(self, value: object, version: Version, explicit_nulls: bool) -> Json:
        """With three decimals and `Z`."""
        del version, explicit_nulls
        if not isinstance(value, datetime):
            raise TypeError(f"a time of an object is {value!r}: make it a datetime")
        return date_time(value)


@dataclass(frozen=True, slots=True)
class OneOf(_Plain):
    """An enumeration, case-sensitive: closed, or an `OpenEnum` since some version."""

    values: tuple[str, ...]
    later: tuple[str, ...] = ()  # … those that 2.3.0 added
    earlier: tuple[str, ...] = ()  # … those that it took away
    open_since: Version | None = None

    def read(self, value: object, report: Report) -> object:
        """See `Rule`."""
        is_old = report.version is Version.V2_2_1
        allowed = self.values + (self.earlier if is_old else self.later)
        if isinstance(value, str) and value in allowed:
            return value
        if self._is_open(report.version):
            return Text(_LONGEST, least=1).read(value, report)
        return report.refuse(f"is {quoted(value)}", "write one of " + _listed(allowed))

    def _is_open(self, version: Version) -> bool:
        order = list(Version)
        return self.open_since is not None and order.index(version) >= order.index(self.open_since)


def _finite(value: float | Decimal) -> bool:
    """Of any number, however large."""
    return isinstance(value, int) or (
        value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    )


def _listed(values: tuple[str, ...]) -> str:
    text = ", ".join(values[:12])
    return text if len(values) <= 12 else f"{text}, …"
