"""Where a CDR was made, as far as it matters for its local time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from laddvakt_agent.core import tariff as core
from laddvakt_agent.pricing.errors import ZoneUnknown
from laddvakt_agent.pricing.zones import zone_name


def needs_local_time(tariffs: Iterable[core.Tariff]) -> bool:
    """Whether some price depends on the local time of day, weekday or date."""
    return any(core.marks_of(tariff).minutes for tariff in tariffs)


def time_zone_of(cdr: Mapping[str, object]) -> str:
    """The time zone of a CDR by its `time_zone`, else by its country and coordinates.

    The country is that of `cdr_location`, else `country`, else the CPO's `country_code`.

    Raises:
        ZoneUnknown: they leave it open.
    """
    place = cdr.get("cdr_location")
    place = place if isinstance(place, Mapping) else {}
    for named in (place.get("time_zone"), cdr.get("time_zone")):
        if isinstance(named, str):
            return named
    for country in (place.get("country"), cdr.get("country"), cdr.get("country_code")):
        if isinstance(country, str):
            at = place.get("coordinates", cdr.get("coordinates"))
            return zone_name(country, _degrees(at, "latitude"), _degrees(at, "longitude"))
    raise ZoneUnknown("the CDR names no country")


def _degrees(at: object, name: str) -> float | None:
    value = at.get(name) if isinstance(at, Mapping) else None
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None
