"""A real process killed in the middle of writing, again and again, in the same folder."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from agent.ledger.samples import open_ledger
from laddvakt_agent.clock import FakeTime

ROUNDS = 8  # the whole agent is killed often enough: see tests/crash
ROOT = Path(__file__).parents[3]


def _killed_after(directory: Path, prefix: str, lines: int) -> list[tuple[str, str]]:
    """What the victim had been promised when it died; it went on writing meanwhile."""
    paths = os.pathsep.join(str(ROOT / name) for name in ("agent", "hal", "tests"))
    with subprocess.Popen(
        [sys.executable, "-m", "agent.ledger.victim", str(directory), prefix],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": paths},
    ) as victim:
        assert victim.stdout is not None
        told = [victim.stdout.readline() for _ in range(lines)]
        victim.kill()
        told += victim.stdout.readlines()
    return [(what, key) for what, key in (line.split() for line in told if line.endswith("\n"))]


@pytest.mark.integration
@pytest.mark.timeout(90)
def test_nothing_promised_is_lost_and_nothing_billed_twice(tmp_path: Path) -> None:
    chance = random.Random(20270101)
    promised: set[tuple[str, str]] = set()
    for number in range(ROUNDS):
        told = _killed_after(tmp_path, f"r{number:02d}", chance.randint(1, 60))
        assert told, "the victim did not start"
        promised.update(told)
        _check(tmp_path, promised, latest=_newest_latch(promised))


def _newest_latch(promised: set[tuple[str, str]]) -> str:
    return max((key for what, key in promised if what == "latched"), default="")


def _check(directory: Path, promised: set[tuple[str, str]], *, latest: str) -> None:
    ledger = open_ledger(directory, FakeTime())
    faults = {row.id for row in ledger.open_faults()}
    bills = [(cdr.id, cdr.session.id) for cdr in ledger.cdrs()]
    still_open = {row.id for row in ledger.open_sessions()}
    latches, lost = ledger.load_latches()
    damaged = ledger.damaged_aside
    ledger.close()

    assert damaged is None
    billed = {session for _, session in bills}
    assert len(bills) == len(billed)
    assert all(cdr == f"cdr-{session}" for cdr, session in bills)
    assert {key for what, key in promised if what == "begun"} <= billed | still_open
    assert {key for what, key in promised if what == "raised"} <= faults
    assert {key for what, key in promised if what == "billed"} <= billed
    assert not billed & still_open
    assert not lost
    (kept,) = latches["1"]
    assert kept.code >= latest  # the newest promised, or the one just being written
