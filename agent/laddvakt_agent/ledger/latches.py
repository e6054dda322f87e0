"""Lock-outs and used-up retries: three copies, because losing one would reclose a dangerous fault.

A copy is one line of header (format, CRC-32, length) and a JSON body with a sequence number. One
lies in `ledger.db`, two in `latches.a` and `latches.b`, written alternately; the newest valid one
counts. `latches.written` says for ever that there once were some: without a valid copy they are
then *lost*, and not merely absent as in a fresh installation.

Reclosure times are boot times of the boot that wrote them. In another boot they are carried over
so that retries are never given back too early: only time known to have passed counts, that is the
time since this boot began, and the wall clock's difference when it was synchronised both then and
now. The length of an outage is otherwise unknown and counts as nothing.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from laddvakt_agent.clock import Boot, ClockState
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger.errors import NewerSchema, StorageError
from laddvakt_agent.ledger.files import os_errors, set_aside, sync_directory

FORMAT = 1
_WORD = "laddvakt-latches"
_FILES = ("latches.a", "latches.b")
_MARKER = "latches.written"


@dataclass(frozen=True, slots=True, kw_only=True)
class LatchSet:
    """One connector's latches and when they were written."""

    boot_id: str
    at_s: float
    at_wall: datetime
    clock_state: ClockState
    latches: tuple[Latch, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """Everything one copy holds; the highest sequence is the newest."""

    sequence: int
    connectors: dict[str, LatchSet] = field(default_factory=dict)


def encode(copy: Copy) -> bytes:
    """The bytes of a copy."""
    body = msgspec.json.encode(copy)
    return f"{_WORD} {FORMAT} {zlib.crc32(body):08x} {len(body)}\n".encode() + body


def decode(raw: bytes, where: Path) -> Copy | None:
    """A copy read back; `None` unless it is whole.

    Raises:
        NewerSchema: a newer version wrote it.
    """
    header, _, body = raw.partition(b"\n")
    words = header.decode(errors="replace").split(" ")
    if len(words) != 4 or words[0] != _WORD or not words[1].isdecimal():
        return None
    if words[2:] != [f"{zlib.crc32(body):08x}", str(len(body))]:
        return None
    if int(words[1]) > FORMAT:
        raise NewerSchema(
            f"{where}: written by a newer Laddvakt (format {words[1]}, known up to {FORMAT}); "
            "install that version again. Nothing was touched"
        )
    try:
        return msgspec.json.decode(body, type=Copy)
    except msgspec.DecodeError:
        return None  # whole, and yet no copy: worth as much as a broken one


class LatchFiles:
    """The two files and the marker in the state folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths = tuple(directory / name for name in _FILES)

    def examined(self) -> tuple[tuple[Copy | None, ...], bool]:
        """Both copies, `None` where missing or broken; and whether there ever were any.

        Raises:
            NewerSchema: a newer version wrote one.
            StorageError: a file is there and cannot be read.
        """
        copies = tuple(self._read(path) for path in self._paths)
        with os_errors(self._directory):
            ever = (self._directory / _MARKER).exists() or any(p.exists() for p in self._paths)
        return copies, ever

    def glanced(self) -> tuple[tuple[Copy | None, ...], bool]:
        """The same where the folder may be unreadable: then there may have been some.

        Raises:
            NewerSchema: a newer version wrote one.
        """
        try:
            return self.examined()
        except StorageError:
            return (), True

    def write(self, copy: Copy) -> None:
        """Replace the file whose turn it is; on the disk when it returns.

        Raises:
            StorageError: the disk does not take it; the other file is untouched.
        """
        marker = self._directory / _MARKER
        with os_errors(marker):
            if not marker.exists():
                _write_whole(marker, b"There have been latches here. Keep this file.\n")
        path = self._paths[copy.sequence % len(self._paths)]
        with os_errors(path):
            _write_whole(path, encode(copy))

    def set_broken_aside(self, wall: datetime) -> tuple[Path, ...]:
        """Rename broken files so that they can still be examined; their new paths.

        Raises:
            StorageError: the folder cannot be written.
        """
        moved = []
        for path in self._paths:
            with os_errors(path):
                if path.exists() and self._read(path) is None:
                    moved.append(set_aside(path, wall))
        return tuple(moved)

    def _read(self, path: Path) -> Copy | None:
        with os_errors(path):
            if not path.exists():
                return None
            return decode(path.read_bytes(), path)


def newest(copies: tuple[Copy | None, ...]) -> Copy | None:
    """The valid copy with the highest sequence."""
    return max((c for c in copies if c is not None), key=lambda c: c.sequence, default=None)


def in_boot(latch_set: LatchSet, boot: Boot) -> tuple[Latch, ...]:
    """The latches with their reclosure times in this boot's seconds, never later than true."""
    if latch_set.boot_id == boot.boot_id:
        return latch_set.latches
    passed_s = boot.started_s  # since this boot began, at least
    if latch_set.clock_state is boot.clock_state is ClockState.SYNCED:
        passed_s = max(passed_s, (boot.started_wall - latch_set.at_wall).total_seconds())
    shift_s = boot.started_s - passed_s - latch_set.at_s
    return tuple(
        replace(latch, spent_s=tuple(min(s, latch_set.at_s) + shift_s for s in latch.spent_s))
        for latch in latch_set.latches
    )


def read_latches(directory: Path, boot: Boot) -> tuple[dict[str, tuple[Latch, ...]], bool]:
    """The latches from the two files alone, for when the ledger cannot be opened; and "lost".

    Raises:
        NewerSchema: a newer version wrote them.
        StorageError: they are there and cannot be read.
    """
    files = LatchFiles(directory)
    copies, ever_written = files.examined()
    copy = newest(copies)
    if copy is None:
        return {}, ever_written
    return {name: in_boot(latch_set, boot) for name, latch_set in copy.connectors.items()}, False


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder: the file is the old or the new one, whole."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    sync_directory(path.parent)
