"""Evidence that outlives the agent: how self-tests ended, what each contactor has been through."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import structlog

from laddvakt_agent.core.health import Motion
from laddvakt_agent.core.inputs import SelfTest
from laddvakt_agent.core.memory.wear import Wear
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import ContactorRow, SelfTestRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.wall import Wall

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Evidence:
    """Writes it down and reads it back at the start."""

    ledger: Ledger
    thread: LedgerThread
    wall: Wall

    def self_test(
        self, connector: str, test: SelfTest, passed: bool, detail: str, at_s: float
    ) -> None:
        """How a self-test ended: evidence, never changed."""
        row = SelfTestRow(
            connector=connector,
            test=test.value,
            passed=passed,
            detail=detail,
            at_s=at_s,
            at_wall=self.wall.at(at_s),
        )
        self.thread.post(self.ledger.add_self_test, row)

    def contactor(self, connector: str, wear: Wear, motion: Motion) -> None:
        """A contactor's history as it is now."""
        row = ContactorRow(
            connector=connector,
            operations=wear.operations,
            load_openings=wear.load_openings,
            motion=msgspec.json.encode(motion).decode(),
        )
        self.thread.post(self.ledger.save_contactor, row)

    def contactors(self) -> dict[str, tuple[Wear, Motion]]:
        """Every contactor's history, as the last run left it; a damaged one begins anew."""
        known: dict[str, tuple[Wear, Motion]] = {}
        for row in self.ledger.contactors():
            wear = Wear(operations=row.operations, load_openings=row.load_openings)
            try:
                known[row.connector] = (wear, msgspec.json.decode(row.motion, type=Motion))
            except msgspec.DecodeError as error:
                log.warning("contactor_history_damaged", connector=row.connector, error=str(error))
                known[row.connector] = (wear, Motion())
        return known
