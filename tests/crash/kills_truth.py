"""What really happened during the kill campaign, and what the ledger and the backend say of it."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, cast

from laddvakt_agent.core.model import Latch
from laddvakt_agent.demo.stage import JsonObject, Stage, StageError
from laddvakt_agent.demo.watch import Watch
from laddvakt_agent.ledger.latches import FILES, examine

Row: TypeAlias = dict[str, Any]  # a record of SQLite
EVSES = {"1": "DEMO1-1", "2": "DEMO1-2"}
TABLES = ("sessions", "cdrs", "intervals", "faults", "latches", "runs")


@dataclass(slots=True, kw_only=True)
class Plant(Watch):
    """Notes every closing and opening of the simulated contactors."""

    every_s: ClassVar[float] = 0.1
    stage: Stage
    closed_at_s: dict[str, list[float]] = field(default_factory=dict)
    opened_at_s: dict[str, list[float]] = field(default_factory=dict)
    stalls: list[tuple[float, float]] = field(default_factory=list)  # of this machine

    def look(self) -> None:
        """One look; the board answers all the time, also while it is busy."""
        try:
            self.note()
        except StageError:
            return  # the next look is soon, and the board keeps the times

    def note(self) -> dict[str, JsonObject]:
        """The connectors as they are now, with their switching times noted.

        Raises:
            StageError: the board does not answer.
        """
        parts = cast("dict[str, JsonObject]", self.stage.board.ask("GET", "/state")["connectors"])
        for name, part in parts.items():
            for key, noted in (
                ("closed_at_s", self.closed_at_s),
                ("opened_at_s", self.opened_at_s),
            ):
                at_s, known = part[key], noted.setdefault(name, [])
                if isinstance(at_s, float) and at_s not in known:
                    known.append(at_s)
        return parts

    def stalled_s(self, from_s: float, to_s: float) -> float:
        """How long the machine stood still in between, simulator included."""
        return sum(max(min(b, to_s) - max(a, from_s), 0.0) for a, b in tuple(self.stalls))

    def opened_after(self, connector: str, at_s: float) -> float | None:
        """The first opening after that time."""
        return min((t for t in self.opened_at_s.get(connector, ()) if t >= at_s), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The ledger's rows at one moment, by table; latches apart, as the core means them."""

    rows: dict[str, list[Row]]
    latches: dict[str, Latch]  # "connector code subject" → the latch

    def of(self, table: str, **where: object) -> list[Row]:
        """The rows of a table with these values."""
        return [r for r in self.rows[table] if all(r[k] == v for k, v in where.items())]


def snapshot(path: Path) -> Snapshot:
    """Read a copy: looking must not change what the next start finds."""
    with tempfile.TemporaryDirectory(prefix="laddvakt-kills-") as directory:
        for part in (path, path.with_name(path.name + "-wal")):
            if part.exists():
                shutil.copy(part, directory)
        with closing(sqlite3.connect(Path(directory) / path.name)) as ledger:
            ledger.row_factory = sqlite3.Row
            rows = {
                table: [dict(row) for row in ledger.execute(f"SELECT rowid, * FROM {table}")]
                for table in TABLES
            }
    copies = [str(row["copy"]).encode() for row in rows["latches"]]
    copies += [(path.parent / name).read_bytes() for name in FILES if (path.parent / name).exists()]
    return Snapshot(rows=rows, latches=_newest(copies))


def _newest(copies: list[bytes]) -> dict[str, Latch]:
    """What the newest whole copy says, as the next start will."""
    whole = [found.copy for raw in copies if (found := examine(raw)).copy is not None]
    newest = max((copy for copy in whole if copy), key=lambda copy: copy.sequence, default=None)
    if newest is None:
        return {}
    return {
        f"{connector} {latch.code} {latch.subject}": latch
        for connector, part in newest.connectors.items()
        for latch in part.latches
    }
