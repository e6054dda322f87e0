"""How long the agent was away: a sign of life each second in memory, free for the disk.

It lies beside the API socket, on a file system that a reboot empties. Without it the ledger's last
word counts, which may be minutes older. It carries the number of the run that signed: only the run
that watched a session can say until when.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AliveFile:
    """The sign of life at `path`."""

    path: Path
    boot_id: str
    run: Callable[[], int]  # of the ledger as it is now: another one, another number

    def sign(self, now_s: float) -> None:
        """Say that the agent lives; where that cannot be written, an older sign stays."""
        beside = self.path.with_suffix(".new")
        with contextlib.suppress(OSError):
            beside.write_text(f"{self.boot_id} {now_s:.3f} {self.run()}", encoding="ascii")
            os.replace(beside, self.path)

    def signed_s(self, run: int) -> float | None:
        """When that run last signed in this boot, `None` when that cannot be told."""
        try:
            boot_id, at_s, signer = self.path.read_text(encoding="ascii").split()
            signed_s, by = float(at_s), int(signer)
        except (OSError, ValueError):
            return None
        return signed_s if (boot_id, by) == (self.boot_id, run) else None
