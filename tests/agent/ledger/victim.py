"""A process that writes sessions, faults and latches as fast as it can, until it is killed.

Each line on standard output says what had returned by then: the parent holds the ledger to it.
"""

from __future__ import annotations

import itertools
import sys
from dataclasses import replace
from pathlib import Path

from agent.ledger.samples import cdr_of, ended, fault_row, session_row
from laddvakt_agent.clock import Clock
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger import Ledger


def main(directory: Path, prefix: str) -> None:
    clock = Clock()
    ledger = Ledger.open(directory, boot=clock.boot(), clock=clock)
    for number in itertools.count():
        key = f"{prefix}-{number:04d}"
        ledger.save_session(session_row(key, start_wh=float(number)))
        _told("begun", key)
        ledger.raise_fault(fault_row(key))
        _told("raised", key)
        spent = Latch(
            code=key, subject="1", locked_out=False, active=True, spent_s=(clock.now_s(),)
        )
        ledger.save_latches("1", (spent,), clock.now_s())
        _told("latched", key)
        row = replace(ended(session_row(key, start_wh=float(number))), boot_id=clock.boot_id)
        ledger.close_session_with_cdr(row, cdr_of(row, f"cdr-{key}"))
        _told("billed", key)


def _told(what: str, key: str) -> None:
    sys.stdout.write(f"{what} {key}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
