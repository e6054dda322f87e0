"""Lets the ledger go of what is old, or of what it can spare when the disk is short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from laddvakt_agent.ledger.quota import Use, ledger_gives
from laddvakt_agent.ledger.retention import Retention
from laddvakt_agent.ledger.thread import LedgerThread

FIRST_SWEEP_S = 600.0  # after the start: everything else has settled by then
SWEEP_EVERY_S = 6 * 3600.0
NEED_EVERY_S = 600.0  # between sweeps that were needed: what may go has gone with the first
ROOM_EVERY_S = 60.0


@dataclass(slots=True, kw_only=True)
class Keeping:
    """Asks the ledger's thread for one small step a second at most; never waits for it."""

    retention: Retention
    thread: LedgerThread
    started_s: float
    prune_security: Callable[[], int] = lambda: 0  # the security log has its own measure
    ledger_free: int = 0  # bytes of free pages in its file, as last seen
    dropped: dict[str, int] = field(default_factory=dict)  # by class, since the ledger began
    _sweep_s: float = field(init=False)
    _room_s: float = field(init=False)
    _need_s: float = 0.0  # the next sweep in need begins no sooner
    _asked: bool = False  # a step is on its way

    def __post_init__(self) -> None:
        self._sweep_s = self.started_s + FIRST_SWEEP_S
        self._room_s = self.started_s

    def look(self, now_s: float, *, use: Use | None, telemetry_empty: bool) -> None:
        """Called once a second, in the loop."""
        if self._asked:
            return
        need = use is not None and ledger_gives(use, telemetry_empty=telemetry_empty)
        if self.retention.sweeping:
            self._ask(need=need)
        elif need and now_s >= self._need_s:
            self._need_s = now_s + NEED_EVERY_S
            self._ask(need=True)
        elif now_s >= self._sweep_s:
            self._sweep_s = now_s + SWEEP_EVERY_S
            self._ask(need=False)
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
            if need is not None and not self.retention.step(need=need):
                self.retention.note({"security": self.prune_security()})
            _, self.ledger_free = self.retention.room()
            self.dropped = self.retention.dropped()
        finally:
            self._asked = False
