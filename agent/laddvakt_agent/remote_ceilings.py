"""Lets platforms set the ceilings of their sessions: what the receiver asks of the charger."""

from __future__ import annotations

from dataclasses import dataclass

from laddvakt_agent.ceilings import SessionCeilings
from laddvakt_agent.remote import Remote
from laddvakt_agent.uplink.receivers.orders import By, SessionAt, SetProfile
from laddvakt_agent.uplink.serving import Party


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteCeilings:
    """The `Ceilings` of the ChargingProfiles Receiver."""

    remote: Remote
    ceilings: SessionCeilings

    def session(self, session_id: str) -> SessionAt | None:
        """A session by its id."""
        return self.remote.session(session_id)

    async def put(self, order: SetProfile) -> str:
        """Let a profile hold; the core has it when this returns."""
        session = self.remote.session(order.session_id)
        if session is None or not session.running:
            return "REJECTED"  # it has ended meanwhile
        party = Party.of(session.token.country_code, session.token.party_id)
        if not await self.ceilings.put(order, party):
            return "REJECTED"
        self.remote.step(session.connector)
        return "ACCEPTED"

    async def delete(self, by: By, session_id: str) -> str:
        """Let it hold no longer."""
        del by  # whose session it is has been judged
        session = self.remote.session(session_id)
        if session is None or not self.ceilings.delete(session_id):
            return "UNKNOWN"
        self.remote.step(session.connector)
        return "ACCEPTED"

    def active(self, session_id: str, duration_s: float) -> dict[str, object] | None:
        """The ActiveChargingProfile."""
        return self.ceilings.active(session_id, duration_s)

    def note(self, by: By, verb: str, connector: str, detail: str, outcome: str) -> None:
        """Write down what was ordered and what came of it."""
        self.remote.note(by, verb, connector, detail, outcome)
