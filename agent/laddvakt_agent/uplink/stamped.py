"""`last_updated` inside a Location. Pure.

It moves only on a change, and a child's change moves its parents (mod_locations, GET List).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_agent.uplink.objects import Json
from laddvakt_agent.uplink.text import date_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from laddvakt_agent.uplink.objects import Content


def stamped_location(
    content: Content,
    *,
    before: Content | None,
    statuses: Mapping[str, tuple[Json, datetime]],
    fresh: datetime,
) -> Content:
    """The Location to PUT.

    `content` carries no times; `before` is the one the receiver has, `None` when that is in
    doubt; `statuses` gives each EVSE's status with its own `last_updated`; whatever else is not
    as before gets `fresh`, which is later than anything sent so far.
    """
    old = before or {}
    old_evses = _objects(old, "evses")
    by_uid = {evse["uid"]: evse for evse in old_evses}
    evses = [
        _evse(evse, by_uid.get(evse["uid"], {}), statuses.get(str(evse["uid"])), fresh)
        for evse in _objects(content, "evses")
    ]
    is_same = _bare(content, "evses") == _bare(old, "evses") and evses == old_evses
    own = str(old["last_updated"]) if is_same else date_time(fresh)
    stamps = [own, *(str(evse["last_updated"]) for evse in evses)]
    return {**content, "evses": list[Json](evses), "last_updated": max(stamps)}


def with_statuses(location: Content, statuses: Mapping[str, tuple[Json, datetime]]) -> Content:
    """A Location as the receiver has it after these EVSE statuses were told one by one."""
    evses: list[Content] = []
    for evse in _objects(location, "evses"):
        told = statuses.get(str(evse["uid"]))
        if told is not None:
            evse = {**evse, "status": told[0], "last_updated": date_time(told[1])}  # noqa: PLW2901 - the newer one
        evses.append(evse)
    stamps = [str(location["last_updated"]), *(str(evse["last_updated"]) for evse in evses)]
    return {**location, "evses": list[Json](evses), "last_updated": max(stamps)}


def _evse(
    evse: Content, old: Content, status: tuple[Json, datetime] | None, fresh: datetime
) -> Content:
    old_connectors = {item["id"]: item for item in _objects(old, "connectors")}
    connectors = [
        _connector(item, old_connectors.get(item["id"], {}), fresh)
        for item in _objects(evse, "connectors")
    ]
    told = {**evse} if status is None else {**evse, "status": status[0]}
    ignored = ("connectors",) if status is None else ("connectors", "status")
    is_same = _bare(told, *ignored) == _bare(old, *ignored)
    is_same = is_same and len(connectors) == len(old_connectors)
    stamps = [str(old["last_updated"]) if is_same else date_time(fresh)]
    stamps += [str(item["last_updated"]) for item in connectors]
    if status is not None:
        stamps.append(date_time(status[1]))
    return {**told, "connectors": list[Json](connectors), "last_updated": max(stamps)}


def _connector(connector: Content, old: Content, fresh: datetime) -> Content:
    is_same = connector == _bare(old)
    stamp = str(old["last_updated"]) if is_same else date_time(fresh)
    return {**connector, "last_updated": stamp}


def _bare(content: Content, *without: str) -> Content:
    dropped = {"last_updated", *without}
    return {name: value for name, value in content.items() if name not in dropped}


def _objects(content: Content, name: str) -> list[Content]:
    value = content.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
