"""Writes down what platforms ordered and what came of it, like what people here ask for."""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from laddvakt_agent.ledger.rows import CommandRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.security_notes import SecurityNotes
from laddvakt_agent.uplink.receivers.orders import By
from laddvakt_agent.uplink.server.limits import Buckets

# Of what came to nothing so much is written of each platform: one that repeats itself must neither
# wear the disk nor push out of the logs what others did.
BURST, RATE_PER_S = 30, 1.0 / 60.0
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
    _room: Buckets = field(default_factory=lambda: Buckets(RATE_PER_S, BURST))
    _left_out: dict[str, int] = field(default_factory=dict)  # by platform, since the last written

    def note(self, by: By, verb: str, connector: str, detail: str, outcome: str) -> None:
        """An order and its outcome; a verb that nobody knows is told as such, not by its name."""
        known = _VERBS.get(verb, "unknown")
        log.info("ocpi_command", verb=known, by=by.words, connector=connector, outcome=outcome)
        if outcome != "accepted" and self._room.take(by.platform, self.security.now_s()) > 0.0:
            self._left_out[by.platform] = self._left_out.get(by.platform, 0) + 1
            return
        left_out = self._left_out.pop(by.platform, 0)
        if left_out:
            detail = f"{detail}; {left_out} before it came to nothing and were not written"
        place = f"connector {connector}, {detail}" if connector else detail
        self.security.note(
            "access_control", known, source="ocpi", who=by.words, detail=place, result=outcome
        )
        if (known, outcome) != ("stop", "accepted"):  # that one is written when it is obeyed
            told = "done" if outcome == "accepted" else outcome
            self.write(known, connector, detail, told, who=by.words)

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
