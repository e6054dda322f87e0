"""Sessions and CDRs. Source: mod_sessions, mod_cdrs. Energies in kWh, times in hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import (
    SESSION_ONLY,
    AuthMethod,
    CdrDimensionType,
    ConnectorFormat,
    ConnectorType,
    PowerType,
    ProfileType,
    SessionStatus,
)
from laddvakt_agent.uplink.structs.kinds import (
    Ci36,
    Ci39,
    Country,
    CountryCode,
    Currency,
    PartyId,
    Text10,
    Text45,
    Text255,
    Text512,
    Text5000,
)
from laddvakt_agent.uplink.structs.places import GeoLocation
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.prices import Price
from laddvakt_agent.uplink.structs.rules import Ci, Number, Text
from laddvakt_agent.uplink.structs.tariffs import Tariff
from laddvakt_agent.uplink.structs.tokens import CdrToken

_Amount = Annotated[Decimal, Number(least=0)]
_NORMAL_ID = 36  # of a CDR that is no credit CDR


class CdrDimension(Object, frozen=True, kw_only=True):
    """mod_cdrs, CdrDimension: kWh, A, kW, h or %, as the type says."""

    type: CdrDimensionType
    volume: Decimal


class ChargingPeriod(Object, frozen=True, kw_only=True):
    """mod_cdrs, ChargingPeriod; it ends where the next begins."""

    start_date_time: datetime
    dimensions: tuple[CdrDimension, ...]
    tariff_id: Ci36 | None = None


class Session(Object, frozen=True, kw_only=True):
    """mod_sessions, Session."""

    country_code: CountryCode
    party_id: PartyId
    id: Ci36
    start_date_time: datetime
    end_date_time: datetime | None = None
    kwh: _Amount
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: Ci36 | None = None
    location_id: Ci36
    evse_uid: Ci36
    connector_id: Ci36
    meter_id: Text255 | None = None
    currency: Currency
    charging_periods: tuple[ChargingPeriod, ...] = ()
    total_cost: Price | None = None
    status: SessionStatus
    last_updated: datetime

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """A finished session says when it ended."""
        if strict and self.status == "COMPLETED" and self.end_date_time is None:
            yield "end_date_time", "is missing", "a completed session needs it"
        if strict:
            yield from _disorder(self.start_date_time, self.end_date_time, self.charging_periods)


class ChargingPreferences(Object, frozen=True, kw_only=True):
    """mod_sessions, ChargingPreferences: energy in kWh."""

    profile_type: ProfileType
    departure_time: datetime | None = None
    energy_need: _Amount | None = None
    discharge_allowed: bool | None = None


class CdrLocation(Object, frozen=True, kw_only=True):
    """mod_cdrs, CdrLocation; its address and state stayed short."""

    id: Ci36
    name: Text255 | None = None
    address: Text45
    city: Text45
    postal_code: Text10 | None = None
    state: Annotated[str, Text(20)] | None = None
    country: Country
    coordinates: GeoLocation
    evse_uid: Ci36
    evse_id: Annotated[str, Ci(48)]
    connector_id: Ci36
    connector_standard: ConnectorType
    connector_format: ConnectorFormat
    connector_power_type: PowerType


class SignedValue(Object, frozen=True, kw_only=True):
    """mod_cdrs, SignedValue; the longer limit of the corrected editions."""

    nature: Annotated[str, Ci(32)]
    plain_data: Text5000
    signed_data: Text5000


class SignedData(Object, frozen=True, kw_only=True):
    """mod_cdrs, SignedData."""

    encoding_method: Ci36
    encoding_method_version: int | None = None
    public_key: Text512 | None = None
    signed_values: tuple[SignedValue, ...]
    url: Text512 | None = None


class CDR(Object, frozen=True, kw_only=True):
    """mod_cdrs, CDR."""

    country_code: CountryCode
    party_id: PartyId
    id: Ci39
    start_date_time: datetime
    end_date_time: datetime
    session_id: Ci36 | None = None
    cdr_token: CdrToken
    auth_method: AuthMethod
    authorization_reference: Ci36 | None = None
    cdr_location: CdrLocation
    meter_id: Text255 | None = None
    currency: Currency
    tariffs: tuple[Tariff, ...] = ()
    charging_periods: tuple[ChargingPeriod, ...]
    signed_data: SignedData | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy: _Amount
    total_energy_cost: Price | None = None
    total_time: _Amount
    total_time_cost: Price | None = None
    total_parking_time: _Amount | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None
    remark: Text255 | None = None
    invoice_reference_id: Ci39 | None = None
    credit: bool | None = None
    credit_reference_id: Ci39 | None = None
    home_charging_compensation: bool | None = None
    last_updated: datetime

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """What the descriptions say beside the types."""
        if self.credit and self.credit_reference_id is None:
            yield "credit_reference_id", "is missing", "a credit CDR needs it"
        if not self.credit and len(self.id) > _NORMAL_ID:
            yield "id", f"has {len(self.id)} characters", "only a credit CDR may have over 36"
        if any(
            item.type in SESSION_ONLY for one in self.charging_periods for item in one.dimensions
        ):
            yield "charging_periods", "have a dimension of sessions alone", "leave it out of a CDR"
        if not strict:
            return
        if self.credit_reference_id is not None and not self.credit:
            yield "credit_reference_id", "is given without credit", "it is for credit CDRs alone"
        yield from _disorder(self.start_date_time, self.end_date_time, self.charging_periods)


def _disorder(
    start: datetime, end: datetime | None, periods: tuple[ChargingPeriod, ...]
) -> Iterator[tuple[str, str, str]]:
    """Times that do not follow each other."""
    if end is not None and end < start:
        yield "end_date_time", "is before start_date_time", "write a time not before it"
    begins = [period.start_date_time for period in periods]
    if begins != sorted(begins):
        yield "charging_periods", "are not in order", "begin with the earliest"
    if begins and (begins[0] < start or (end is not None and begins[-1] > end)):
        yield "charging_periods", "begin outside of the session", "keep them within it"
