"""Keeps the three copies of the latches in step: `ledger.db`, `latches.a`, `latches.b`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from laddvakt_agent.clock import Boot
from laddvakt_agent.core.model import Latch
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
    read then and comes back, say with the disk it lies on, must not count for the newest. Where
    nothing told of a loss, such a copy is taken over, see `take_over`.
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
        self._known: tuple[Copy | None, ...] = (copy,)  # what this run has read or written
        self._blocked = self._lost  # it counts everything as used up: nothing is stricter
        self._kept = self._copy  # what a disk has
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
        connectors = {**self._copy.connectors, connector: self._set(latches, now_s)}
        self._copy = replace(self._copy, sequence=self._copy.sequence + 1, connectors=connectors)
        self._write_all()
        self._lost = False

    def keeps(self, connector: str, latches: tuple[Latch, ...]) -> bool:
        """Whether a disk has these, or stricter ones; may be asked from any thread."""
        kept = self._kept.connectors.get(connector)
        return covers(() if kept is None else in_boot(kept, self._boot), latches)

    def take_over(self) -> bool:
        """Add what lies on a disk that was not there before; whether anything in it was unknown.

        Raises:
            NewerSchema: a newer version wrote it.
            StorageError: the ledger does not give its copy.
        """
        found = newest((self._from_ledger(), *self._files.glanced()[0]))
        if found is None or self._blocked or found in self._known:
            return False
        ours, theirs = self._copy.connectors, found.connectors
        unknown = {
            name: latch_set
            for name, latch_set in theirs.items()
            if not covers(self._latches(name), in_boot(latch_set, self._boot))
        }
        both = {name: self._stricter(name, theirs[name]) for name in unknown}
        sequence = max(self._copy.sequence, found.sequence) + 1
        self._copy = replace(self._copy, sequence=sequence, connectors={**theirs, **ours, **both})
        return bool(unknown)

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
            self._note_kept()
        finally:
            self._to_ledger()

    def _note_kept(self) -> None:
        self._kept = self._copy
        self._known = (self._known[0], self._copy)

    def _latches(self, connector: str) -> tuple[Latch, ...]:
        found = self._copy.connectors.get(connector)
        return () if found is None else in_boot(found, self._boot)

    def _stricter(self, connector: str, other: LatchSet) -> LatchSet:
        """What this run knows of a connector and what the other set adds."""
        ours = {(latch.code, latch.subject): latch for latch in self._latches(connector)}
        for latch in in_boot(other, self._boot):
            name = (latch.code, latch.subject)
            ours[name] = _both(ours[name], latch) if name in ours else latch
        return self._set(tuple(ours.values()), self._store.moment().at_s)

    def _set(self, latches: tuple[Latch, ...], now_s: float) -> LatchSet:
        moment = self._store.moment()
        return LatchSet(
            boot_id=self._boot.boot_id,
            at_s=now_s,
            at_wall=moment.at_wall,
            clock_state=moment.clock_state,
            latches=latches,
        )

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
        if self._store.on_disk:
            self._note_kept()


def covers(kept: tuple[Latch, ...], wanted: tuple[Latch, ...]) -> bool:
    """Whether nothing of `wanted` would be forgotten where only `kept` is known."""
    known = {(latch.code, latch.subject): latch for latch in kept}
    return all(_as_strict(known.get((latch.code, latch.subject)), latch) for latch in wanted)


def _as_strict(kept: Latch | None, wanted: Latch) -> bool:
    return kept is not None and _both(kept, wanted) == kept


def _both(one: Latch, other: Latch) -> Latch:
    """As strict as the stricter in everything; the first's own where neither is."""
    acts = (one.act, other.act)
    return replace(
        one,
        locked_out=one.locked_out or other.locked_out,
        active=one.active or other.active,
        spent_s=one.spent_s
        if set(other.spent_s) <= set(one.spent_s)
        else tuple(sorted({*one.spent_s, *other.spent_s})),
        act=None if None in acts else max(act for act in acts if act is not None),
    )
