"""Lock-outs and used-up retries: three copies, because losing one would reclose a dangerous fault.

A copy is one line of header (format, CRC-32, length) and a JSON body with a sequence number. One
lies in `ledger.db`, two in `latches.a` and `latches.b`, written alternately; the newest valid one
counts. `latches.written` says for ever that there once were some: without a valid copy they are
then *lost*, and not merely absent as in a fresh installation.

An update may be rolled back, so a copy carries two numbers, as the ledger does. The header's names
the oldest format whose readers can use it: a reader refuses one newer than itself. The body's
`format` says which one it is. Whatever a reader does not know in the body it leaves alone, and a
word it does not know counts as the strictest it knows; so the header's number grows only when an
older reader would take a copy for less strict than it is.

Reclosure times are boot times of the boot that wrote them. In another boot they are carried over
so that retries are never given back too early: only time known to have passed counts, that is the
time since this boot began, and the wall clock's difference when it was synchronised both then and
now. The length of an outage is otherwise unknown and counts as nothing.
"""

from __future__ import annotations

import enum
import os
import zlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import msgspec

from laddvakt_agent.clock import Boot, ClockState
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger.aside import set_aside, sync_directory
from laddvakt_agent.ledger.errors import NewerSchema, StorageError
from laddvakt_agent.ledger.files import os_errors

FORMAT = 2  # a body says its own format since 2
READABLE_FROM = 1  # the oldest format whose readers can go on with what is written here
FILES = ("latches.a", "latches.b")
_WORD = "laddvakt-latches"
_MARKER = "latches.written"
_ACTS = frozenset(str(act.value) for act in Act)
_CLOCK_STATES = frozenset(state.value for state in ClockState)


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
    format: int = field(default=1, compare=False)  # of its writer; format 1 does not say


class CopyState(enum.Enum):
    """What one look at a copy showed."""

    WHOLE = "whole"
    OLDER = "whole, of an older version"
    NEWER = "of a newer version"
    BROKEN = "torn"
    UNREADABLE = "unreadable"
    MISSING = "missing"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCopy:
    """A copy as it was found; `copy` is there when it is whole and can be used."""

    state: CopyState
    copy: Copy | None = None
    detail: str = ""


def encode(copy: Copy) -> bytes:
    """The bytes of a copy, in the format of this version."""
    body = msgspec.json.encode(replace(copy, format=FORMAT))
    return f"{_WORD} {READABLE_FROM} {zlib.crc32(body):08x} {len(body)}\n".encode() + body


def decode(raw: bytes, where: Path) -> Copy | None:
    """A copy read back; `None` unless it is whole.

    Raises:
        NewerSchema: a newer version wrote it.
    """
    found = examine(raw)
    if found.state is CopyState.NEWER:
        raise NewerSchema(f"{where}: {found.detail}. Nothing was touched")
    return found.copy


def examine(raw: bytes) -> FoundCopy:
    """What the bytes of a copy are; never raises."""
    header, _, body = raw.partition(b"\n")
    words = header.decode(errors="replace").split(" ")
    if len(words) != 4 or words[0] != _WORD or not words[1].isdecimal():
        return FoundCopy(state=CopyState.BROKEN, detail="no header")
    if words[2:] != [f"{zlib.crc32(body):08x}", str(len(body))]:
        return FoundCopy(state=CopyState.BROKEN, detail="the checksum is wrong")
    if int(words[1]) > FORMAT:
        detail = (
            f"written by a newer Laddvakt (format {words[1]}, known up to {FORMAT}); "
            "install that version again"
        )
        return FoundCopy(state=CopyState.NEWER, detail=detail)
    try:
        copy = msgspec.convert(_understood(msgspec.json.decode(body)), Copy)
    except msgspec.DecodeError as error:  # whole, and yet no copy: worth as much as a broken one
        return FoundCopy(state=CopyState.BROKEN, detail=str(error))
    state = CopyState.OLDER if copy.format < FORMAT else CopyState.WHOLE
    return FoundCopy(state=state, copy=copy)


def look_at(path: Path) -> FoundCopy:
    """What lies in the place of a copy; never raises."""
    try:
        return examine(path.read_bytes())
    except FileNotFoundError:
        return FoundCopy(state=CopyState.MISSING)
    except OSError as error:
        return FoundCopy(state=CopyState.UNREADABLE, detail=error.strerror or str(error))


class LatchFiles:
    """The two files and the marker in the state folder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._paths = tuple(directory / name for name in FILES)

    def examined(self) -> tuple[tuple[Copy | None, ...], bool]:
        """Both copies, `None` where one cannot be had; and whether there ever were any.

        Each stands for itself: one that is broken or cannot be read leaves the other its worth.

        Raises:
            NewerSchema: a newer version wrote one.
            StorageError: the folder cannot be looked into.
        """
        with os_errors(self._directory):
            ever = (self._directory / _MARKER).exists() or any(p.exists() for p in self._paths)
        return tuple(_usable(path) for path in self._paths), ever

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
        path = self._paths[copy.sequence % len(self._paths)]
        try:
            with os_errors(path):
                _write_whole(path, encode(copy))
        finally:  # not before: ending between a mark and its first file would look like a loss
            self._mark()

    def set_broken_aside(self, wall: datetime) -> tuple[Path, ...]:
        """Rename what is no copy so that it can still be examined; the new paths.

        Raises:
            StorageError: the folder cannot be written.
        """
        moved = []
        for path in self._paths:
            with os_errors(path):
                if path.exists() and _usable(path) is None:
                    self._mark()  # first: without it the loss would be forgotten at the next start
                    moved.append(set_aside(path, wall))
        return tuple(moved)

    def _mark(self) -> None:
        marker = self._directory / _MARKER
        with os_errors(marker):
            if not marker.exists():
                _write_whole(marker, b"There have been latches here. Keep this file.\n")


def newest(copies: tuple[Copy | None, ...]) -> Copy | None:
    """The valid copy with the highest sequence.

    Two that differ and say the same sequence were brought together by hand, say from a backup: of
    each connector the stricter set counts.
    """
    whole = [copy for copy in copies if copy is not None]
    last = max((copy.sequence for copy in whole), default=0)
    equals = [copy for copy in whole if copy.sequence == last]
    if not equals:
        return None
    names = dict.fromkeys(name for copy in equals for name in copy.connectors)
    sets = {name: [c.connectors[name] for c in equals if name in c.connectors] for name in names}
    strictest = {name: max(found, key=_strictness) for name, found in sets.items()}
    return replace(equals[0], connectors=strictest)


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
        StorageError: the folder cannot be looked into.
    """
    files = LatchFiles(directory)
    copies, ever_written = files.examined()
    copy = newest(copies)
    if copy is None:
        return {}, ever_written
    return {name: in_boot(latch_set, boot) for name, latch_set in copy.connectors.items()}, False


def _usable(path: Path) -> Copy | None:
    found = look_at(path)
    if found.state is CopyState.NEWER:
        raise NewerSchema(f"{path}: {found.detail}. Nothing was touched")
    return found.copy


def _strictness(latch_set: LatchSet) -> tuple[int, int, float]:
    locked = sum(latch.locked_out for latch in latch_set.latches)
    spent = sum(len(latch.spent_s) for latch in latch_set.latches)
    return locked, spent, latch_set.at_s


def _understood(body: object) -> object:
    """The body with words of a newer version taken as the strictest known here."""
    if not isinstance(body, dict) or not isinstance(body.get("connectors"), dict):
        return body
    for latch_set in body["connectors"].values():
        if not isinstance(latch_set, dict) or not isinstance(latch_set.get("latches"), list):
            continue
        if str(latch_set.get("clock_state")) not in _CLOCK_STATES:
            latch_set["clock_state"] = ClockState.RESTORED.value  # no time known to have passed
        for latch in latch_set["latches"]:
            if isinstance(latch, dict) and str(latch.get("act")) not in _ACTS:
                latch["act"] = None  # its strongest
    return body


def _write_whole(path: Path, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder: the file is the old or the new one, whole."""
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        os.fchmod(descriptor, 0o640)  # the service's umask would shut its group out
        view = memoryview(content)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    sync_directory(path.parent)
