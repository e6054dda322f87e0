"""What was metered, as OCPI 2.2.1 mod_cdrs tells it: charging periods and signed values. Pure."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from laddvakt_agent.uplink.text import date_time, hours, kwh, number, string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, SignedText
    from laddvakt_agent.uplink.objects import Content, Json

_PLAIN_MAX = 512  # of SignedValue.plain_data; newer drafts allow more, not every receiver does
_SIGNED_MAX = 5000
_OCMF_PARTS = 3  # OCMF|payload|signature


def charging_periods(
    periods: Sequence[PeriodRecord], started_at: datetime, ended_at: datetime | None
) -> list[Json]:
    """ENERGY, and TIME while it charged or PARKING_TIME while the vehicle did not want to.

    Time in which a fault or the station held it back is neither: mod_cdrs, CdrDimensionType.
    Wall times may step while a session runs; the periods stay in order and within the session.
    Energies are rounded as a running sum, so that those told add up to the total that is told.
    """
    result: list[Json] = []
    floor, counted_mwh, told = started_at, 0, 0.0
    for period in periods:
        floor = max(floor, period.started_at)
        floor = floor if ended_at is None else min(floor, ended_at)
        counted_mwh += round(period.energy_wh * 1000)
        told_before, told = told, kwh(counted_mwh / 1000)
        result.append(_period(floor, number(told - told_before), _volumes(period)))
    return result


def whole_period(record: CdrRecord) -> Content:
    """All of a session as one period, where none was recorded."""
    times = {"TIME": hours(record.charging_s), "PARKING_TIME": hours(record.parking_s)}
    return _period(record.session.started_at, kwh(record.session.energy_wh), times)


def signed_data(record: SessionRecord) -> Content | None:
    """What the meter signed at the start and the end; `None` without both."""
    if record.start is None or record.end is None:
        return None
    start, end = record.start.signed, record.end.signed
    if start is None or end is None:
        return None
    values: list[Json] = [_signed("Start", start), _signed("End", end)]
    body: Content = {"encoding_method": string(end.encoding, 36), "signed_values": values}
    if end.public_key is not None:
        body["public_key"] = string(end.public_key, 512)
    return body


def _volumes(period: PeriodRecord) -> dict[str, float]:
    """Every dimension but the energy."""
    if period.charging:
        highest = {} if period.max_a is None else {"MAX_CURRENT": number(period.max_a)}
        return {"TIME": hours(period.duration_s)} | highest
    if period.reserved:
        return {"RESERVATION_TIME": hours(period.duration_s)}
    return {} if period.held else {"PARKING_TIME": hours(period.duration_s)}


def _period(started_at: datetime, energy_kwh: float, volumes: Mapping[str, float]) -> Content:
    dimensions: list[Json] = [{"type": "ENERGY", "volume": energy_kwh}]
    dimensions += [{"type": name, "volume": volume} for name, volume in volumes.items()]
    return {"start_date_time": date_time(started_at), "dimensions": dimensions}


def _signed(nature: str, signed: SignedText) -> Content:
    """One value: what a person may read of it, and all of it to be checked."""
    parts = signed.text.split("|")
    plain = parts[1] if len(parts) == _OCMF_PARTS else signed.text
    whole = base64.b64encode(signed.text.encode()).decode()
    return {
        "nature": nature,
        "plain_data": string(plain, _PLAIN_MAX),
        "signed_data": string(whole, _SIGNED_MAX),
    }
