"""Putting a broken ledger aside: nothing is deleted, and a power cut in between loses nothing.

Before the first rename a list beside the ledger names the file whose content has still to be taken
over. It goes when that is done, so whoever starts next goes on where this one was cut off.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

COMPANIONS = ("-wal", "-shm")
_DUE = ".salvage"
_MODE = 0o640


def set_aside(path: Path, wall: datetime) -> Path:
    """Rename a broken file, so that it can still be examined; its new path."""
    target = _free_name(path, wall)
    path.rename(target)
    _move_companions(path, target)
    sync_directory(path.parent)
    return target


def set_ledger_aside(path: Path, wall: datetime) -> Path:
    """The same with a ledger whose content is to be taken over: see `due`."""
    target = _free_name(path, wall)
    _write_due(path, (*due(path), target))
    path.rename(target)
    _move_companions(path, target)
    sync_directory(path.parent)
    return target


def set_strays_aside(path: Path, wall: datetime) -> None:
    """A log whose ledger is gone must not be taken for a new one's: it would be played into it."""
    if not path.exists():
        set_log_aside(path, wall)


def set_log_aside(path: Path, wall: datetime) -> None:
    """The log alone: the ledger beside it is not the one it belongs to."""
    if not path.with_name(path.name + COMPANIONS[0]).exists():
        return
    _move_companions(path, _free_name(path, wall))
    sync_directory(path.parent)


def due(path: Path) -> tuple[Path, ...]:
    """The files set aside whose content this ledger has not taken over yet, oldest first."""
    try:
        names = _list(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ()
    return tuple(path.with_name(name) for name in names if name and Path(name).name == name)


def finish(path: Path) -> None:
    """Complete what a power cut left half done."""
    for target in due(path):
        if target.exists() and not path.exists():
            _move_companions(path, target)
            sync_directory(path.parent)


def taken_over(path: Path) -> None:
    """Everything due is in the ledger now."""
    if due(path):
        _list(path).unlink()
        sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make what was written into this file survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Make renames in this folder survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _list(path: Path) -> Path:
    return path.with_name(path.name + _DUE)


def _write_due(path: Path, targets: tuple[Path, ...]) -> None:
    new = path.with_name(path.name + _DUE + ".new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    descriptor = os.open(new, flags, _MODE)
    try:
        os.write(descriptor, "".join(f"{target.name}\n" for target in targets).encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.rename(_list(path))
    sync_directory(path.parent)


def _free_name(path: Path, wall: datetime) -> Path:
    stamp = wall.strftime("%Y%m%dT%H%M%SZ")
    base = target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while any(target.with_name(target.name + suffix).exists() for suffix in ("", *COMPANIONS)):
        target = base.with_name(f"{base.name}.{number}")
        number += 1
    return target


def _move_companions(path: Path, target: Path) -> None:
    for suffix in COMPANIONS:
        companion = path.with_name(path.name + suffix)
        if companion.exists():
            companion.rename(target.with_name(target.name + suffix))
