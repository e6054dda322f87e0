"""Judges an order by what it says: whether it is ours, whole, and of whoever may give it.

Whether it can be carried out now only the charger knows, and says so later. Source: mod_commands.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from laddvakt_agent.uplink.receivers import reading
from laddvakt_agent.uplink.receivers.orders import By, Charger, Outcome, Place, Reserve, Start

UNKNOWN_LOCATION = 2003
INVALID = 2001


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long an order may take, seconds; `post_s` of it are for the way back."""

    start_s: int = 60
    other_s: int = 30
    post_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An order that was understood and may be tried."""

    connector: str
    detail: str
    timeout_s: int
    do: Callable[[float], Awaitable[Outcome]]  # gets the seconds it may take


class No(Exception):
    """An order that is answered at once: why, what CommandResponse, which OCPI status code."""

    def __init__(self, why: str, result: str = "REJECTED", *, status_code: int = 1000) -> None:
        super().__init__(why)
        self.why, self.result, self.status_code = why, result, status_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """One location's; asks the charger only what it knows at once."""

    place: Place
    charger: Charger
    wall: Callable[[], datetime]
    limits: Limits = field(default_factory=Limits)

    def order(self, verb: str, by: By, body: Mapping[str, object]) -> Accepted:
        """What there is to do.

        Raises:
            No: it is answered at once.
            Unreadable: a field is missing or wrong.
        """
        match verb:
            case "START_SESSION":
                return self._start(by, body)
            case "STOP_SESSION":
                return self._stop(by, body)
            case "RESERVE_NOW":
                return self._reserve(by, body)
            case "CANCEL_RESERVATION":
                return self._cancel(by, body)
            case "UNLOCK_CONNECTOR":
                return self._unlock(by, body)
            case _:
                raise No("unsupported", "NOT_SUPPORTED")

    def _start(self, by: By, body: Mapping[str, object]) -> Accepted:
        token, group_id = reading.token(body)
        connector = self._at(body, needs_connector=True)
        reference = reading.optional(body, "authorization_reference")
        if not by.owns(token):
            raise No("foreign")
        order = Start(
            by=by, token=token, group_id=group_id, connector=connector, reference=reference
        )
        return Accepted(
            connector=connector or "",
            detail=f"token of {token.country_code}*{token.party_id}",
            timeout_s=self.limits.start_s,
            do=lambda within_s: self.charger.start(order, within_s),
        )

    def _stop(self, by: By, body: Mapping[str, object]) -> Accepted:
        session = self.charger.session(reading.ci_string(body, "session_id"))
        if session is None:
            raise No("session", "UNKNOWN_SESSION")
        if not by.owns(session.token):
            raise No("foreign")
        if not session.running:
            raise No("waiting" if session.waiting else "ended")
        return Accepted(
            connector=session.connector,
            detail=f"session {session.id}",
            timeout_s=self.limits.other_s,
            do=lambda within_s: self.charger.stop(session.id, within_s),
        )

    def _reserve(self, by: By, body: Mapping[str, object]) -> Accepted:
        token, group_id = reading.token(body)
        expires_at = reading.date_time(body, "expiry_date")
        reservation_id = reading.ci_string(body, "reservation_id")
        order = Reserve(
            by=by,
            id=reservation_id,
            token=token,
            group_id=group_id,
            connector=self._at(body),
            expires_at=expires_at,
            response_url=reading.url(body, "response_url"),
            reference=reading.optional(body, "authorization_reference"),
        )
        if not by.owns(token):
            raise No("foreign")
        if expires_at <= self.wall():
            raise No("past")
        return Accepted(
            connector=order.connector or "",
            detail=f"reservation {reservation_id}",
            timeout_s=self.limits.other_s,
            do=lambda _: self.charger.reserve(order),
        )

    def _cancel(self, by: By, body: Mapping[str, object]) -> Accepted:
        reservation_id = reading.ci_string(body, "reservation_id")
        return Accepted(
            connector="",
            detail=f"reservation {reservation_id}",
            timeout_s=self.limits.other_s,
            do=lambda _: self.charger.cancel(by, reservation_id),
        )

    def _unlock(self, by: By, body: Mapping[str, object]) -> Accepted:
        for name in ("evse_uid", "connector_id"):
            reading.ci_string(body, name)
        connector = self._at(body)
        if connector is None or self._uid(body) not in self.place.unlockable:
            raise No("no_lock", "NOT_SUPPORTED")
        session = self.charger.running(connector)
        if session is not None and not by.owns(session.token):
            raise No("foreign")
        return Accepted(
            connector=connector,
            detail="",
            timeout_s=self.limits.other_s,
            do=lambda within_s: self.charger.unlock(connector, within_s),
        )

    def _at(self, body: Mapping[str, object], *, needs_connector: bool = False) -> str | None:
        """The connector that is meant; `None`: any of the location.

        Raises:
            No: it is not here, or not said although it must be.
        """
        location_id = reading.ci_string(body, "location_id")
        if location_id.casefold() != self.place.location_id.casefold():
            raise No("location", status_code=UNKNOWN_LOCATION)
        uid, connector_id = self._uid(body), reading.optional(body, "connector_id")
        if uid is None:
            if connector_id is not None:
                raise reading.Unreadable("evse_uid: required where connector_id is given")
            return None
        if uid not in self.place.evses:
            raise No("place", status_code=INVALID)
        connector = self.place.evses[uid]
        if connector_id is None and needs_connector and uid in self.place.connector_required:
            raise No("connector", status_code=INVALID)
        if connector_id is not None and connector_id.casefold() != connector.casefold():
            raise No("place", status_code=INVALID)
        return connector

    def _uid(self, body: Mapping[str, object]) -> str | None:
        uid = reading.optional(body, "evse_uid")
        return None if uid is None else uid.casefold()
