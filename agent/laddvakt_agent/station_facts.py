"""What the shell knows of the station beside its devices: disk, uplink, clock, its own pace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from laddvakt_agent.core.inputs import ClockState, Sample, StoreHealth, UplinkHealth

HEADROOM_BYTES = 8 * 1024 * 1024  # below this the next commits may not fit
LATE_S = 1.5  # a round later than this reads safety data that are too old
_WEAR_FILES = "/sys/block/mmcblk*/device/life_time"  # eMMC: two estimates in steps of 10 %
_WEAR_EVERY_S = 3600.0
UplinkTold = Callable[[], dict[str, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """One look; the same for every connector."""

    uplink: UplinkHealth | None = None
    store: StoreHealth | None = None
    clock: ClockState | None = None
    clock_step_s: Sample[float] | None = None
    round_late_s: Sample[float] | None = None


@dataclass(slots=True, kw_only=True)
class FactsKeeper:
    """Looks around once a second; what it saw last stands in `now`."""

    directory: Path
    clock_state: Callable[[], str]
    durable: Callable[[], bool]
    damage: str = ""  # why the ledger was set aside; of no meaning once a new one stands
    uplink_told: UplinkTold = lambda: None
    wear_files: Callable[[], Iterable[Path]] = lambda: Path("/").glob(_WEAR_FILES[1:])
    now: StationFacts = StationFacts()
    _looked_s: float | None = None
    _worn: tuple[float, float | None] | None = None  # (when, share)
    _since: dict[str, float] = field(default_factory=dict)

    def look(self, now_s: float, *, step_s: float = 0.0, due_s: float | None = None) -> None:
        """See how things are. `step_s`: the wall clock was stepped; `due_s`: when this was due."""
        late_s = 0.0 if due_s is None else now_s - due_s
        before = self.now
        step = Sample(value=step_s, taken_s=now_s) if step_s else before.clock_step_s
        late = Sample(value=late_s, taken_s=now_s) if late_s > LATE_S else before.round_late_s
        self.now = StationFacts(
            uplink=self._uplink(now_s),
            store=self._store(now_s),
            clock=ClockState(self.clock_state()),
            clock_step_s=step,
            round_late_s=late,
        )

    def _uplink(self, now_s: float) -> UplinkHealth | None:
        told = self.uplink_told()
        if told is None:
            return None
        return UplinkHealth(
            unreachable_since_s=self._lasting("unreachable", not told.get("reachable"), now_s),
            refused_since_s=self._lasting("refused", bool(told.get("refused")), now_s),
            certificate_since_s=self._lasting("certificate", bool(told.get("untrusted")), now_s),
            detail=str(told.get("last_error") or ""),
        )

    def _lasting(self, name: str, now_so: bool, now_s: float) -> float | None:
        """Since when it is so; `None` while it is not."""
        if not now_so:
            self._since.pop(name, None)
            return None
        return self._since.setdefault(name, now_s)

    def _store(self, now_s: float) -> StoreHealth:
        durable = self.durable()
        try:
            disk = os.statvfs(self.directory)
        except OSError:
            return StoreHealth(read_only=not durable, damaged="" if durable else self.damage)
        free = disk.f_bavail * disk.f_frsize
        read_only = bool(disk.f_flag & os.ST_RDONLY)
        return StoreHealth(
            full=free < HEADROOM_BYTES and not read_only,
            read_only=read_only,
            worn_share=self._wear(now_s),
            damaged="" if durable else self.damage,
        )

    def _wear(self, now_s: float) -> float | None:
        if self._worn is not None and now_s < self._worn[0] + _WEAR_EVERY_S:
            return self._worn[1]
        shares = [share for path in self.wear_files() for share in _life_used(path)]
        self._worn = (now_s, max(shares, default=None))
        return self._worn[1]


def _life_used(path: Path) -> Iterable[float]:
    """JEDEC eMMC 5.0: 0x01 means up to 10 % used, 0x0B beyond the end; 0 says nothing."""
    try:
        words = path.read_text(encoding="ascii").split()
        levels = [int(word, 16) for word in words]
    except (OSError, ValueError):
        return ()
    return tuple(level / 10.0 for level in levels if level > 0)
