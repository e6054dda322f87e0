"""What was metered, as OCPI mod_cdrs tells it: charging periods and signed values. Pure."""

from __future__ import annotations

import base64
from itertools import chain, repeat
from typing import TYPE_CHECKING

from laddvakt_agent.uplink.text import date_time, hours, identifier, kwh, number, string

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord
    from laddvakt_agent.uplink.text import Content, Json

_SIGNED_MAX, _KEY_MAX = 5000, 512  # characters
_OCMF_PARTS = 3  # OCMF|payload|signature


def charging_periods(
    periods: Sequence[PeriodRecord],
    started_at: datetime,
    ended_at: datetime | None,
    tariff_ids: Sequence[str | None] = (),
) -> list[Json]:
    """ENERGY, and TIME while it charged or PARKING_TIME while the vehicle did not want to.

    Time in which a fault or the station held it back is neither: mod_cdrs, CdrDimensionType.
    Wall times may step while a session runs; the periods stay in order and within the session.
    Energies are rounded as a running sum, so that those told add up to the total that is told.
    `tariff_ids`: by which tariff each is priced, as far as one is.
    """
    result: list[Json] = []
    floor, counted_mwh, told = started_at, 0, 0.0
    for period, tariff_id in zip(periods, chain(tariff_ids, repeat(None)), strict=False):
        floor = max(floor, period.started_at)
        floor = floor if ended_at is None else min(floor, ended_at)
        counted_mwh += round(period.energy_wh * 1000)
        told_before, told = told, kwh(counted_mwh / 1000)
        energy_kwh = number(told - told_before)
        result.append(_period(floor, energy_kwh, _volumes(period), tariff_id))
    return result


def whole_period(record: CdrRecord, tariff_id: str | None = None) -> Content:
    """All of a session as one period, where none was recorded."""
    times = {"TIME": hours(record.charging_s), "PARKING_TIME": hours(record.parking_s)}
    return _period(record.session.started_at, kwh(record.session.energy_wh), times, tariff_id)


def signed_data(record: SessionRecord, plain_max: int) -> Content | None:
    """What the meter signed at the start and the end; `None` without both.

    `plain_max`: characters of the readable part. What is signed, and the key, is told whole or not
    at all: a part of it proves nothing.
    """
    if record.start is None or record.end is None:
        return None
    start, end = record.start.signed, record.end.signed
    if start is None or end is None:
        return None
    values: list[Json] = []
    for nature, signed in (("Start", start), ("End", end)):
        whole = base64.b64encode(signed.text.encode()).decode()
        if len(whole) > _SIGNED_MAX:
            return None
        plain = string(_readable(signed.text), plain_max)
        values.append({"nature": nature, "plain_data": plain, "signed_data": whole})
    body: Content = {"encoding_method": identifier(end.encoding, 36), "signed_values": values}
    if end.public_key is not None and len(end.public_key) <= _KEY_MAX:
        body["public_key"] = string(end.public_key, _KEY_MAX)
    return body


def _volumes(period: PeriodRecord) -> dict[str, float]:
    """Every dimension but the energy."""
    if period.charging:
        highest = {} if period.max_a is None else {"MAX_CURRENT": number(period.max_a)}
        return {"TIME": hours(period.duration_s)} | highest
    if period.reserved:
        return {"RESERVATION_TIME": hours(period.duration_s)}
    return {} if period.held else {"PARKING_TIME": hours(period.duration_s)}


def _period(
    started_at: datetime, energy_kwh: float, volumes: Mapping[str, float], tariff_id: str | None
) -> Content:
    dimensions: list[Json] = [{"type": "ENERGY", "volume": energy_kwh}]
    dimensions += [{"type": name, "volume": volume} for name, volume in volumes.items()]
    period: Content = {"start_date_time": date_time(started_at), "dimensions": dimensions}
    return period if tariff_id is None else {**period, "tariff_id": tariff_id}


def _readable(text: str) -> str:
    """What a person may read of it."""
    parts = text.split("|")
    return parts[1] if len(parts) == _OCMF_PARTS else text
