"""How long the agent was away: a sign of life each second in memory, free for the disk.

It lies beside the API socket, on a file system that a reboot empties. Without it the agent may
have been away for any time, and another vehicle may be plugged in.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class AliveFile:
    """The sign of life at `path`."""

    path: Path
    boot_id: str

    def sign(self, now_s: float) -> None:
        """Say that the agent lives; where that cannot be written, nobody will rely on it."""
        beside = self.path.with_suffix(".new")
        with contextlib.suppress(OSError):
            beside.write_text(f"{self.boot_id} {now_s:.3f}", encoding="ascii")
            os.replace(beside, self.path)

    def away_s(self, now_s: float) -> float | None:
        """Seconds since the last sign in this boot, `None` when that cannot be told."""
        try:
            boot_id, at_s = self.path.read_text(encoding="ascii").split()
            away_s = now_s - float(at_s)
        except (OSError, ValueError):
            return None
        return away_s if boot_id == self.boot_id and away_s >= 0.0 else None
