"""What the shell knows of the station beside its devices: disk, uplink, clock, its own pace."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from laddvakt_agent.core.inputs import ClockState, Sample, StoreHealth, UplinkHealth
from laddvakt_agent.ledger.errors import StorageError, StorageKind

HEADROOM_BYTES = 8 * 1024 * 1024  # below this the next commits may not fit
LATE_S = 1.5  # a round later than this reads safety data that are too old
_WEAR_FILES = "/sys/block/mmcblk*/device/life_time"  # eMMC: two estimates in steps of 10 %
_WEAR_EVERY_S = 3600.0
FAILED_FOR_S = 30.0  # a write that failed counts so long; it is tried again meanwhile
SHOWN_FOR_S = 3.0  # … at least so long, and damage that is repaired: every core must see it
UplinkTold = Callable[[], dict[str, object] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """One look; the same for every connector."""

    uplink: UplinkHealth | None = None
    store: StoreHealth | None = None
    clock: ClockState | None = None
    clock_step_s: Sample[float] | None = None
    round_late_s: Sample[float] | None = None
    configuration_error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Disk:
    """What one look at the disk showed."""

    full: bool = False
    read_only: bool = False
    worn_share: float | None = None


@dataclass(slots=True, kw_only=True)
class FactsKeeper:
    """Looks around once a second; what it saw last stands in `now`.

    `aside` carries out the look at the disk, on a thread: one that hangs must delay nobody.
    """

    directory: Path
    clock_state: Callable[[], str]
    durable: Callable[[], bool]
    damage: str = ""  # why the ledger was set aside at the start
    uplink_told: UplinkTold = lambda: None
    wear_files: Callable[[], Iterable[Path]] = lambda: Path("/").glob(_WEAR_FILES[1:])
    aside: Callable[[Callable[[], None]], None] = lambda look: look()
    configuration_error: str = ""  # why the newest configuration is not in force
    now: StationFacts = StationFacts()
    _looked_s: float | None = None
    _worn: tuple[float, float | None] | None = None  # (when, share)
    _since: dict[str, float] = field(default_factory=dict)
    _disk: _Disk | None = None  # as last seen; one that hangs is seen no more
    _looking: bool = False
    _failed: tuple[StorageKind, str, float] | None = None  # the last write that failed
    _taken: bool = False  # a later one was not refused
    _damaged: tuple[str, float] | None = None  # when it was last seen

    def look(self, now_s: float, *, step_s: float = 0.0, due_s: float | None = None) -> None:
        """See how things are. `step_s`: the wall clock was stepped; `due_s`: when this was due."""
        late_s = 0.0 if due_s is None else now_s - due_s
        if not self._looking:
            self._looking = True
            self.aside(lambda: self._look_at_disk(now_s))
        before = self.now
        step = Sample(value=step_s, taken_s=now_s) if step_s else before.clock_step_s
        late = Sample(value=late_s, taken_s=now_s) if late_s > LATE_S else before.round_late_s
        self.now = StationFacts(
            uplink=self._uplink(now_s),
            store=self._store(now_s),
            clock=ClockState(self.clock_state()),
            clock_step_s=step,
            round_late_s=late,
            configuration_error=self.configuration_error,
        )

    def write_failed(self, error: BaseException, now_s: float) -> None:
        """The ledger did not take something; mistakes of a caller say nothing about the disk."""
        if isinstance(error, StorageError):
            self._failed, self._taken = (error.kind, str(error), now_s), False

    def write_worked(self) -> None:
        """All that was refused is on the disk now: the last failure need only be seen."""
        self._taken = True

    def damage_seen(self, why: str, now_s: float) -> None:
        """The ledger had to be replaced under way; it stands again."""
        self._damaged = (why, now_s)

    def failing(self, now_s: float) -> bool:
        """Whether a write has failed a moment ago."""
        for_s = SHOWN_FOR_S if self._taken else FAILED_FOR_S
        return self._failed is not None and now_s < self._failed[2] + for_s

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

    def _store(self, now_s: float) -> StoreHealth | None:
        disk = self._disk
        if disk is None:
            return None
        kind, said, _ = self._failed if self._failed and self.failing(now_s) else (None, "", 0.0)
        damaged = said if kind is StorageKind.DAMAGED else self._damage(now_s)
        full = disk.full or kind is StorageKind.FULL
        other = kind not in (None, StorageKind.FULL, StorageKind.DAMAGED)
        # A ledger that stands nowhere, for no reason that can be seen, cannot be written either.
        lost = not self.durable() and not (full or damaged)
        return StoreHealth(
            full=full,
            read_only=disk.read_only or other or lost,
            worn_share=disk.worn_share,
            damaged=damaged,
        )

    def _damage(self, now_s: float) -> str:
        """Why a ledger was set aside: shown for a while, and for as long as none stands on disk."""
        if self._damaged is None and self.damage:
            self._damaged = (self.damage, now_s)
        if self._damaged is None:
            return ""
        why, seen_s = self._damaged
        return why if now_s < seen_s + SHOWN_FOR_S or not self.durable() else ""

    def _look_at_disk(self, now_s: float) -> None:
        """On a thread of its own."""
        try:
            disk = os.statvfs(self.directory)
        except OSError:
            self._disk = _Disk(read_only=True)
        else:
            read_only = bool(disk.f_flag & os.ST_RDONLY)
            free = disk.f_bavail * disk.f_frsize
            self._disk = _Disk(
                full=free < HEADROOM_BYTES and not read_only,
                read_only=read_only,
                worn_share=self._wear(now_s),
            )
        finally:
            self._looking = False

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
