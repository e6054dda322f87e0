"""A connector kept for one customer: who may come, until when, and what the guard may know of it.

Pure. Source: OCPI mod_commands, ReserveNow; mod_sessions, Reservation.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from laddvakt_agent.core.session import Reservation
from laddvakt_agent.published import SessionRecord, TokenRef


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One reservation. `party` and `id` together are its name: platforms may choose equal ids."""

    party: str  # the platform's name in the configuration
    id: str  # as the platform calls it; a CiString
    connector: str
    evse_uid: str
    token: TokenRef
    group_id: str | None = None  # of the token: others of its group may come instead
    since_at: datetime
    expires_at: datetime
    session_id: str  # of the OCPI session that stands for it, also once it is redeemed
    response_url: str  # where the platform hears if it cannot be kept
    authorization_reference: str | None = None

    @property
    def name(self) -> str:
        """Unique here, whatever ids other platforms use."""
        return f"{self.party}:{self.id}"

    @property
    def customer(self) -> str:
        """Who may come, for people: whose customer, by which platform; never the card."""
        return f"{self.token.country_code} {self.token.party_id} ({self.party})"

    def redeems(self, token: TokenRef, group_id: str | None = None) -> bool:
        """Whether this is the customer, or somebody of the same group."""
        same_party = _party(token) == _party(self.token)
        if same_party and token.uid.casefold() == self.token.uid.casefold():
            return True
        mine, theirs = self.group_id, group_id
        return same_party and mine is not None and theirs is not None and _ci(mine) == _ci(theirs)

    def over(self, now: datetime) -> bool:
        """Whether its time has come; `now` by the same clock that judged it before."""
        return now >= self.expires_at

    def begun(self, now_s: float, now: datetime) -> Reservation:
        """What the session that redeems it begins with."""
        kept_s = max((now - self.since_at).total_seconds(), 0.0)
        return Reservation(id=self.name, since_s=now_s - kept_s)

    def record(self, changed_at: datetime, ended_at: datetime | None = None) -> SessionRecord:
        """Its session while nobody has come, or once nobody will."""
        last = None if ended_at is None else max(ended_at, self.since_at)
        return SessionRecord(
            id=self.session_id,
            evse_uid=self.evse_uid,
            connector_id=self.connector,
            token=self.token,
            auth_method="COMMAND",
            started_at=self.since_at,
            ended_at=last,
            meter_id=None,
            start_wh=None,
            energy_wh=0.0,
            periods=(),
            changed_at=changed_at,
            reservation=self.name,
            authorization_reference=self.authorization_reference,
            waiting=True,
        )


class Reserver(Protocol):
    """Who is told what became of a reservation."""

    def redeemed(self, held: Held) -> None:
        """The customer has come: its session runs."""
        ...

    def dropped(self, held: Held, reason: str) -> None:
        """The connector cannot keep it."""
        ...


class Ceiling(Protocol):
    """What a charging profile allows a connector now."""

    def limit_a(self) -> float | None:
        """Ampere on each phase; `None`: it says nothing."""
        ...

    def due_s(self) -> float | None:
        """When that may change, in seconds of this boot; `None`: not by time."""
        ...

    def who(self) -> str:
        """Whose profile it is, for people; empty where it says nothing."""
        ...


def _party(token: TokenRef) -> tuple[str, str]:
    return _ci(token.country_code), _ci(token.party_id)


def _ci(text: str) -> str:
    """Two CiStrings are equal when these are."""
    return text.casefold()
