"""Keeps the three copies of the latches in step: `ledger.db`, `latches.a`, `latches.b`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from laddvakt_agent.clock import Boot
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.latches import (
    Copy,
    LatchFiles,
    LatchSet,
    decode,
    encode,
    in_boot,
    newest,
)
from laddvakt_agent.ledger.store import STAMP, Store

_PUT = (
    f"INSERT INTO latches (one, copy, {', '.join(STAMP)})"
    f" VALUES (1, :copy, {', '.join(f':{name}' for name in STAMP)})"
    " ON CONFLICT(one) DO UPDATE SET copy = excluded.copy, "
    + ", ".join(f"{name} = excluded.{name}" for name in STAMP)
)

_AFTER_LOSS = 1 << 40  # no charger saves its latches so often


class LatchKeeper:
    """The latches of one state folder, read once and written through.

    A broken file is set aside when the keeper is made, so that its evidence is not overwritten;
    not so with `examine=False`, for a folder that cannot be written or even read.

    After a loss the sequence begins far above all that were ever written: a copy that could not be
    read then and comes back, say with the disk it lies on, must not count for the newest.
    """

    def __init__(self, store: Store, directory: Path, boot: Boot, *, examine: bool = True) -> None:
        self._store = store
        self._files = LatchFiles(directory)
        self._boot = boot
        in_ledger = self._from_ledger()
        in_files, ever_written = self._files.examined() if examine else self._files.glanced()
        copy = newest((in_ledger, *in_files))
        self._lost = copy is None and ever_written
        if examine:
            self._files.set_broken_aside(boot.started_wall)
        self._copy = copy if copy is not None else Copy(sequence=self._first_sequence())
        if copy is not None and copy != in_ledger:
            self._to_ledger()

    def load(self) -> tuple[dict[str, tuple[Latch, ...]], bool]:
        """Every connector's latches in this boot's seconds, and whether they are lost."""
        found = self._copy.connectors.items()
        return {name: in_boot(latch_set, self._boot) for name, latch_set in found}, self._lost

    def save(self, connector: str, latches: tuple[Latch, ...], now_s: float) -> None:
        """Replace one connector's latches in the ledger and in the file whose turn it is.

        Raises:
            StorageError: a copy could not be written; the other was tried all the same.
        """
        moment = self._store.moment()
        latch_set = LatchSet(
            boot_id=self._boot.boot_id,
            at_s=now_s,
            at_wall=moment.at_wall,
            clock_state=moment.clock_state,
            latches=latches,
        )
        connectors = {**self._copy.connectors, connector: latch_set}
        self._copy = replace(self._copy, sequence=self._copy.sequence + 1, connectors=connectors)
        self._write_all()
        self._lost = False

    def write_again(self) -> None:
        """Bring ledger and file to what is known: they lie elsewhere, or are new.

        Raises:
            StorageError: a copy could not be written; the other was tried all the same.
        """
        if self._copy.connectors:
            self._write_all()

    def _write_all(self) -> None:
        """The file first: it needs less of the disk than the database."""
        try:
            self._files.write(self._copy)
        except StorageError:
            self._to_ledger()
            raise
        self._to_ledger()

    def _first_sequence(self) -> int:
        if not self._lost:
            return 0
        return _AFTER_LOSS + max(0, int(self._boot.started_wall.timestamp()))

    def _from_ledger(self) -> Copy | None:
        found = self._store.read("SELECT copy FROM latches")
        return decode(found[0]["copy"].encode(), self._store.path) if found else None

    def _to_ledger(self) -> None:
        with self._store.write() as stamp:
            self._store.execute(_PUT, {"copy": encode(self._copy).decode(), **stamp})
