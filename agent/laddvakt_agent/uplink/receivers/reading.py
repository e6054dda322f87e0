"""Reads the bodies of orders: what is needed is judged, what is not known is left alone.

Null and missing are the same (transport_and_format). Only what an order needs is demanded of it:
a Token that lacks a field nobody uses here still starts a session.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.text import from_date_time

CI_STRING = 36  # the limit of every id in an order
URL = 255
MOST = 1e9  # no power, current or energy of a charger is more


class Unreadable(ValueError):
    """A field that is missing or wrong; the message names it and says what would be right."""


def fields_of(body: object) -> Mapping[str, object]:
    """The fields of an object.

    Raises:
        Unreadable: it is none.
    """
    if isinstance(body, Mapping):
        return body
    raise Unreadable("the body must be a JSON object")


def ci_string(of: Mapping[str, object], name: str, limit: int = CI_STRING) -> str:
    """A required CiString.

    Raises:
        Unreadable: it is missing, too long or not printable ASCII.
    """
    value = of.get(name)
    if value is None:
        raise Unreadable(f"{name}: required")
    plain = isinstance(value, str) and value.isascii() and value.isprintable()
    if not isinstance(value, str) or not plain or not 0 < len(value) <= limit:
        raise Unreadable(f"{name}: 1 to {limit} printable ASCII characters")
    return value


def optional(of: Mapping[str, object], name: str, limit: int = CI_STRING) -> str | None:
    """A CiString that may be absent.

    Raises:
        Unreadable: it is too long or not printable ASCII.
    """
    return None if of.get(name) is None else ci_string(of, name, limit)


def date_time(of: Mapping[str, object], name: str) -> datetime:
    """A required DateTime.

    Raises:
        Unreadable: it is missing or none.
    """
    value = of.get(name)
    try:
        if isinstance(value, str):
            return from_date_time(value)
    except (ValueError, OverflowError):
        pass  # said below, like everything else that is none
    raise Unreadable(f"{name}: required, a DateTime like 2027-01-31T10:00:00Z")


def url(of: Mapping[str, object], name: str) -> str:
    """A required absolute http or https URL.

    Raises:
        Unreadable: it is missing, too long or none.
    """
    value = of.get(name)
    # A backslash or a user name means one host to one library and another to the next.
    plain = isinstance(value, str) and value.isprintable() and not set(value) & set(" \\@")
    if isinstance(value, str) and plain and len(value) <= URL:
        try:
            parts = urlsplit(value)
            if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
                return value
        except ValueError:
            pass  # a port that is no number: said below
    raise Unreadable(f"{name}: required, an absolute URL of at most {URL} characters")


def token(of: Mapping[str, object], name: str = "token") -> tuple[TokenRef, str | None]:
    """A required Token: who it is, and its group.

    Raises:
        Unreadable: it is missing, or does not say who it is.
    """
    value = of.get(name)
    if not isinstance(value, Mapping):
        raise Unreadable(f"{name}: required, a Token object")
    try:
        who = TokenRef(
            uid=ci_string(value, "uid"),
            type=ci_string(value, "type"),
            contract_id=ci_string(value, "contract_id"),
            country_code=ci_string(value, "country_code", 2).upper(),
            party_id=ci_string(value, "party_id", 3).upper(),
        )
        return who, optional(value, "group_id")
    except Unreadable as error:
        raise Unreadable(f"{name}.{error}") from error


def number(of: Mapping[str, object], name: str) -> float:
    """A required number.

    Raises:
        Unreadable: it is missing or none.
    """
    value = of.get(name)
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, int | float) or not plain or not abs(value) < MOST:
        raise Unreadable(f"{name}: required, a number")
    return float(value)


def whole(of: Mapping[str, object], name: str) -> int:
    """A required whole number, 0 or more.

    Raises:
        Unreadable: it is missing or none.
    """
    value = of.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
        raise Unreadable(f"{name}: required, a whole number, 0 or more")
    return value
