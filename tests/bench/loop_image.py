"""An ext4 file system of its own in a file: what reaches its device is counted in sectors.

The figures of a process (`write_bytes`) leave out what the file system adds: journal, inodes,
bitmaps. The loop device's own counter has all of it. Root is needed to mount.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SETTLE_S = 36.0  # dirty pages are written after 30 s, ext4 commits its journal each 5 s
SIZE_MB = 256
SECTOR_BYTES = 512
_WRITTEN = 6  # place of "sectors written" in /sys/block/<device>/stat


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopImage:
    """A mounted image."""

    root: Path
    device: str

    def written_bytes(self) -> int:
        """Bytes that have reached the device since it was set up."""
        fields = Path(f"/sys/block/{self.device}/stat").read_text(encoding="ascii").split()
        return int(fields[_WRITTEN]) * SECTOR_BYTES

    def settle(self) -> int:
        """Wait until everything is written; bytes that have reached the device by then."""
        time.sleep(SETTLE_S)
        descriptor = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            subprocess.run(["sync", "-f", str(self.root)], check=True)
        finally:
            os.close(descriptor)
        return self.written_bytes()


def mountable() -> str:
    """Why no image can be mounted here; empty where one can."""
    if os.geteuid() != 0:
        return "only root can mount an image"
    if not Path("/dev/loop-control").exists():
        return "this machine has no loop devices"
    return ""


@contextmanager
def loop_image(directory: Path) -> Iterator[LoopImage]:
    """A fresh file system, mounted; unmounted when the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    file, root = directory / "disk.img", directory / "disk"
    with file.open("wb") as image:
        image.truncate(SIZE_MB * 1024 * 1024)
    # Nothing may be initialised later: it would be counted as ours.
    options = ["-E", "lazy_itable_init=0,lazy_journal_init=0", "-b", "4096"]
    subprocess.run(["mkfs.ext4", "-q", *options, str(file)], check=True)
    root.mkdir()
    subprocess.run(["mount", "-o", "loop", str(file), str(root)], check=True)
    try:
        yield LoopImage(root=root, device=_device(root))
    finally:
        subprocess.run(["umount", str(root)], check=True)
        file.unlink()


def _device(root: Path) -> str:
    number = root.stat().st_dev
    link = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve()
    return link.name
