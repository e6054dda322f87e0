"""Looks how much of the disk is taken and lets telemetry give; on telemetry's own thread."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from laddvakt_agent.ledger import aside
from laddvakt_agent.ledger.errors import from_os
from laddvakt_agent.ledger.quota import Use, telemetry_gives
from laddvakt_agent.telemetry.dropping import drop_some
from laddvakt_agent.telemetry.file import NAME
from laddvakt_agent.telemetry.store import TelemetryStore

ASIDE_MARK = ".damaged-"
ASIDE_KEPT = 2  # of each kind of file
_PAGES = 256  # given back at a time: a megabyte, some milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look found, and what it let go of."""

    use: Use
    giving: bool  # there is more to give
    empty: bool  # telemetry has nothing left to give
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class Space:
    """The state folder as a part of its file system."""

    directory: Path
    store: TelemetryStore
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    _giving: bool = False
    _empty: bool = False

    def look(self, ledger_free: int) -> Looked:
        """Measure; while too much is taken, let one step's worth go.

        Raises:
            StorageError: the disk cannot be looked at or does not take it.
        """
        dropped = self._drop_aside()
        use = self.measure(ledger_free)
        if not telemetry_gives(use, giving=self._giving):
            self._giving = self._empty = False
            return Looked(use=use, giving=False, empty=False, dropped=dropped)
        self._empty = not self._give(dropped)
        # What the file will be once the log is folded into it, which is done once, at the end.
        coming = replace(use, telemetry=self.store.pages()[0])
        spared = use.telemetry - coming.telemetry
        coming = replace(coming, disk_free=use.disk_free + spared)
        self._giving = telemetry_gives(coming, giving=True) and not self._empty
        if not self._giving:
            self.store.fold()
            use = self.measure(ledger_free)
        return Looked(use=use, giving=self._giving, empty=self._empty, dropped=dropped)

    def measure(self, ledger_free: int) -> Use:
        """What lies in the folder, and what the file system still gives.

        Raises:
            StorageError: the folder cannot be read.
        """
        sizes: Counter[str] = Counter()
        try:
            disk = self.statvfs(self.directory)
            with os.scandir(self.directory) as entries:
                for entry in entries:
                    sizes[_kind(entry.name)] += _size(entry)
        except OSError as error:
            raise from_os(error, self.directory) from error
        return Use(
            ledger=sizes["ledger"],
            ledger_free=ledger_free,
            telemetry=sizes["telemetry"],
            aside=sizes["aside"],
            disk_free=disk.f_bavail * disk.f_frsize,
            disk=disk.f_blocks * disk.f_frsize,
        )

    def _give(self, dropped: Counter[str]) -> bool:
        """One step; False when there is nothing left."""
        name, rows = drop_some(self.store)
        dropped[name] += rows
        _, free = self.store.pages()
        if free:
            self.store.give_back(_PAGES)
        return bool(rows or free)

    def _drop_aside(self) -> Counter[str]:
        """Damaged files beyond the newest; never one whose content is still to be taken over."""
        dropped: Counter[str] = Counter()
        try:
            found = sorted(
                (path for path in self.directory.glob(f"*{ASIDE_MARK}*") if _is_main(path)),
                key=lambda path: path.stat().st_mtime,
                reverse=True,
            )
            seen: Counter[str] = Counter()
            for path in found:
                kind = path.name.partition(ASIDE_MARK)[0]
                seen[kind] += 1
                if seen[kind] > ASIDE_KEPT and path not in aside.due(self.directory / kind):
                    for suffix in (*aside.COMPANIONS, ""):
                        path.with_name(path.name + suffix).unlink(missing_ok=True)
                    dropped["damaged_files"] += 1
        except OSError as error:
            raise from_os(error, self.directory) from error
        return dropped


def _is_main(path: Path) -> bool:
    return not path.name.endswith(aside.COMPANIONS) and path.is_file()


def _kind(name: str) -> str:
    if ASIDE_MARK in name:
        return "aside"
    return "telemetry" if name.startswith(NAME) else "ledger"


def _size(entry: os.DirEntry[str]) -> int:
    """What it takes of the disk; what has just gone takes nothing."""
    try:
        found = entry.stat(follow_symlinks=False)
    except FileNotFoundError:
        return 0
    return found.st_blocks * 512
