"""Who may call us, and since when: into the security log, without any token."""

from __future__ import annotations

from datetime import datetime

from laddvakt_agent.security_notes import SecurityNotes
from laddvakt_agent.uplink.parties.book import PartyBook


class AgreementNotes:
    """Notes every agreement that begins, is renewed or ends."""

    def __init__(self, book: PartyBook, notes: SecurityNotes) -> None:
        self._book, self._notes = book, notes
        self._renewed = {name: self._of(name) for name in book.platforms}

    def look(self, name: str) -> None:
        """Something has changed in what is agreed on with a platform."""
        before, renewed = self._renewed[name], self._of(name)
        if renewed == before or not self._book.platforms[name].registers:
            return
        self._renewed[name] = renewed
        agreement = self._book.agreement(name)
        result = "ended" if agreement is None else "renewed" if before else "begun"
        parties = () if agreement is None else agreement.parties
        detail = ", ".join(sorted(f"{one.country_code} {one.party_id}" for one in parties))
        self._notes.note(
            "access_control",
            "platform_agreement",
            source="platform",
            who=name,
            detail=detail,
            result=result,
        )

    def _of(self, name: str) -> datetime | None:
        agreement = self._book.agreement(name)
        return None if agreement is None else agreement.renewed
