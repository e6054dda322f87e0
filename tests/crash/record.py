"""Records what is done to the state folder, by SQLite and by Python, and names every crash point.

Python's side is followed where the product enters the kernel: `os` and `open`. A file of the
folder opened for writing in a way that is not followed is an error and not overlooked. The real
folder lies on a memory file system, so nothing here waits for a disk.
"""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from crash.disk import Disk, File, Named, Sized, Written

_NAMES = (
    "open", "close", "write", "pwrite", "ftruncate", "truncate", "fsync", "fdatasync", "rename",
    "replace", "unlink", "remove", "link", "symlink", "writev", "pwritev", "posix_fallocate",
    "sendfile", "copy_file_range",
)  # fmt: skip
_REFUSED = ("link", "symlink", "writev", "pwritev", "posix_fallocate", "truncate")
NOT_KEPT = (".lock", "-shm")  # of no meaning to the next process


class NotFollowed(Exception):
    """The product did something to the folder that this model does not know."""


@dataclass(slots=True)
class Record:
    """Watches one folder; `tick` is called at every point at which the supply may be cut."""

    disk: Disk
    tick: Callable[[str], None]
    _real: dict[str, Callable[..., Any]] = field(default_factory=dict)
    _open: Callable[..., Any] = io.open
    _open_files: dict[int, tuple[int, File | None]] = field(default_factory=dict)  # by descriptor

    def watched(self, path: str) -> str | None:
        """The name within the folder, `None` for what lies elsewhere."""
        folder, _, name = str(path).rpartition("/")
        if folder != str(self.disk.root) or name.endswith(NOT_KEPT):
            return None
        return name

    # What SQLite does

    def opened(self, name: str) -> File:
        """The file that now has this name."""
        return self.disk.file(name)

    def writes(self, file: File, offset: int, data: bytes) -> None:
        """A write is about to be carried out."""
        self.tick("write")
        file.unsynced.append(Written(offset, data))

    def sizes(self, file: File, size: int) -> None:
        """The file is about to get another size."""
        self.tick("truncate")
        file.unsynced.append(Sized(size))

    def syncs(self, file: File, *, name_too: bool) -> None:
        """The file is to be kept as it is."""
        self.tick("sync")
        file.synced()
        if name_too:
            self.tick("sync folder")
            self.disk.folder_synced()
        self.tick("synced")

    def removes(self, name: str, *, folder_too: bool) -> None:
        """A name was removed."""
        self.disk.removed(name)
        self.tick("removed")
        if folder_too:
            self.disk.folder_synced()
            self.tick("removed and synced")

    # What Python does

    def install(self) -> None:
        """Follow Python's calls from now on."""
        self._real = {name: getattr(os, name) for name in _NAMES if hasattr(os, name)}
        for name in self._real:
            method = getattr(self, f"_os_{name}", None)
            if method is not None:
                setattr(os, name, method)
            elif name in _REFUSED:
                setattr(os, name, self._refusing(name))
        builtins.open = io.open = self._opening  # type: ignore[assignment]

    def uninstall(self) -> None:
        """Leave Python's calls alone again."""
        for name, real in self._real.items():
            setattr(os, name, real)
        builtins.open = io.open = self._open

    def _refusing(self, name: str) -> Callable[..., Any]:
        def refused(path: object, *arguments: object, **options: object) -> object:
            where = self._behind(path) if isinstance(path, int) else self._name(path)
            if where:
                raise NotFollowed(f"os.{name} of {where}: teach tests/crash/record.py about it")
            return self._real[name](path, *arguments, **options)

        return refused

    def _name(self, path: object) -> str | None:
        return self.watched(os.fspath(path)) if isinstance(path, str | os.PathLike) else None

    def _opening(
        self, file: object, mode: str = "r", *arguments: object, **options: object
    ) -> object:
        name = self._name(file)
        if name is not None and set(mode) & set("wax+"):
            raise NotFollowed(f"{name} opened as {mode!r}: teach tests/crash/record.py about it")
        return self._open(file, mode, *arguments, **options)

    def _os_open(self, path: object, flags: int, *arguments: object, **options: object) -> int:
        name = self._name(path)
        there = name is not None and (self.disk.root / name).exists()
        if name is not None and flags & (os.O_CREAT | os.O_TRUNC):
            self.tick("create")
        descriptor: int = self._real["open"](path, flags, *arguments, **options)
        if name is not None:
            self._begun(name, flags, there=there)
            self._open_files[descriptor] = (os.fstat(descriptor).st_ino, self.disk.names[name])
        elif str(path) == str(self.disk.root):
            self._open_files[descriptor] = (os.fstat(descriptor).st_ino, None)
        return descriptor

    def _begun(self, name: str, flags: int, *, there: bool) -> None:
        if not there:
            self.disk.names[name] = File()
            self.disk.moves.append(Named(name, self.disk.names[name]))
        elif flags & os.O_TRUNC:
            self.disk.names[name].unsynced.append(Sized(0))

    def _behind(self, descriptor: int) -> tuple[File | None] | None:
        """What is open there: a file, the folder itself (None within), or nothing of ours."""
        inode, file = self._open_files.get(descriptor, (None, None))
        if inode is None:
            return None
        if os.fstat(descriptor).st_ino != inode:  # closed elsewhere, and the number used again
            del self._open_files[descriptor]
            return None
        return (file,)

    def _os_close(self, descriptor: int) -> None:
        self._open_files.pop(descriptor, None)
        self._real["close"](descriptor)

    def _os_write(self, descriptor: int, data: bytes) -> int:
        file = (self._behind(descriptor) or (None,))[0]
        if file is not None:
            self.writes(file, os.lseek(descriptor, 0, os.SEEK_CUR), bytes(data))
        return int(self._real["write"](descriptor, data))

    def _os_pwrite(self, descriptor: int, data: bytes, offset: int) -> int:
        file = (self._behind(descriptor) or (None,))[0]
        if file is not None:
            self.writes(file, offset, bytes(data))
        return int(self._real["pwrite"](descriptor, data, offset))

    def _os_ftruncate(self, descriptor: int, size: int) -> None:
        file = (self._behind(descriptor) or (None,))[0]
        if file is not None:
            self.sizes(file, size)
        self._real["ftruncate"](descriptor, size)

    def _os_fsync(self, descriptor: int) -> None:
        behind = self._behind(descriptor)
        if behind is None:
            self._real["fsync"](descriptor)
            return
        self.tick("sync")
        if behind[0] is None:
            self.disk.folder_synced()
        else:
            behind[0].synced()
        self.tick("synced")

    _os_fdatasync = _os_fsync

    def _os_rename(self, before: object, after: object, **options: object) -> None:
        old, new = self._name(before), self._name(after)
        if (old is None) != (new is None):
            raise NotFollowed(f"{before} renamed across the folder's edge")
        if old is not None:
            self.tick("rename")
        self._real["rename"](before, after, **options)
        if old is not None and new is not None:
            self.disk.renamed(old, new)

    _os_replace = _os_rename

    def _os_unlink(self, path: object, **options: object) -> None:
        name = self._name(path)
        if name is not None:
            self.tick("unlink")
        self._real["unlink"](path, **options)
        if name is not None:
            self.disk.removed(name)

    _os_remove = _os_unlink
