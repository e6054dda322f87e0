"""How much of the disk Laddvakt may take, and what has to be given back. Pure.

Telemetry gives first and returns its pages to the file system. The ledger gives when nothing else
is left; its file keeps its size, and the pages freed in it take what comes next.
"""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024
MOST_BYTES = 64 * MB
MOST_SHARE = 0.1  # … or this of the partition, whichever is less
HEADROOM_BYTES = 32 * MB  # stays free for others; below a quarter of it charging is told to end
RELIEF_BYTES = 2 * MB  # once something must go, so much more goes: seldom and in one sweep
LEDGER_RESERVE_BYTES = MB  # free pages that let the ledger go on for weeks without growing


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """What lies on the disk, in bytes."""

    ledger: int  # with its log and the latches
    ledger_free: int  # of it: free pages
    telemetry: int  # with its log
    aside: int  # damaged files kept for examination
    disk_free: int  # what the file system still gives
    disk: int  # the file system as a whole

    @property
    def total(self) -> int:
        """Everything of ours."""
        return self.ledger + self.telemetry + self.aside

    @property
    def quota(self) -> int:
        """What we may take of this file system."""
        return min(MOST_BYTES, int(MOST_SHARE * self.disk))

    @property
    def headroom(self) -> int:
        """What we leave free; a small partition is not asked for more than half of itself."""
        return min(HEADROOM_BYTES, self.disk // 2)

    @property
    def excess(self) -> int:
        """Bytes to give back; negative: so many may still be taken."""
        return max(self.total - self.quota, self.headroom - self.disk_free)


def telemetry_gives(use: Use, *, giving: bool) -> bool:
    """Whether telemetry must give; `giving`: it has begun, and goes on until there is relief."""
    relief = min(RELIEF_BYTES, use.quota // 8)
    return use.excess > (-relief if giving else 0)


def ledger_gives(use: Use, *, telemetry_empty: bool) -> bool:
    """Whether the ledger must drop what it may, so that it need not grow."""
    return use.excess > 0 and telemetry_empty and use.ledger_free < LEDGER_RESERVE_BYTES
