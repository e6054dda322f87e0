"""Puts telemetry together for a station."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path

from laddvakt_agent.clock import Clock
from laddvakt_agent.faultbook import FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.telemetry.keeping import Keeping
from laddvakt_agent.telemetry.recorder import Telemetry
from laddvakt_agent.telemetry.sampler import Sampler
from laddvakt_agent.telemetry.space import Space
from laddvakt_agent.telemetry.store import TelemetryStore


def telemetry(
    directory: Path,
    clock: Clock,
    ledger: Ledger,
    thread: LedgerThread,
    hardware: Hardware,
    guards: Mapping[str, Guard],
    book: FaultBook,
    *,
    executor: Executor | None = None,
) -> Telemetry:
    """Telemetry of this station; nothing is opened before its first look."""
    started_s = clock.now_s()
    store = TelemetryStore(directory, boot_id=clock.boot_id)
    return Telemetry(
        sampler=Sampler(guards=guards, book=book, moment=clock.moment),
        hardware=hardware,
        store=store,
        space=Space(directory=directory, store=store),
        keeping=Keeping(
            retention=ledger.retention,
            thread=thread,
            started_s=started_s,
            prune_security=ledger.security.prune,
        ),
        moment=clock.moment,
        started_s=started_s,
        executor=executor,
    )
