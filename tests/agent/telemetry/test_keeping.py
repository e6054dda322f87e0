"""When the ledger is asked to let go: seldom, in small steps, and never in vain for ever."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from agent.ledger.samples import WALL, cdr_of, ended, open_ledger, session_row
from agent.telemetry.inline import Inline
from agent.telemetry.test_quota import ROOM
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, Ledger, LedgerThread
from laddvakt_agent.ledger.quota import MB
from laddvakt_agent.ledger.retention import KEPT
from laddvakt_agent.telemetry.keeping import FIRST_SWEEP_S, SWEEP_EVERY_S, Keeping

DAY_S = 86_400.0


def never(error: BaseException) -> None:
    raise error


def billed(ledger: Ledger, count: int) -> None:
    for number in range(count):
        row = ended(session_row(f"s{number}"))
        ledger.close_session_with_cdr(row, cdr_of(row, f"c{number}"))
        ledger.save_ack(
            AckRow(
                kind="cdr", object_id=f"c{number}", last_updated=WALL, body="{}", acknowledged=True
            )
        )


def keeping_of(ledger: Ledger, pruned: list[int]) -> Keeping:
    def prune() -> int:
        pruned.append(7)
        return 7

    return Keeping(
        retention=ledger.retention,
        thread=LedgerThread(never, Inline()),
        started_s=0.0,
        prune_security=prune,
    )


async def test_old_rows_go_in_the_first_sweep_and_the_log_is_pruned_with_it(tmp_path: Path) -> None:
    time, pruned = FakeTime(), list[int]()
    ledger = open_ledger(tmp_path, time)
    billed(ledger, 30)
    time.advance((KEPT.days + 1) * DAY_S)
    keeping = keeping_of(ledger, pruned)
    for second in range(int(FIRST_SWEEP_S)):
        keeping.look(float(second), use=ROOM, telemetry_empty=False)
    assert len(ledger.cdrs()) == 30
    assert keeping.ledger_free == ledger.retention.room()[1]
    for second in range(int(FIRST_SWEEP_S), int(FIRST_SWEEP_S) + 60):
        keeping.look(float(second), use=ROOM, telemetry_empty=False)
    assert ledger.cdrs() == ()
    assert pruned == [7]
    assert keeping.dropped == {"acknowledgements": 30, "security": 7, "sessions": 30}
    keeping.look(FIRST_SWEEP_S + SWEEP_EVERY_S, use=ROOM, telemetry_empty=False)
    for second in range(60):
        keeping.look(FIRST_SWEEP_S + SWEEP_EVERY_S + second, use=ROOM, telemetry_empty=False)
    assert pruned == [7, 7]
    ledger.close()


async def test_need_that_nothing_can_meet_is_not_asked_for_ever(tmp_path: Path) -> None:
    """Sweeps in need are ten minutes apart, whatever is left."""
    pruned: list[int] = []
    ledger = open_ledger(tmp_path, FakeTime())
    keeping = keeping_of(ledger, pruned)
    need = replace(ROOM, ledger=60 * MB)
    for second in range(1300):
        keeping.look(float(second), use=need, telemetry_empty=False)
    assert len(pruned) == 3 + 1  # and the usual one
    ledger.close()
