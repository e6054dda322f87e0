"""Commands, charging profiles and what is answered to them.

Source: mod_commands, mod_charging_profiles. Times in seconds; rates in W, or in A of each phase.
"""

from __future__ import annotations

from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import (
    ChargingProfileResponseType,
    ChargingProfileResultType,
    ChargingRateUnit,
    CommandResponseType,
    CommandResultType,
)
from laddvakt_agent.uplink.structs.kinds import Ci36, WebUrl
from laddvakt_agent.uplink.structs.places import DisplayText
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.rules import Number, Whole
from laddvakt_agent.uplink.structs.tokens import Token

_Seconds = Annotated[int, Whole(0)]
# One decimal; a received limit with more is rounded down, since nothing may exceed it.
_Limit = Annotated[Decimal, Number(places=1, rounding=ROUND_FLOOR, least=0)]


class StartSession(Object, frozen=True, kw_only=True):
    """mod_commands, StartSession."""

    response_url: WebUrl
    token: Token
    location_id: Ci36
    evse_uid: Ci36 | None = None
    connector_id: Ci36 | None = None
    authorization_reference: Ci36 | None = None


class StopSession(Object, frozen=True, kw_only=True):
    """mod_commands, StopSession."""

    response_url: WebUrl
    session_id: Ci36


class ReserveNow(Object, frozen=True, kw_only=True):
    """mod_commands, ReserveNow."""

    response_url: WebUrl
    token: Token
    expiry_date: datetime
    reservation_id: Ci36
    location_id: Ci36
    evse_uid: Ci36 | None = None
    authorization_reference: Ci36 | None = None


class CancelReservation(Object, frozen=True, kw_only=True):
    """mod_commands, CancelReservation."""

    response_url: WebUrl
    reservation_id: Ci36


class UnlockConnector(Object, frozen=True, kw_only=True):
    """mod_commands, UnlockConnector."""

    response_url: WebUrl
    location_id: Ci36
    evse_uid: Ci36
    connector_id: Ci36


class CommandResponse(Object, frozen=True, kw_only=True):
    """mod_commands, CommandResponse: the answer at once."""

    result: CommandResponseType
    timeout: _Seconds
    message: tuple[DisplayText, ...] = ()


class CommandResult(Object, frozen=True, kw_only=True):
    """mod_commands, CommandResult: what came of it."""

    result: CommandResultType
    message: tuple[DisplayText, ...] = ()


class ChargingProfilePeriod(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ChargingProfilePeriod: from `start_period` on, until the next."""

    start_period: _Seconds
    limit: _Limit


class ChargingProfile(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ChargingProfile."""

    start_date_time: datetime | None = None
    duration: _Seconds | None = None
    charging_rate_unit: ChargingRateUnit
    min_charging_rate: _Limit | None = None
    charging_profile_period: tuple[ChargingProfilePeriod, ...] = ()


class SetChargingProfile(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, SetChargingProfile."""

    charging_profile: ChargingProfile
    response_url: WebUrl


class ActiveChargingProfile(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ActiveChargingProfile."""

    start_date_time: datetime
    charging_profile: ChargingProfile


class ChargingProfileResponse(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ChargingProfileResponse: the answer at once."""

    result: ChargingProfileResponseType
    timeout: _Seconds


class ActiveChargingProfileResult(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ActiveChargingProfileResult."""

    result: ChargingProfileResultType
    profile: ActiveChargingProfile | None = None


class ChargingProfileResult(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ChargingProfileResult."""

    result: ChargingProfileResultType


class ClearProfileResult(Object, frozen=True, kw_only=True):
    """mod_charging_profiles, ClearProfileResult."""

    result: ChargingProfileResultType
