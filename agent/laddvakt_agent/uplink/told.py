"""What every told object is made of: content, its limits, and the last check before it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.text import string

if TYPE_CHECKING:
    from laddvakt_agent.uplink.settings import UplinkSettings
    from laddvakt_agent.uplink.text import Content, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Where editions of the specification differ, in characters."""

    address: int  # of a Location
    plain_data: int  # of a SignedValue


_SHORT = Limits(address=45, plain_data=512)  # every receiver takes these
_LONG = Limits(address=255, plain_data=5000)


def limits(settings: UplinkSettings) -> Limits:
    """How long strings may be for this platform."""
    return _LONG if settings.long_strings else _SHORT


def leaving(settings: UplinkSettings, what: str, body: Content, *, patch: bool = False) -> Content:
    """A body as this platform gets it, with explicit nulls where it wants them.

    Raises:
        Invalid: it breaks the tables of the platform's version and must not be sent.
    """
    nulls = settings.explicit_nulls and not patch
    return structs.checked(settings.version, what, body, patch=patch, explicit_nulls=nulls)


def present(**fields: Json) -> Content:
    """The fields that have a value; OCPI reads a missing one as null."""
    return {name: value for name, value in fields.items() if value is not None}


def optional(value: str | None, limit: int) -> str | None:
    """A string within its limit; nothing printable is nothing."""
    return string(value, limit) or None if value is not None else None
