"""What the prose demands of sessions, CDRs and profiles that have passed their tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from laddvakt_sim.backend.enums import SESSION_ONLY_DIMENSIONS
from laddvakt_sim.backend.validate import Json, moment, objects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

# Half a unit of the fourth decimal, for each rounded summand.
_ROUNDING: Final = 0.00005
# Amounts may have been rounded to the smallest coin each.
_COIN: Final = 0.005
# A clock that is set during a session moves its end, not its duration: what tells hours from
# minutes and seconds is a factor, not a difference.
_HOURS_FACTOR: Final = 20.0
_TOO_SHORT_H: Final = 0.02
_PARTIAL_COSTS: Final = (
    "total_fixed_cost",
    "total_energy_cost",
    "total_time_cost",
    "total_parking_cost",
    "total_reservation_cost",
)
# mod_cdrs, Credit CDRs: all the data of the original, but these.
_OWN_OF_A_CREDIT: Final = frozenset(
    {"id", "credit", "credit_reference_id", "total_cost", "last_updated"}
)
# mod_sessions, SessionStatus: PENDING is the initial state; what is over does not begin again.
_NEXT: Final = {
    "PENDING": {"PENDING", "RESERVATION", "ACTIVE", "COMPLETED", "INVALID"},
    "RESERVATION": {"RESERVATION", "ACTIVE", "COMPLETED", "INVALID"},
    "ACTIVE": {"ACTIVE", "COMPLETED", "INVALID"},
    "INVALID": {"INVALID"},
}


def check_session_update(before: dict[str, Json], after: dict[str, Json]) -> list[str]:
    """A COMPLETED session is never modified, and no session goes back."""
    old, new = str(before.get("status")), str(after.get("status"))
    if old == "COMPLETED":
        return ["status: the session is COMPLETED, it may not be modified"]
    return [] if new in _NEXT.get(old, {new}) else [f"status: {old} does not become {new}"]


def check_credit(credit: dict[str, Json], original: dict[str, Json] | None) -> list[str]:
    """A credit CDR is its original with the total cost turned round."""
    if original is None:
        return [f"credit_reference_id: no CDR {credit.get('credit_reference_id')!r} is here"]
    names = sorted((credit.keys() | original.keys()) - _OWN_OF_A_CREDIT)
    errors = [
        f"{name}: not that of the CDR it credits"
        for name in names
        if credit.get(name) != original.get(name)
    ]
    if _turned(original["total_cost"]) != credit["total_cost"]:
        errors.append("total_cost: the amounts of the CDR it credits, negated, are required")
    return errors


def _turned(value: Json, name: str = "") -> Json:
    """A price with every amount negated; a percentage is no amount."""
    if isinstance(value, dict):
        return {key: _turned(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_turned(item) for item in value]
    is_amount = isinstance(value, int | float) and not isinstance(value, bool)
    return -value + 0 if is_amount and name != "percentage" else value  # type: ignore[operator]


def session_rules(body: dict[str, Json]) -> Iterator[str]:
    """mod_sessions."""
    start, end = moment(body["start_date_time"]), moment(body.get("end_date_time"))
    if body["status"] == "COMPLETED" and end is None:
        yield "end_date_time: a COMPLETED session has one"
    if start is not None and end is not None and end < start:
        yield "end_date_time: before start_date_time"
    periods = objects(body.get("charging_periods"))
    yield from _ordered(periods, start, end)
    energy, count = _sum(periods, "ENERGY")
    excess = energy - _volume(body["kwh"])
    if count and excess > _ROUNDING * (count + 1):
        yield f"kwh: the charging periods add up to {energy:.4f}, more than {body['kwh']}"


def cdr_rules(body: dict[str, Json]) -> Iterator[str]:
    """mod_cdrs."""
    start, end = moment(body["start_date_time"]), moment(body["end_date_time"])
    if start is not None and end is not None and end < start:
        yield "end_date_time: before start_date_time"
    periods = objects(body["charging_periods"])
    for number, period in enumerate(periods):
        for dimension in objects(period["dimensions"]):
            if dimension["type"] in SESSION_ONLY_DIMENSIONS:
                yield f"charging_periods[{number}]: {dimension['type']} is for sessions only"
    yield from _ordered(periods, start, end)
    if periods and moment(periods[0]["start_date_time"]) != start:
        yield "charging_periods[0].start_date_time: the periods must begin with the session"
    yield from _cdr_sums(body, periods)
    yield from _duration(body, start, end)
    yield from _costs(body)
    yield from _credit(body)


def _cdr_sums(body: dict[str, Json], periods: list[dict[str, Json]]) -> Iterator[str]:
    energy, count = _sum(periods, "ENERGY")
    if abs(energy - _volume(body["total_energy"])) > _ROUNDING * (count + 1):
        yield f"total_energy: the charging periods add up to {energy:.4f}"
    charging, charges = _sum(periods, "TIME")
    parking, parks = _sum(periods, "PARKING_TIME")
    slack = _ROUNDING * (charges + parks + 1)
    if charging + parking - _volume(body["total_time"]) > slack:
        yield f"total_time: the charging periods add up to {charging + parking:.4f}"


def _credit(body: dict[str, Json]) -> Iterator[str]:
    if body.get("credit"):
        if body.get("credit_reference_id") is None:
            yield "credit_reference_id: required in a credit CDR"
        return
    if body.get("credit_reference_id") is not None:
        yield "credit_reference_id: for credit CDRs alone"
    if len(str(body["id"])) > 36:
        yield "id: at most 36 characters are allowed unless it is a credit CDR"


def _duration(body: dict[str, Json], start: datetime | None, end: datetime | None) -> Iterator[str]:
    """total_time is in hours."""
    if start is None or end is None:
        return
    hours, told = (end - start).total_seconds() / 3600, _volume(body["total_time"])
    if max(hours, told) > _TOO_SHORT_H and not (
        hours / _HOURS_FACTOR <= told <= max(hours, _TOO_SHORT_H) * _HOURS_FACTOR
    ):
        yield f"total_time: {told} is not in hours, start and end are {hours:.4f} h apart"


def _costs(body: dict[str, Json]) -> Iterator[str]:
    """The parts add up to the whole, unless a least or greatest price may have changed it."""
    parts = [_amount(body[name]) for name in _PARTIAL_COSTS if body.get(name) is not None]
    limited = any(
        tariff.get("min_price") or tariff.get("max_price")
        for tariff in objects(body.get("tariffs"))
    )
    if not parts or limited or body.get("credit"):
        return
    whole = _amount(body["total_cost"])
    if abs(sum(parts) - whole) > _COIN * (len(parts) + 1):
        yield f"total_cost: {whole}, but its parts add up to {sum(parts):.4f}"


def _amount(price: Json) -> float:
    """Without taxes."""
    found = price if isinstance(price, dict) else {}
    return _volume(found.get("before_taxes", found.get("excl_vat")))


def profile_rules(body: dict[str, Json]) -> Iterator[str]:
    """mod_charging_profiles, ActiveChargingProfile."""
    profile = body["charging_profile"]
    previous = -1
    for number, period in enumerate(
        objects(profile.get("charging_profile_period") if isinstance(profile, dict) else None)
    ):
        where = f"charging_profile.charging_profile_period[{number}]"
        start, limit = _volume(period["start_period"]), _volume(period["limit"])
        if (number == 0 and start != 0) or start <= previous:
            yield f"{where}.start_period: the first is 0, each later than the one before"
        if limit < 0 or round(limit, 1) != limit:
            yield f"{where}.limit: not negative and at most one decimal is required"
        previous = int(start)


def _ordered(
    periods: list[dict[str, Json]], start: datetime | None, end: datetime | None
) -> Iterator[str]:
    previous = start
    for number, period in enumerate(periods):
        begun = moment(period["start_date_time"])
        if begun is None or previous is None:
            continue
        if begun < previous:
            yield f"charging_periods[{number}].start_date_time: not in order"
        if end is not None and begun > end:
            yield f"charging_periods[{number}].start_date_time: after the end"
        previous = begun


def _sum(periods: list[dict[str, Json]], dimension_type: str) -> tuple[float, int]:
    volumes = [
        _volume(dimension["volume"])
        for period in periods
        for dimension in objects(period["dimensions"])
        if dimension["type"] == dimension_type
    ]
    return sum(volumes), len(volumes)


def _volume(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
