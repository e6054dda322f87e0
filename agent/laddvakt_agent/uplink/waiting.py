"""What a platform is not known to have, and why not: for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from laddvakt_agent.uplink.book import Entry
    from laddvakt_agent.uplink.lane import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingFor:
    """One object that the platform is not known to have, and why not."""

    kind: str
    object_id: str
    since: datetime  # of the wanted content
    due_s: float | None  # until it is tried again; `None`: now, or after what goes before it
    reason: str | None  # the last refusal or trouble; `None`: nothing is wrong, it is on its way
    remedy: str | None


def waiting_for(entry: Entry, lane: Lane | None, now_s: float) -> WaitingFor:
    """One object and what holds it up: itself, its endpoint, or the way there."""
    said = entry.refusal or (None if lane is None else lane.blocked())
    due_s = entry.refusals.remaining_s(now_s) or (None if lane is None else lane.due_s())
    return WaitingFor(
        kind=entry.kind.value,
        object_id=entry.object_id,
        since=entry.changed_at,
        due_s=due_s or None,
        reason=None if said is None else said.reason,
        remedy=None if said is None else said.remedy,
    )
