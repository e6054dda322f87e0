"""One process each: two boards in a folder, or two backends, would overwrite each other."""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CONFIGURATION_ERROR = 78  # EX_CONFIG: a file must be changed first
TEMPORARY_FAILURE = 75  # EX_TEMPFAIL: try again after doing what the sentence says


class StartError(Exception):
    """The simulator cannot start like that; the message says what and what to do."""


def make_folder(directory: Path) -> None:
    """Make the folder if it is missing.

    Raises:
        StartError: it cannot be made, or nothing can be written into it.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"--dir {directory}: this folder cannot be made: {error.strerror}; "
            "choose one in a place you can write to"
        ) from error
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StartError(
            f"--dir {directory}: nothing can be written there; choose a folder you can write to"
        )


def claim(path: Path, who: str) -> None:
    """Hold a lock on a file or a folder until this process ends; a missing file is made.

    Raises:
        StartError: another process holds it.
        OSError: it cannot be opened.
    """
    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        folder = path if path.is_dir() else path.parent
        raise StartError(
            f"another {who} runs in {folder}; end it, or choose another --dir"
        ) from None


def told(error: OSError) -> str:
    """What the kernel said, in words, and about which file."""
    words = error.strerror or str(error)
    return words if error.filename is None else f"{error.filename}: {words}"
