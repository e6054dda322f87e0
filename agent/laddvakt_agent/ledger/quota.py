"""How much of the disk Laddvakt may take, and what has to be given back. Pure.

Telemetry gives first and returns its pages to the file system, down to its share of the quota;
then the ledger gives what is settled and confirmed. Its file keeps its size, and the pages freed
in it take what comes next. Where others fill the disk, telemetry gives all it has: the ledger
could give nothing back, it only makes sure that it need not grow.
"""

from __future__ import annotations

from dataclasses import dataclass

MB = 1024 * 1024
MOST_BYTES = 64 * MB
MOST_SHARE = 0.1  # … or this of the partition, whichever is less
HEADROOM_BYTES = 32 * MB  # stays free for others; below a quarter of it charging is told to end
RELIEF_BYTES = 2 * MB  # once something must go, so much more goes: seldom and in one sweep
TELEMETRY_PARTS = 4  # a quarter of the quota is telemetry's share
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
    def over(self) -> int:
        """Bytes beyond the quota; negative: so many may still be taken."""
        return self.total - self.quota

    @property
    def short(self) -> int:
        """Bytes that the file system lacks of the headroom; negative: so many are to spare."""
        return self.headroom - self.disk_free

    @property
    def telemetry_share(self) -> int:
        """What the ledger leaves to telemetry, however much it would like to keep."""
        return self.quota // TELEMETRY_PARTS


def telemetry_gives(use: Use, *, giving: bool) -> bool:
    """Whether telemetry must give; `giving`: it has begun, and goes on until there is relief."""
    least = -min(RELIEF_BYTES, use.quota // 8) if giving else 0
    return use.short > least or (use.over > least and use.telemetry > use.telemetry_share)


def ledger_gives(use: Use, *, telemetry_empty: bool) -> bool:
    """Whether the ledger must drop what it may, so that it need not grow."""
    if use.ledger_free >= LEDGER_RESERVE_BYTES:
        return False
    return (use.short > 0 and telemetry_empty) or (
        use.over > 0 and use.telemetry <= use.telemetry_share
    )
