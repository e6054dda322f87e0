"""What a disk has kept when its supply is cut: the model beneath every file of one folder.

The kernel's view is the real folder. Beside it this model remembers of each file what was last
synced and every write since then, and of the folder which names were there when it was last
synced and every creation, renaming and removal since. A cut draws what of that has reached the
disk: each write is kept, lost or torn at sectors of 512 or 4096 bytes, in the order of the writes
or in any other; each name appears or not, whatever became of the names before it. What was synced
is there for certain. A new file's bytes beyond what arrived are zeros. The order of metadata that
a journalling file system would keep is not relied on: half of the cuts break it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

SECTORS = (512, 4096)


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes written at an offset."""

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Sized:
    """The file cut to, or grown to, a size."""

    size: int


@dataclass(slots=True)
class File:
    """One file whatever its name: what is surely kept of it, and what came since."""

    durable: bytearray = field(default_factory=bytearray)
    unsynced: list[Written | Sized] = field(default_factory=list)

    def synced(self) -> None:
        """Everything so far is kept from now on."""
        for change in self.unsynced:
            apply(self.durable, change)
        self.unsynced.clear()


@dataclass(frozen=True, slots=True)
class Named:
    """A name given to a file, or taken from it."""

    name: str
    file: File | None
    before: str | None = None  # renamed: the name it had


@dataclass(slots=True)
class Disk:
    """Follows one folder; names are relative to it."""

    root: Path
    names: dict[str, File] = field(default_factory=dict)  # as the kernel shows them
    kept: dict[str, File] = field(default_factory=dict)  # as they surely are
    moves: list[Named] = field(default_factory=list)  # since the folder was synced

    @classmethod
    def adopt(cls, root: Path) -> Disk:
        """What lies in the folder is on the disk."""
        disk = cls(root)
        for path in root.iterdir():
            disk.names[path.name] = File(bytearray(path.read_bytes()))
        disk.kept = dict(disk.names)
        return disk

    def file(self, name: str) -> File:
        """The file of this name; one not seen before was just created."""
        if name not in self.names:
            self.names[name] = File()
            self.moves.append(Named(name, self.names[name]))
        return self.names[name]

    def removed(self, name: str) -> None:
        """The name is gone."""
        if self.names.pop(name, None) is not None:
            self.moves.append(Named(name, None))

    def renamed(self, before: str, name: str) -> None:
        """The file goes by another name; whatever had that one has none."""
        file = self.names.pop(before)
        self.names[name] = file
        self.moves.append(Named(name, file, before))

    def folder_synced(self) -> None:
        """All names are kept from now on."""
        self.kept = dict(self.names)
        self.moves.clear()

    def after_kill(self) -> dict[str, bytes]:
        """The folder when only the process ended: the kernel has everything."""
        return {name: (self.root / name).read_bytes() for name in self.names}

    def after_cut(self, dice: random.Random) -> dict[str, bytes]:
        """The folder as one power cut at this moment leaves it."""
        names = dict(self.kept)
        for move in _arrived(self.moves, dice):
            if move.before is not None:
                names.pop(move.before, None)
            if move.file is None:
                names.pop(move.name, None)
            else:
                names[move.name] = move.file
        left = {id(file): _left(file, dice) for file in names.values()}
        return {name: left[id(file)] for name, file in names.items()}


def apply(image: bytearray, change: Written | Sized) -> None:
    """Make one change to a file's bytes; a hole is zeros."""
    if isinstance(change, Sized):
        del image[change.size :]
        image.extend(bytes(change.size - len(image)))
        return
    end = change.offset + len(change.data)
    image.extend(bytes(max(0, end - len(image))))
    image[change.offset : end] = change.data


def _arrived(moves: list[Named], dice: random.Random) -> list[Named]:
    """The moves that reached the disk: the first few, as a journal does, or any."""
    if dice.random() < 0.5:
        return moves[: dice.randint(0, len(moves))]
    return [move for move in moves if dice.random() < 0.5]


def _left(file: File, dice: random.Random) -> bytes:
    image, changes = bytearray(file.durable), list(file.unsynced)
    sector, share = dice.choice(SECTORS), dice.choice((0.0, 0.3, 0.7, 1.0))
    if dice.random() < 0.5:
        dice.shuffle(changes)
    for change in changes:
        fate = dice.random()
        if isinstance(change, Written) and fate < 0.3:
            for piece in _pieces(change, sector):
                if dice.random() < 0.5:
                    apply(image, piece)
        elif fate < 0.3 + 0.7 * share:
            apply(image, change)
    return bytes(image)


def _pieces(written: Written, sector: int) -> list[Written]:
    """The write in the disk's own sectors."""
    start, end = written.offset, written.offset + len(written.data)
    edges = [start, *range(start - start % sector + sector, end, sector), end]
    return [Written(low, written.data[low - start : high - start]) for low, high in pairwise(edges)]
