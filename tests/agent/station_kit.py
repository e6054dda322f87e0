"""The demo's station put together whole, with no port open and faults set by hand."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path
from string import Template

from laddvakt_agent.assemble import Parts, put_together
from laddvakt_agent.cli.run import profile
from laddvakt_agent.clock import Clock, TimeSource
from laddvakt_agent.commands import Commands
from laddvakt_agent.config import parse
from laddvakt_agent.core.faults.catalogue import CATALOGUE, Act
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.core.recover.tracks import Phase, Track, as_fault, join
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread

PLACES = {
    "line1": "/dev/none1", "line2": "/dev/none2", "tcp1_host": "127.0.0.1", "tcp1_port": "1502",
    "locations": "http://127.0.0.1/l", "sessions": "http://127.0.0.1/s",
    "cdrs": "http://127.0.0.1/c", "faults": "http://127.0.0.1/f",
}  # fmt: skip
T0 = datetime(2027, 1, 31, 10, tzinfo=UTC)


# Where a fixture gives it, the runner writes its repr: that of a whole station takes seconds.
@dataclass(slots=True, kw_only=True, repr=False)
class Bench:
    """What the tests ask and what they turn."""

    parts: Parts
    commands: Commands
    clock: Clock
    ledger: Ledger
    thread: LedgerThread

    def guard(self, connector: str) -> Guard:
        return self.parts.supervisor.guards[connector]

    def stand(
        self, connector: str, code: str, *, phase: Phase = Phase.CLEARING, locked: bool = False,
        subject: str | None = None, after_s: float = 0.0,
    ) -> ActiveFault:  # fmt: skip
        """Let a fault stand at one connector, as the core would hold and tell it."""
        now_s = self.clock.now_s()
        track = Track(
            rule=CATALOGUE[code], subject=subject or connector, phase=phase, since_s=now_s,
            raised_s=now_s, act=Act.TRIP, locked=locked, evidence="5.0 A > 1.0 A",
        )  # fmt: skip
        guard = self.guard(connector)
        tracks = (*guard.connector.tracks, track)
        life = replace(guard.connector.life, commanded_since_s=now_s - 60.0)  # long settled
        guard.connector = replace(
            guard.connector, life=life, tracks=tracks, summary=join(guard.settings, tracks)
        )
        fault = as_fault(track)
        self.parts.publisher.book.raised(connector, fault, T0 + timedelta(seconds=after_s))
        return fault

    def ask(
        self, connector: str, verb: str, by: str = "", *, token: str = "", root: bool = True
    ) -> str:
        """Give one command over the local API's own door."""
        given = {"by": by, "token": token}
        body = {key: value for key, value in given.items() if value}
        return self.commands.command(connector, verb, body, uid=0, privileged=root)


@contextlib.asynccontextmanager
async def bench(
    directory: Path,
    change: Callable[[str], str] = lambda text: text,
    source: TimeSource | None = None,
) -> AsyncIterator[Bench]:
    """Both connectors, ledger on the disk, nothing connected; `change` turns the configuration.

    `source`: where the time comes from, by default the kernel.
    """
    text = change((resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8"))
    config = parse(Template(text).substitute(PLACES, dir=str(directory)), "station.toml", profile)
    clock = Clock(source)
    ledger = Ledger.open(directory / "state", boot=clock.boot(), clock=clock)
    thread = LedgerThread(lambda error: None)
    parts = put_together(
        config, clock, ledger, thread, on_change=lambda: None, on_progress=lambda part: None
    )
    commands = Commands(
        config=config,
        supervisor=parts.supervisor,
        publisher=parts.publisher,
        journal=parts.journal,
        uplink_health=lambda: None,
    )
    try:
        yield Bench(parts=parts, commands=commands, clock=clock, ledger=ledger, thread=thread)
    finally:
        await parts.supervisor.close()
        await thread.close()
        ledger.close()
