"""Contents that say the same, at whatever times it was. Pure."""

from __future__ import annotations

from laddvakt_agent.uplink.text import Json

_TIMES = frozenset({"start_date_time", "end_date_time", "started_at", "cleared_at"})


def same_but_times(one: Json, other: Json) -> bool:
    """Whether two contents say the same, at whatever times it was."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(
            name in _TIMES or same_but_times(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_but_times, one, other))
    return one == other
