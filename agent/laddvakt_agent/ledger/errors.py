"""What the ledger raises; the class says what the caller may do."""

from __future__ import annotations

import errno
import sqlite3
from enum import Enum
from pathlib import Path


class LedgerError(Exception):
    """Root of every error of the ledger."""


class LedgerInUse(LedgerError):
    """Another agent holds the ledger: stop, two agents must never drive one charger."""


class NewerSchema(LedgerError):
    """A newer Laddvakt wrote these files: install it again. Nothing was touched."""


class Conflict(LedgerError):
    """The row contradicts one that may not change any more: a mistake of the caller."""


class StorageKind(Enum):
    """Why the disk did not take it."""

    READ_ONLY = "read_only"
    FULL = "full"
    DAMAGED = "damaged"  # the file broke while in use: see renewal.Renewal
    NOT_A_FOLDER = "not_a_folder"  # the state directory is a file, or lies below one
    A_FOLDER = "a_folder"  # in the place of one of the ledger's files
    IO = "io"


_REMEDY = {
    StorageKind.READ_ONLY: "mount it read-write and let the service's user write to the folder",
    StorageKind.FULL: "free space on this file system",
    StorageKind.DAMAGED: "the agent sets the file aside and goes on in a new one; check the disk",
    StorageKind.NOT_A_FOLDER: "this is not a folder: set agent.state_directory to one",
    StorageKind.A_FOLDER: "a file belongs there: move this folder away",
    StorageKind.IO: "check the disk and the kernel log",
}


class StorageError(LedgerError):
    """The disk does not take it: go on protecting, tell people, try again later."""

    def __init__(self, kind: StorageKind, where: Path, detail: str) -> None:
        super().__init__(f"{where}: {detail} ({kind.value}); {_REMEDY[kind]}")
        self.kind = kind
        self.where = where


_ERRNO_KINDS = {
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), StorageKind.READ_ONLY),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), StorageKind.FULL),
    **dict.fromkeys((errno.ENOTDIR, errno.EEXIST), StorageKind.NOT_A_FOLDER),
    errno.EISDIR: StorageKind.A_FOLDER,
}
_SQLITE_KINDS = {
    sqlite3.SQLITE_READONLY: StorageKind.READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: StorageKind.READ_ONLY,
    sqlite3.SQLITE_PERM: StorageKind.READ_ONLY,
    sqlite3.SQLITE_FULL: StorageKind.FULL,
    sqlite3.SQLITE_CORRUPT: StorageKind.DAMAGED,
    sqlite3.SQLITE_NOTADB: StorageKind.DAMAGED,
}


_MISTAKES = frozenset(
    {
        0,  # the module itself complained
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_RANGE,
    }
)


def from_os(error: OSError, where: Path) -> StorageError:
    """Translate what the kernel said."""
    kind = _ERRNO_KINDS.get(error.errno or 0, StorageKind.IO)
    return StorageError(kind, where, error.strerror or str(error))


def sqlite_code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 where the module itself complained."""
    code: int = getattr(error, "sqlite_errorcode", 0)  # absent when no SQLite call failed
    return code & 0xFF


def is_mistake(error: sqlite3.Error) -> bool:
    """True when the statement is wrong, not the disk: no remedy helps, it must be seen."""
    return sqlite_code(error) in _MISTAKES


def from_sqlite(error: sqlite3.Error, where: Path) -> StorageError:
    """Translate what SQLite said."""
    kind = _SQLITE_KINDS.get(sqlite_code(error), StorageKind.IO)
    return StorageError(kind, where, str(error))
