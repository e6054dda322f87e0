"""How often a fault reaches the disk: what decides at once, what was merely measured later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from agent.station_kit import T0, bench
from laddvakt_agent.core.faults.catalogue import Act
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import FaultRow


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts the writes of faults, which go on as ever."""
    counted: Counter[str] = Counter()

    def count(name: str, real: Callable[[Ledger, FaultRow], None]) -> None:
        def call(self: Ledger, row: FaultRow) -> None:
            counted[name] += 1
            real(self, row)

        call.__name__ = name
        monkeypatch.setattr(Ledger, name, call)

    count("raise_fault", Ledger.raise_fault)
    count("update_fault", Ledger.update_fault)
    return counted


async def test_evidence_alone_waits_for_the_next_sign_of_life(
    tmp_path: Path, writes: Counter[str]
) -> None:
    """A chattering detector must not wear the disk; nothing of it is lost in the end."""
    async with bench(tmp_path) as b:
        journal, book = b.parts.journal, b.parts.publisher.book
        fault = b.stand("1", "meter_lost")
        for number in range(50):
            at = T0 + timedelta(seconds=number)
            book.raised("1", replace(fault, evidence=f"no reply for {number} s"), at)
        await journal.flushed()
        assert writes == {"raise_fault": 1}
        journal.heartbeat([])
        journal.heartbeat([])
        await journal.flushed()
        assert writes == {"raise_fault": 1, "update_fault": 1}
        assert [row.evidence for row in journal.ledger.open_faults()] == ["no reply for 49 s"]
        book.cleared("1", fault.code, fault.subject, T0 + timedelta(minutes=1))
        journal.heartbeat([])
        await journal.flushed()
        assert writes == {"raise_fault": 1, "update_fault": 2}
        assert journal.ledger.open_faults() == ()
        (row,) = journal.ledger.faults()
        assert (row.evidence, row.cleared_wall) == (
            "no reply for 49 s", T0 + timedelta(minutes=1),
        )  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"act": Act.FINISH}, id="act"),
        pytest.param({"locked_out": True}, id="lock-out"),
        pytest.param({"since_s": 1.0}, id="raised anew"),
    ],
)
async def test_what_decides_is_written_at_once(
    tmp_path: Path, writes: Counter[str], changes: dict[str, object]
) -> None:
    async with bench(tmp_path) as b:
        journal, book = b.parts.journal, b.parts.publisher.book
        fault = b.stand("1", "meter_lost")
        book.raised("1", replace(fault, evidence="later"), T0)
        book.raised("1", replace(fault, **changes), T0)  # type: ignore[arg-type]  # its own fields
        await journal.flushed()
        assert writes == {"raise_fault": 1, "update_fault": 1}
