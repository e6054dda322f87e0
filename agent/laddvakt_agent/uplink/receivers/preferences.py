"""Charging preferences of a driver: PUT {sessions}/{id}/charging_preferences. mod_sessions.

A profile type may only be chosen where a tariff of its own stands for it, and where the charger can
do anything about it. Without both an EVSE lacks CHARGING_PREFERENCES_CAPABLE, and the specification
wants HTTP 404 with 2001.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from laddvakt_agent.uplink.receivers import reading
from laddvakt_agent.uplink.receivers.commands import by_of
from laddvakt_agent.uplink.receivers.orders import SessionAt
from laddvakt_agent.uplink.serving import Asked, Caller, Refused, Reply, Role, not_allowed
from laddvakt_agent.uplink.version import Version

SUFFIX = "charging_preferences"
PROFILE_TYPES = frozenset({"CHEAP", "FAST", "GREEN", "REGULAR"})
_MISSING = 404


@dataclass(frozen=True, slots=True, kw_only=True)
class Able:
    """What can be preferred at one EVSE."""

    profile_types: frozenset[str]
    most_kw: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencesReceiver:
    """The one method of the sessions module that changes something."""

    session: Callable[[str], SessionAt | None]
    wall: Callable[[], datetime]
    able: Mapping[str, Able] = field(default_factory=dict)  # by EVSE uid; absent: not capable
    identifier: str = "sessions"
    role: Role = Role.SENDER
    versions: frozenset[Version] = frozenset(Version)

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """Judge the preferences of a driver.

        Raises:
            Refused: no such session, not the caller's, or this EVSE takes none.
        """
        if asked.method != "PUT":
            raise not_allowed(asked, "GET")
        if len(asked.segments) != 2 or asked.segments[1] != SUFFIX:
            raise Refused(f"PUT is for {{session_id}}/{SUFFIX} alone", http_status=_MISSING)
        session = self.session(asked.segments[0])
        if session is None or not by_of(asked).owns(session.token):
            raise Refused("you have no such session here", http_status=_MISSING)
        able = self.able.get(session.evse_uid)
        if able is None:
            raise Refused("this EVSE takes no charging preferences", http_status=_MISSING)
        try:
            return Reply(data=judged(asked.body, able, self.wall(), running=session.running))
        except reading.Unreadable as error:
            raise Refused(str(error)) from error


def judged(body: object, able: Able, now: datetime, *, running: bool) -> str:
    """A ChargingPreferencesResponse.

    Raises:
        Unreadable: a field is missing or wrong.
    """
    fields = reading.fields_of(body)
    wanted = reading.ci_string(fields, "profile_type")
    if wanted not in PROFILE_TYPES:
        raise reading.Unreadable(f"profile_type: one of {', '.join(sorted(PROFILE_TYPES))}")
    departs = fields.get("departure_time") is not None
    departure = reading.date_time(fields, "departure_time") if departs else None
    needs = fields.get("energy_need") is not None
    need_kwh = reading.number(fields, "energy_need") if needs else None
    if wanted not in able.profile_types:
        return "PROFILE_TYPE_NOT_SUPPORTED"
    if not running:
        return "NOT_POSSIBLE"
    if departure is not None:
        left_h = (departure - now).total_seconds() / 3600.0
        if left_h <= 0.0 or (need_kwh is not None and need_kwh > left_h * able.most_kw):
            return "NOT_POSSIBLE"
    return "ACCEPTED"
