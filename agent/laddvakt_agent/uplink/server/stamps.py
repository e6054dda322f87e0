"""The `last_updated` of what is pulled: the one that was pushed, or one later than any. Pure.

Source: mod_locations, GET List: a child's change moves its parents.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from laddvakt_agent.ledger.shown import ShownRow
from laddvakt_agent.uplink.objects import Content, Json
from laddvakt_agent.uplink.text import date_time, from_date_time, next_stamp

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STATE = ("status", "faults")  # of an EVSE: what changes by itself


@dataclass(frozen=True, slots=True)
class Known:
    """A content that a platform was sent or shown, by its digest, and with which time."""

    digest: str | None  # `None`: something was sent, but not known what
    stamp: datetime


def digest_of(content: Content) -> str:
    """The same for the same content."""
    return hashlib.sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:32]


def known_of(told: Known | None, shown: ShownRow | None) -> list[Known]:
    """What a platform has of an object: pushed to it, and shown when it asked."""
    pulled = None if shown is None else Known(shown.digest, from_ms(shown.stamp_ms))
    return [one for one in (told, pulled) if one is not None]


def stamp_of(digest: str, changed_at: datetime, known: list[Known], now: datetime) -> datetime:
    """The time for a content: that which it was told with, otherwise later than any."""
    if not known:
        return next_stamp(changed_at, None)
    youngest = max(item.stamp for item in known)
    if any(item.stamp == youngest and item.digest == digest for item in known):
        return youngest
    if any(item.digest is None for item in known):
        changed_at = max(changed_at, now)
    return next_stamp(changed_at, youngest)


def from_ms(stamp_ms: int) -> datetime:
    """Milliseconds since 1970 UTC as an aware time."""
    return _EPOCH + timedelta(milliseconds=stamp_ms)


def dated_location(
    content: Content,
    before: Content | None,
    changed_at: Mapping[str, datetime],
    now: datetime,
) -> Content:
    """The Location with all its times.

    `content`: as it is now, without times; `before`: as the platform last saw it; `changed_at`:
    when the state of each EVSE changed. An EVSE that is no more stays, as REMOVED: its uid is
    never used for another.
    """
    old = before or {}
    floor = from_date_time(str(old["last_updated"])) if old else None
    fresh = next_stamp(now, floor)
    old_evses = {str(evse["uid"]): evse for evse in objects_in(old, "evses")}
    evses = [
        _evse(evse, old_evses.pop(str(evse["uid"]), {}), changed_at, floor, fresh)
        for evse in objects_in(content, "evses")
    ]
    evses += [_removed(evse, fresh) for evse in old_evses.values()]
    is_same = bare(content, "evses") == bare(old, "evses")
    stamps = [str(old["last_updated"]) if is_same else date_time(fresh)]
    stamps += [str(evse["last_updated"]) for evse in evses]
    return {**content, "evses": list[Json](evses), "last_updated": max(stamps)}


def bare(content: Content, *without: str) -> Content:
    """A content without its time and these fields."""
    dropped = {"last_updated", *without}
    return {name: value for name, value in content.items() if name not in dropped}


def objects_in(content: Content, name: str) -> list[Content]:
    """The objects of a list inside."""
    value = content.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _evse(
    evse: Content,
    old: Content,
    changed_at: Mapping[str, datetime],
    floor: datetime | None,
    fresh: datetime,
) -> Content:
    old_connectors = {item["id"]: item for item in objects_in(old, "connectors")}
    connectors: list[Content] = []
    for item in objects_in(evse, "connectors"):
        known = old_connectors.get(item["id"], {})
        stamp = known["last_updated"] if item == bare(known) else date_time(fresh)
        connectors.append({**item, "last_updated": stamp})
    is_same = bare(evse, "connectors", *_STATE) == bare(old, "connectors", *_STATE)
    is_same = is_same and len(connectors) == len(old_connectors)
    stamps = [str(old["last_updated"]) if is_same else date_time(fresh)]
    stamps += [str(item["last_updated"]) for item in connectors]
    if is_same and any(evse.get(name) != old.get(name) for name in _STATE):
        stamps.append(date_time(next_stamp(changed_at.get(str(evse["uid"]), fresh), floor)))
    return {**evse, "connectors": list[Json](connectors), "last_updated": max(stamps)}


def _removed(evse: Content, fresh: datetime) -> Content:
    if evse.get("status") == "REMOVED":
        return evse
    return {**evse, "status": "REMOVED", "last_updated": date_time(fresh)}
