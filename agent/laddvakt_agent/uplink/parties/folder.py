"""The files of the agreements: one platform each, readable by nobody else, whole or not there."""

from __future__ import annotations

import contextlib
import os
from datetime import datetime
from pathlib import Path

import msgspec
import structlog

from laddvakt_agent.ledger.aside import set_aside, sync_directory
from laddvakt_agent.uplink.parties.agreement import FORMAT, Record

_FILE_MODE, _FOLDER_MODE = 0o600, 0o700
_MAX_BYTES = 1_048_576

log = structlog.get_logger()


class NotKept(Exception):
    """An agreement could not be written; the message says why and what to do."""


class Folder:
    """`<state_directory>/uplink`; every call blocks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self, name: str, wall: datetime) -> Record:
        """What is kept of a platform; nothing yet, or a damaged file: an empty record.

        `wall` names the damaged file that is put aside.
        """
        path = self._file(name)
        try:
            record = self._checked(path, name)
        except FileNotFoundError:
            return Record(platform=name)
        except OSError as error:
            _tell(name, path, error.strerror or str(error))
            return Record(platform=name)
        except (ValueError, msgspec.DecodeError) as error:
            kept = path
            with contextlib.suppress(OSError):  # it then stays where it is
                kept = set_aside(path, wall)
            _tell(name, kept, str(error))
            return Record(platform=name)
        with contextlib.suppress(OSError):  # on a read-only disk they stay as they are
            path.parent.chmod(_FOLDER_MODE)
            path.chmod(_FILE_MODE)
        return record

    def write(self, record: Record) -> None:
        """Put a record in the place of the one before; on the disk when it returns.

        Raises:
            NotKept: the disk does not take it; the one before stands.
        """
        path = self._file(record.platform)
        new = path.with_name(f".{path.name}.new")
        try:
            self._path.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
            self._path.chmod(_FOLDER_MODE)
            _write_synced(new, msgspec.json.format(msgspec.json.encode(record), indent=1))
            new.replace(path)
            sync_directory(self._path)
        except OSError as error:
            raise NotKept(
                f"{path}: cannot be written: {error.strerror or error}; check that the disk has "
                f"space and that the service may write {self._path}"
            ) from error

    def _file(self, name: str) -> Path:
        return self._path / f"{name}.json"

    def _checked(self, path: Path, name: str) -> Record:
        """Raises ValueError or DecodeError for what is no record of this platform, or OSError."""
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ValueError(f"it is longer than {_MAX_BYTES} bytes")
        record = msgspec.json.decode(content, type=Record)
        if record.format != FORMAT:
            raise ValueError(f"its format is {record.format}, this program knows {FORMAT}")
        if record.platform != name:
            raise ValueError(f"it belongs to the platform '{record.platform}'")
        return record


def _tell(name: str, kept: Path, reason: str) -> None:
    """Not raised: guarding goes on without this platform."""
    log.error(
        "agreement_unreadable",
        platform=name,
        file=str(kept),
        reason=reason,
        effect="this platform counts as not registered",
        remedy=f"put a backup of {name}.json in its place and restart, or register anew with a "
        f"new initial token: laddvakt uplink register --name {name}",
    )


def _write_synced(path: Path, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, flags, _FILE_MODE)
    try:
        os.fchmod(descriptor, _FILE_MODE)
        written = 0
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
