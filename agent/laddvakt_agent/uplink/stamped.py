"""`last_updated` inside a Location. Pure.

It moves only on a change, and a child's change moves its parents (mod_locations, GET List).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_agent.uplink.text import Json, date_time

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from laddvakt_agent.uplink.text import Content

_CHANGES = ("status", "faults")  # of an EVSE, told at its own URL


def stamped_location(
    content: Content,
    *,
    before: Content | None,
    states: Mapping[str, tuple[Content, datetime]],
    fresh: datetime,
    once: Content | None = None,
) -> Content:
    """The Location to PUT.

    `content` carries no times; `before` is the one the receiver has, `None` when that is in
    doubt; `states` gives what changes of each EVSE with its own `last_updated`; whatever else is
    not as before gets `fresh`, which is later than anything sent so far. `once`: the last one the
    receiver is known to have had, if not `before`: an EVSE of it that is no more stays, as REMOVED.
    """
    old = before or {}
    old_evses = _objects(old, "evses")
    uids = {evse["uid"] for evse in _objects(content, "evses")}
    gone = [evse for evse in _objects(once or old, "evses") if evse["uid"] not in uids]
    by_uid = {evse["uid"]: evse for evse in old_evses}
    evses = [
        _evse(evse, by_uid.get(evse["uid"], {}), states.get(str(evse["uid"])), fresh)
        for evse in _objects(content, "evses")
    ]
    evses += [_removed(evse, fresh) for evse in gone]
    is_same = _bare(content, "evses") == _bare(old, "evses") and evses == old_evses
    own = str(old["last_updated"]) if is_same else date_time(fresh)
    stamps = [own, *(str(evse["last_updated"]) for evse in evses)]
    return {**content, "evses": list[Json](evses), "last_updated": max(stamps)}


def with_states(location: Content, states: Mapping[str, tuple[Content, datetime]]) -> Content:
    """A Location as the receiver has it after these EVSE states were told one by one."""
    evses: list[Content] = []
    for evse in _objects(location, "evses"):
        told = states.get(str(evse["uid"]))
        evses.append(evse if told is None else with_state(evse, *told))
    stamps = [str(location["last_updated"]), *(str(evse["last_updated"]) for evse in evses)]
    return {**location, "evses": list[Json](evses), "last_updated": max(stamps)}


def with_state(evse: Content, state: Content, last_updated: datetime) -> Content:
    """An EVSE with what changes of it replaced whole: a field that it lacks is gone."""
    fixed = {name: value for name, value in evse.items() if name not in _CHANGES}
    return {**fixed, **state, "last_updated": date_time(last_updated)}


def _evse(
    evse: Content, old: Content, state: tuple[Content, datetime] | None, fresh: datetime
) -> Content:
    old_connectors = {item["id"]: item for item in _objects(old, "connectors")}
    connectors = [
        _connector(item, old_connectors.get(item["id"], {}), fresh)
        for item in _objects(evse, "connectors")
    ]
    told = {**evse} if state is None else {**evse, **state[0]}
    ignored = ("connectors",) if state is None else ("connectors", *_CHANGES)
    is_same = _bare(told, *ignored) == _bare(old, *ignored)
    is_same = is_same and len(connectors) == len(old_connectors)
    stamps = [str(old["last_updated"]) if is_same else date_time(fresh)]
    stamps += [str(item["last_updated"]) for item in connectors]
    if state is not None:
        stamps.append(date_time(state[1]))
    return {**told, "connectors": list[Json](connectors), "last_updated": max(stamps)}


def _removed(evse: Content, fresh: datetime) -> Content:
    """mod_locations: an EVSE is never deleted, and its uid never used again."""
    if evse.get("status") == "REMOVED":
        return evse
    return with_state(evse, {"status": "REMOVED"}, fresh)


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
