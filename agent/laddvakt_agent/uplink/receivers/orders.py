"""What platforms may order, as data, and what the charger answers. Knows neither HTTP nor guards.

Source: OCPI mod_commands and mod_charging_profiles; the results are their enums.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from laddvakt_agent.core.ceiling import Profile
from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.serving import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who orders."""

    platform: str  # its name in the configuration
    parties: frozenset[Party]  # that it speaks for

    def owns(self, token: TokenRef) -> bool:
        """Whether this token was given out by one of its parties."""
        return Party.of(token.country_code, token.party_id) in self.parties

    @property
    def words(self) -> str:
        """For logs: the platform, and its parties where there are few."""
        named = sorted(f"{party.country_code}*{party.party_id}" for party in self.parties)
        return f"{self.platform} ({', '.join(named[:3])}{', …' if len(named) > 3 else ''})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """START_SESSION; without a connector the charger chooses."""

    by: By
    token: TokenRef
    group_id: str | None = None
    connector: str | None = None
    reference: str | None = None  # authorization_reference


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """RESERVE_NOW; without a connector the charger chooses."""

    by: By
    id: str
    token: TokenRef
    group_id: str | None = None
    connector: str | None = None
    expires_at: datetime
    response_url: str
    reference: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an order: a CommandResultType, and why, as a key of `words`."""

    result: str
    why: str = ""

    @property
    def accepted(self) -> bool:
        """It was carried out."""
        return self.result == "ACCEPTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionAt:
    """A session the charger knows."""

    id: str
    connector: str
    evse_uid: str
    token: TokenRef
    running: bool  # False: it has ended, or …
    waiting: bool = False  # … is a reservation that nobody has redeemed


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The location as orders name it; ids are CiStrings, the keys in lower case."""

    location_id: str
    evses: Mapping[str, str]  # EVSE uid → its connector's id
    connector_required: frozenset[str] = frozenset()  # uids: START_SESSION_CONNECTOR_REQUIRED
    unlockable: frozenset[str] = frozenset()  # uids of those with a lock


@dataclass(frozen=True, slots=True, kw_only=True)
class SetProfile:
    """A charging profile for one session; `profile` None: without one."""

    by: By
    session_id: str
    profile: Profile | None
    starts_at: datetime | None = None  # absolute; `None`: with the charging
    body: dict[str, object] = field(default_factory=dict)  # as the platform wrote it


class Charger(Protocol):
    """What carries orders out. Wishes only: the core decides, and no protection is weakened."""

    def session(self, session_id: str) -> SessionAt | None:
        """A session by its id, `None` if it is not known."""
        ...

    def running(self, connector: str) -> SessionAt | None:
        """The session that runs at a connector."""
        ...

    async def start(self, order: Start, within_s: float) -> Outcome:
        """Let somebody in and wait until the session has begun."""
        ...

    async def stop(self, session_id: str, within_s: float) -> Outcome:
        """End a session and wait until the contactor was told to open."""
        ...

    async def unlock(self, connector: str, within_s: float) -> Outcome:
        """End a session that runs there, and wait until the lock says that it let go."""
        ...

    async def reserve(self, order: Reserve) -> Outcome:
        """Keep a connector."""
        ...

    async def cancel(self, by: By, reservation_id: str) -> Outcome:
        """Keep it no longer."""
        ...

    def note(self, by: By, verb: str, connector: str, detail: str, outcome: str) -> None:
        """Write down what was ordered and what came of it."""
        ...
