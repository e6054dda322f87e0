"""Writes down what platforms ordered and what came of it, like what people here ask for."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from laddvakt_agent.ledger.rows import CommandRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.security_notes import SecurityNotes
from laddvakt_agent.uplink.receivers.orders import By

_VERBS = {  # as they stand in the ledger beside those of people here
    "start_session": "start",
    "stop_session": "stop",
    "unlock_connector": "unlock",
    "reserve_now": "reserve",
    "cancel_reservation": "cancel_reservation",
    "profile": "profile",
    "no_profile": "no_profile",
}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNotes:
    """Into the ledger's commands and the security log."""

    security: SecurityNotes
    thread: LedgerThread

    def note(self, by: By, verb: str, connector: str, detail: str, outcome: str) -> None:
        """An order and its outcome; a verb that nobody knows is told as such, not by its name."""
        known = _VERBS.get(verb, "unknown")
        place = f"connector {connector}, {detail}" if connector else detail
        self.security.note(
            "access_control", known, source="ocpi", who=by.words, detail=place, result=outcome
        )
        if (known, outcome) != ("stop", "accepted"):  # that one is written when it is obeyed
            told = "done" if outcome == "accepted" else outcome
            self.write(known, connector, detail, told, who=by.words)
        log.info("ocpi_command", verb=known, by=by.words, connector=connector, outcome=outcome)

    def write(
        self, verb: str, connector: str, detail: str, outcome: str, who: str = "ocpi"
    ) -> None:
        """Into the commands alone."""
        now_s = self.security.now_s()
        row = CommandRow(
            source="ocpi",
            who=who,
            verb=verb,
            connector=connector or None,
            detail=detail,
            outcome=outcome,
            at_s=now_s,
            at_wall=self.security.wall.at(now_s),
        )
        self.thread.post(self.security.ledger.add_command, row)
