"""OCPI notation: times, numbers, strings and ids as the receiver accepts them. Pure."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Content: TypeAlias = "dict[str, Json]"

NOT_AVAILABLE = "#NA"  # transport_and_format, "No data available"
_STEP = timedelta(milliseconds=1)
_DIGEST = 8


def date_time(moment: datetime) -> str:
    """A DateTime with `Z` and three decimals.

    Raises:
        ValueError: the time has no zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time without a zone: {moment.isoformat()}")
    utc = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='milliseconds')}Z"


def from_date_time(text: str) -> datetime:
    """A DateTime as an aware datetime, UTC where it names no zone; ValueError when it is none."""
    moment = datetime.fromisoformat(text.removesuffix("Z"))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def next_stamp(changed_at: datetime, last: datetime | None) -> datetime:
    """A `last_updated` in whole milliseconds, always later than `last`, whatever the clock did."""
    utc = changed_at.astimezone(UTC)
    stamp = utc.replace(microsecond=utc.microsecond // 1000 * 1000)
    return stamp if last is None or stamp > last else last + _STEP


def number(value: float) -> float:
    """At most four decimals, never a negative zero."""
    return round(value, 4) + 0.0


def kwh(energy_wh: float) -> float:
    """Watt-hours as kilowatt-hours with four decimals."""
    return number(energy_wh / 1000)


def hours(duration_s: float) -> float:
    """Seconds as hours with four decimals."""
    return number(duration_s / 3600)


def string(value: str, limit: int) -> str:
    """Printable and within `limit` characters; what is not printable becomes a space."""
    printable = "".join(char if char.isprintable() else " " for char in value)
    return printable[:limit].strip()


def identifier(value: str, limit: int) -> str:
    """Printable ASCII within `limit`, and still as unique as the value it came from."""
    clean = "".join(char for char in value if char.isascii() and char.isprintable())
    if clean == value and 0 < len(value) <= limit:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:_DIGEST]
    return f"{clean[: limit - _DIGEST - 1]}-{digest}"
