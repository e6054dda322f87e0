"""A charging profile that a platform has set for a session, and when it begins. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from laddvakt_agent.core.ceiling import Profile
from laddvakt_agent.core.session import Kind
from laddvakt_agent.core.session import Session as CoreSession
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.profiles import ProfileRow
from laddvakt_agent.uplink.serving import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a platform has set for a session; `profile` None: it has taken it back."""

    session_id: str
    platform: str
    party: Party
    profile: Profile | None
    starts_at: datetime | None = None  # `None`: with the charging

    @property
    def owner(self) -> str:
        """Whose it is, for people: the party and the platform."""
        return f"{self.party.country_code} {self.party.party_id} ({self.platform})"


def session_of(guard: Guard) -> CoreSession | None:
    """The session that runs at a connector, or waits for its proof after a restart."""
    if guard.keeper.running is not None:
        return guard.keeper.running.session
    return None if guard.found is None else guard.found.kept.session


def began_s(session: CoreSession, *, plugged: bool) -> float | None:
    """When charging began; `plugged`: when a vehicle was there."""
    wanted = {Kind.CHARGING} if not plugged else set(Kind) - {Kind.RESERVED}
    return next((p.start_s for p in session.periods if p.kind in wanted), None)


def row_of(kept: Kept) -> ProfileRow:
    """As it stands in the ledger."""
    return ProfileRow(
        session_id=kept.session_id,
        party=kept.platform,
        body=msgspec.json.encode(kept).decode(),
    )
