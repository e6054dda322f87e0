"""A session that outlived a boot of the machine: its seconds are moved into the present boot's.

How long the machine was off may be unknown then and known later. So it is kept which seconds were
moved from which boot: the times of that part are corrected by that boot's clock, not by this one's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from laddvakt_agent.ledger.clock_book import ClockBook
from laddvakt_agent.published import TimeBasis
from laddvakt_agent.wall import Wall


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """An earlier boot: its second s is second s + `shift_s` of the present one."""

    boot_id: str
    shift_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    into: str  # the boot whose seconds they became
    moved: tuple[Moved, ...]  # oldest first


def shift_s(times: ClockBook, wall: Wall, boot_id: str, at_s: float, at_wall: datetime) -> float:
    """What to add to a second of an earlier boot, so that it becomes one of this boot.

    Nothing of a boot the ledger knows then lies after this one's second 0, whatever any clock
    said. `at_wall`: what the row says of `at_s`, for a boot that the ledger does not know.
    """
    ago = times.ago(boot_id, at_s, 0.0)
    if ago is not None:
        return -ago.best_s - at_s
    return min((at_wall - wall.zero).total_seconds(), 0.0) - at_s


def moved_on(before: Iterable[Moved], boot_id: str, by_s: float) -> tuple[Moved, ...]:
    """All earlier boots of a session whose seconds of `boot_id` are moved by `by_s`."""
    further = (Moved(boot_id=one.boot_id, shift_s=one.shift_s + by_s) for one in before)
    return (*further, Moved(boot_id=boot_id, shift_s=by_s))


def bases(moved: tuple[Moved, ...], wall: Wall) -> tuple[TimeBasis, ...]:
    """What the wall times of such a session are made with, oldest boot first."""
    zeros = [wall.zero + timedelta(seconds=one.shift_s) for one in moved]
    ends = [*zeros[1:], wall.zero]
    earlier = (
        TimeBasis(boot_id=one.boot_id, zero=zero, until=end)
        for one, zero, end in zip(moved, zeros, ends, strict=False)
    )
    return (*earlier, wall.basis)


def to_text(moved: tuple[Moved, ...], boot_id: str) -> str | None:
    """For the session's row, whose seconds are `boot_id`'s."""
    if not moved:
        return None
    return msgspec.json.encode(_Kept(into=boot_id, moved=moved)).decode()


def from_text(text: str | None, boot_id: str) -> tuple[Moved, ...]:
    """From the row; an older version may have moved it on since, and not have written it here."""
    if text is None:
        return ()
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except msgspec.DecodeError:
        return ()
    return kept.moved if kept.into == boot_id else ()
