"""Lets the ledger go of what is old, or of what it can spare when the disk is short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from laddvakt_agent.ledger.quota import Use, ledger_gives
from laddvakt_agent.ledger.retention import Retention
from laddvakt_agent.ledger.thread import LedgerThread

FIRST_SWEEP_S = 600.0  # after the start: everything else has settled by then
SWEEP_EVERY_S = 6 * 3600.0
ROOM_EVERY_S = 60.0


@dataclass(slots=True, kw_only=True)
class Keeping:
    """Asks the ledger's thread for one small step a second at most; never waits for it."""

    retention: Retention
    thread: LedgerThread
    started_s: float
    ledger_free: int = 0  # bytes of free pages in its file, as last seen
    dropped: dict[str, int] = field(default_factory=dict)  # by class, since the ledger began
    _sweep_s: float = field(init=False)
    _room_s: float = field(init=False)
    _asked: bool = False  # a step is on its way

    def __post_init__(self) -> None:
        self._sweep_s = self.started_s + FIRST_SWEEP_S
        self._room_s = self.started_s

    def look(self, now_s: float, *, use: Use | None, telemetry_empty: bool) -> None:
        """Called once a second, in the loop."""
        if self._asked:
            return
        need = use is not None and ledger_gives(use, telemetry_empty=telemetry_empty)
        if need or self.retention.sweeping or now_s >= self._sweep_s:
            self._sweep_s = now_s + SWEEP_EVERY_S
            self._ask(need=need)
        elif now_s >= self._room_s:
            self._room_s = now_s + ROOM_EVERY_S
            self._ask(need=None)

    def note(self, counts: Mapping[str, int]) -> None:
        """Have what was dropped elsewhere counted in the ledger."""
        told = {name: rows for name, rows in counts.items() if rows}
        if told:
            self.thread.post(self.retention.note, told)
            self._room_s = 0.0

    def _ask(self, *, need: bool | None) -> None:
        self._asked = True
        self.thread.once(self._step, need)

    def _step(self, need: bool | None) -> None:
        """On the ledger's thread. `need` None: only look."""
        try:
            if need is not None:
                self.retention.step(need=need)
            _, self.ledger_free = self.retention.room()
            self.dropped = self.retention.dropped()
        finally:
            self._asked = False
