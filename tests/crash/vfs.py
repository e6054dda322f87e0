"""SQLite's own VFS with the ears of a recorder: every write, sync and removal is told.

The interpreter's `sqlite3` is linked to libsqlite3.so.0, so registering a VFS in that library
through ctypes makes it the default of the very connections the product opens. It is a copy of
SQLite's "unix" VFS in which opening and deleting lead here; of a file in the watched folder the
methods that change it lead here too, and all others stay SQLite's own. Nothing is really synced:
what a sync would have kept is the model's business (see `disk`).
"""

from __future__ import annotations

import ctypes
import os
import sqlite3
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, byref, c_char_p, c_int, c_int64, c_void_p, cast
from pathlib import Path
from typing import Protocol

from crash.disk import File

LIBRARY = "libsqlite3.so.0"
OK = 0
DIRECTORY_TOO = 0x800 | 0x4000 | 0x80000  # journals and logs: the first sync keeps the name

Write = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
Sync = CFUNCTYPE(c_int, c_void_p, c_int)
# Paths stay pointers: SQLite keeps them, and looks for parameters beside them.
Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, POINTER(c_int))
Delete = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int)
_Writes = Callable[[int, int, int, int], int]
_Truncates = Callable[[int, int], int]


class Methods(ctypes.Structure):
    """sqlite3_io_methods, version 3."""

    _fields_ = [
        ("version", c_int),
        ("close", c_void_p),
        ("read", c_void_p),
        ("write", c_void_p),
        ("truncate", c_void_p),
        ("sync", c_void_p),
        *((name, c_void_p) for name in ("file_size", "lock", "unlock", "check_reserved_lock")),
        *((name, c_void_p) for name in ("file_control", "sector_size", "characteristics")),
        *((name, c_void_p) for name in ("shm_map", "shm_lock", "shm_barrier", "shm_unmap")),
        *((name, c_void_p) for name in ("fetch", "unfetch")),
    ]


class Vfs(ctypes.Structure):
    """sqlite3_vfs, version 3."""

    _fields_ = [
        ("version", c_int),
        ("file_bytes", c_int),
        ("longest_path", c_int),
        ("next", c_void_p),
        ("name", c_char_p),
        ("data", c_void_p),
        ("open", c_void_p),
        ("delete", c_void_p),
        *((f"other{number}", c_void_p) for number in range(14)),
    ]


class Recorder(Protocol):
    """Who is told."""

    def watched(self, path: str) -> str | None:
        """The name within the watched folder; `None` for every other file."""
        ...

    def opened(self, name: str) -> File:
        """The file that now has this name."""
        ...

    def writes(self, file: File, offset: int, data: bytes) -> None:
        """A write is about to be carried out."""
        ...

    def sizes(self, file: File, size: int) -> None:
        """The file is about to get another size."""
        ...

    def syncs(self, file: File, *, name_too: bool) -> None:
        """The file is to be kept as it is."""
        ...

    def removes(self, name: str, *, folder_too: bool) -> None:
        """A name was removed."""
        ...


_REGISTERED: list[object] = []  # the library goes on pointing to them


class Unavailable(Exception):
    """The interpreter's SQLite cannot be reached from outside; the message says why."""


class Shim:
    """The registered VFS; one for the whole process, watching what its recorder says."""

    def __init__(self, recorder: Recorder) -> None:
        """Raises Unavailable."""
        self._recorder = recorder
        self._files: dict[int, tuple[File, list[bool]]] = {}  # address → file, name to be synced
        self._own: dict[int, Methods] = {}  # by the address of those they stand in for
        self._theirs: dict[int, tuple[_Writes, _Truncates]] = {}  # by the address of ours
        self._library = library()
        find = self._library.sqlite3_vfs_find
        find.restype = POINTER(Vfs)
        native = find(b"unix").contents
        self._native_open, self._native_delete = Open(native.open), Delete(native.delete)
        self._keep: list[object] = []
        self._vfs = Vfs.from_buffer_copy(native)
        self._vfs.name = b"laddvakt-crash"
        self._vfs.next = None
        self._vfs.open = self._pointer(Open, self._open)
        self._vfs.delete = self._pointer(Delete, self._delete)
        self._write = self._pointer(Write, self._on_write)
        self._truncate = self._pointer(Truncate, self._on_truncate)
        self._sync = self._pointer(Sync, self._on_sync)
        self._library.sqlite3_vfs_register(byref(self._vfs), 1)
        _REGISTERED.append(self)

    def remove(self) -> None:
        """SQLite's own VFS is the default again; the watched files must be closed."""
        self._library.sqlite3_vfs_unregister(byref(self._vfs))

    def _pointer(self, kind: Callable[..., object], method: Callable[..., int]) -> int | None:
        made = kind(method)
        self._keep.append(made)
        return cast(made, c_void_p).value  # type: ignore[arg-type]  # a function pointer is one

    def _open(
        self, vfs: int, path: int | None, file: int, flags: int, out: ctypes._Pointer[c_int]
    ) -> int:
        shown = "" if path is None else os.fsdecode(ctypes.string_at(path))
        name = self._recorder.watched(shown)
        there = name is not None and Path(shown).exists()
        result: int = self._native_open(vfs, path, file, flags, out)
        if name is None or result != OK:
            return result
        new_name = not there and bool(flags & DIRECTORY_TOO)
        self._files[file] = (self._recorder.opened(name), [new_name])
        methods = cast(file, POINTER(c_void_p))
        methods[0] = ctypes.addressof(self._instead(methods[0]))
        return result

    def _instead(self, native: int | None) -> Methods:
        """SQLite's methods with three of ours."""
        address = native or 0
        if address not in self._own:
            theirs = cast(address, POINTER(Methods)).contents
            ours = Methods.from_buffer_copy(theirs)
            ours.write, ours.truncate, ours.sync = self._write, self._truncate, self._sync
            self._own[address] = ours
            self._theirs[ctypes.addressof(ours)] = (Write(theirs.write), Truncate(theirs.truncate))
        return self._own[address]

    def _native(self, file: int) -> tuple[_Writes, _Truncates]:
        return self._theirs[cast(file, POINTER(c_void_p))[0] or 0]

    def _on_write(self, file: int, data: int, count: int, offset: int) -> int:
        self._recorder.writes(self._files[file][0], offset, ctypes.string_at(data, count))
        return self._native(file)[0](file, data, count, offset)

    def _on_truncate(self, file: int, size: int) -> int:
        self._recorder.sizes(self._files[file][0], size)
        return self._native(file)[1](file, size)

    def _on_sync(self, file: int, flags: int) -> int:
        del flags
        known, name_too = self._files[file]
        self._recorder.syncs(known, name_too=name_too[0])
        name_too[0] = False
        return OK

    def _delete(self, vfs: int, path: int, folder_too: int) -> int:
        name = self._recorder.watched(os.fsdecode(ctypes.string_at(path)))
        result: int = self._native_delete(vfs, path, 0)
        if name is not None and result == OK:
            self._recorder.removes(name, folder_too=bool(folder_too))
        return result


def library() -> ctypes.CDLL:
    """The library that the `sqlite3` module uses, proved by asking for its version.

    Raises:
        Unavailable: the module has SQLite built in, or uses another library.
    """
    module = getattr(__import__("_sqlite3"), "__file__", None)
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    sqlite3.connect(":memory:").close()
    if module is None or LIBRARY not in maps:
        raise Unavailable(
            f"this interpreter's sqlite3 has SQLite built in instead of using {LIBRARY}: "
            "no VFS can be put under it; run the campaign with the distribution's python3"
        )
    library = ctypes.CDLL(LIBRARY)
    library.sqlite3_libversion.restype = c_char_p
    if library.sqlite3_libversion().decode() != sqlite3.sqlite_version:
        raise Unavailable(f"{LIBRARY} is not the SQLite that this interpreter uses")
    return library
