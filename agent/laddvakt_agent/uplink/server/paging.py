"""Paged lists: what is asked for, and the headers of the reply.

Source: transport_and_format, Pagination.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

from laddvakt_agent.ledger.history import Wanted, to_ms
from laddvakt_agent.uplink.serving import Asked, Refused, Reply

_WHOLE = re.compile(r"[0-9]{1,15}")
_DATE = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+ -]\d\d:\d\d)?", re.ASCII)
_FILTERS = ("date_from", "date_to")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """The part of a list that is asked for."""

    date_from: datetime | None
    date_to: datetime | None
    offset: int
    limit: int

    def wanted(self, party: str) -> Wanted:
        """As the ledger is asked."""
        return Wanted(
            party=party,
            from_ms=None if self.date_from is None else to_ms(self.date_from),
            to_ms=None if self.date_to is None else to_ms(self.date_to),
            offset=self.offset,
            limit=self.limit,
        )

    def holds(self, last_updated: datetime) -> bool:
        """Whether an object of that time is in the list."""
        is_late_enough = self.date_from is None or last_updated >= self.date_from
        return is_late_enough and (self.date_to is None or last_updated < self.date_to)


def cut(query: Mapping[str, str], most: int, *, needs_from: bool = False) -> Cut:
    """What the parameters ask for; `most` objects at once.

    Raises:
        Refused: one of them is not what it should be.
    """
    if needs_from and "date_from" not in query:
        raise Refused(
            "date_from is missing: say from which last_updated on, like 2027-01-31T00:00:00Z"
        )
    limit = whole(query, "limit", most)
    if limit == 0:
        raise Refused("limit is 0: ask for at least one object")
    return Cut(
        date_from=_date(query, "date_from"),
        date_to=_date(query, "date_to"),
        offset=whole(query, "offset", 0),
        limit=min(limit, most),
    )


def paged(asked: Asked, part: Cut, most: int, total: int, data: Sequence[object]) -> Reply:
    """A page with its headers; the last one has no link to another."""
    headers = {"X-Total-Count": str(total), "X-Limit": str(most)}
    after = part.offset + part.limit
    if after < total:
        filters = [(name, asked.query[name]) for name in _FILTERS if name in asked.query]
        query = urlencode([*filters, ("offset", after), ("limit", part.limit)])
        headers["Link"] = f'<{asked.url}?{query}>; rel="next"'
    return Reply(data=list(data), headers=headers)


def whole(query: Mapping[str, str], name: str, default: int) -> int:
    """A whole number that is not negative.

    Raises:
        Refused: it is none.
    """
    text = query.get(name)
    if text is None:
        return default
    if not _WHOLE.fullmatch(text):
        raise Refused(f"{name} = {text!r} is no whole number from 0 on")
    return int(text)


def _date(query: Mapping[str, str], name: str) -> datetime | None:
    """A DateTime, UTC where it names no zone; an offset is not OCPI's but harmless.

    A `+` that was not quoted arrives as a space.
    """
    text = query.get(name)
    if text is None:
        return None
    match = _DATE.fullmatch(text)
    try:
        if match is None:
            raise ValueError(text)  # noqa: TRY301 - told in one place
        zone = (match[3] or "Z").replace(" ", "+")
        micros = (match[2] or "0").ljust(6, "0")[:6]
        moment = datetime.fromisoformat(f"{match[1]}.{micros}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise Refused(
            f"{name} = {text!r} is no DateTime: write it like 2027-01-31T12:00:00Z"
        ) from None
    return moment
