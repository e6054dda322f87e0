"""The charging profiles of running sessions: what they allow now, and what platforms hear of it.

A profile is one more ceiling among the core's own; it can never allow what another one forbids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec
import structlog

from laddvakt_agent.core import ceiling
from laddvakt_agent.core.ceiling import Profile, Unit
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.life.gear import phases_used
from laddvakt_agent.core.life.limits import PROFILE, ceiling_a
from laddvakt_agent.core.session import Session as CoreSession
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.profiles import ProfileBook
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.set_profiles import Kept, began_s, row_of, session_of
from laddvakt_agent.uplink.receivers.orders import SetProfile
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.text import date_time

HORIZON_S = 1800.0  # told unasked; the specification advises 5 to 60 minutes
SPACING_S = 5.0  # between two messages about one session
AGAIN_S = 30.0  # after one that did not arrive

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes an ActiveChargingProfile what it is, beside the time."""

    profile: Profile | None
    others_a: float
    phases: int


@dataclass(slots=True)
class _Told:
    """What the platform knows of a session's plan, and when it may hear more."""

    plan: Plan
    next_s: float = 0.0


Tell = Callable[[Kept, dict[str, object], Callable[[bool], None]], None]


@dataclass(slots=True, kw_only=True)
class SessionCeilings:
    """All of them; by the session's id."""

    guards: Mapping[str, Guard]
    book: ProfileBook
    thread: LedgerThread
    now_s: Callable[[], float]
    wall_at: Callable[[float], datetime]
    tell: Tell = lambda kept, body, arrived: None
    _kept: dict[str, Kept] = field(default_factory=dict)
    _told: dict[str, _Told] = field(default_factory=dict)

    async def restore(self) -> None:
        """At the start: what was set for sessions that go on holds again.

        Raises:
            StorageError: the disk does not give it.
        """
        for row in await self.thread.call(self.book.all):
            try:
                self._kept[row.session_id] = msgspec.json.decode(row.body, type=Kept)
            except msgspec.DecodeError as error:
                log.error("profile_not_readable", session=row.session_id, error=str(error))
        for guard in self.guards.values():
            guard.ceiling = GuardCeiling(self, guard)
        self._drop_ended()

    async def put(self, order: SetProfile, party: Party) -> bool:
        """Let a profile hold from now on; False: the disk does not take it, so it does not."""
        kept = Kept(
            session_id=order.session_id,
            platform=order.by.platform,
            party=party,
            profile=order.profile,
            starts_at=order.starts_at,
        )
        before = self._kept.get(order.session_id)
        self._kept[order.session_id] = kept
        try:
            await self.thread.persist(self.book.save, row_of(kept))
        except StorageError as error:
            log.error("profile_not_written", session=order.session_id, error=str(error))
            self._put_back(kept, before)
            return False
        except asyncio.CancelledError:  # nobody waits any longer, so it was never promised
            self._put_back(kept, before)
            raise
        found = self.find(order.session_id)
        if found is not None:  # it hears only what it could not know
            own_a = found[0].settings.max_current_a
            known = Plan(kept.profile, own_a, self._plan(found[0], kept).phases)
            self._told[order.session_id] = _Told(known)
        return True

    def delete(self, session_id: str) -> bool:
        """Let it hold no longer; False: there was none."""
        kept = self._kept.get(session_id)
        if kept is None or kept.profile is None:
            return False
        cleared = replace(kept, profile=None, starts_at=None)
        self._kept[session_id] = cleared
        self.thread.post(self.book.save, row_of(cleared))
        told = self._told.get(session_id)
        if told is not None:
            told.plan = replace(told.plan, profile=None)
        return True

    def active(self, session_id: str, duration_s: float) -> dict[str, object] | None:
        """The ActiveChargingProfile; `None`: the session does not run."""
        found = self.find(session_id)
        if found is None:
            return None
        guard, session = found
        kept, now_s = self._kept.get(session_id), self.now_s()
        plan = self._plan(guard, kept)
        elapsed_s = 0.0 if kept is None else self.elapsed_s(kept, guard, session, now_s) or 0.0
        steps = ceiling.planned_a(
            plan.profile, elapsed_s, duration_s, plan.others_a, guard.settings, plan.phases
        )
        unit = Unit.AMPERE if plan.profile is None else plan.profile.unit
        watt = ceiling.watt_per_ampere(guard.settings, plan.phases)
        factor = watt if unit is Unit.WATT else 1.0
        start = date_time(self.wall_at(now_s))
        return {
            "start_date_time": start,
            "charging_profile": {
                "start_date_time": start,
                "duration": int(duration_s),
                "charging_rate_unit": unit.value,
                "charging_profile_period": [
                    {
                        "start_period": round(step.start_s),
                        "limit": ceiling.told(step.limit * factor),
                    }
                    for step in steps
                ],
            },
        }

    def look(self) -> None:
        """Once a second: sessions that ended, and plans that are not what the platform knows."""
        self._drop_ended()
        now_s = self.now_s()
        for session_id, kept in tuple(self._kept.items()):
            found = self.find(session_id)
            if found is None:
                continue
            plan = self._plan(found[0], kept)
            told = self._told.setdefault(session_id, _Told(plan))
            if plan == told.plan or now_s < told.next_s:
                continue
            body = self.active(session_id, HORIZON_S)
            if body is not None:
                told.plan, told.next_s = plan, now_s + SPACING_S
                self.tell(kept, body, _Arrived(told, now_s))

    def limit(self, guard: Guard) -> tuple[float | None, float | None]:
        """What the profile of the session there allows, A, and when that changes."""
        session = session_of(guard)
        kept = None if session is None else self._kept.get(session.id)
        if session is None or kept is None or kept.profile is None:
            return None, None
        now_s = self.now_s()
        begun_s = self.elapsed_s(kept, guard, session, now_s)
        elapsed_s = begun_s or 0.0
        phases = phases_used(guard.settings, guard.connector.life)
        limit_a = ceiling.limit_a(kept.profile, elapsed_s, guard.settings, phases)
        next_s = ceiling.next_change_s(kept.profile, elapsed_s)
        if next_s is None or begun_s is None:
            return limit_a, None
        return limit_a, now_s + next_s - elapsed_s

    def owner(self, guard: Guard) -> str:
        """Whose profile the session there has."""
        session = session_of(guard)
        kept = None if session is None else self._kept.get(session.id)
        return "" if kept is None else kept.owner

    def elapsed_s(
        self, kept: Kept, guard: Guard, session: CoreSession, now_s: float
    ) -> float | None:
        """How long ago the profile began; `None`: it waits for the charging, with which it begins.

        One that begins with a pause would wait for ever, so it began with the session.
        """
        if kept.starts_at is not None:
            return (self.wall_at(now_s) - kept.starts_at).total_seconds()
        phases = phases_used(guard.settings, guard.connector.life)
        profile = kept.profile
        held = profile is not None and ceiling.holds_back(profile, guard.settings, phases)
        since_s = began_s(session, plugged=held)
        return None if since_s is None else max(now_s - since_s, 0.0)

    def find(self, session_id: str) -> tuple[Guard, CoreSession] | None:
        """Where a session runs, or waits for its proof after a restart."""
        for guard in self.guards.values():
            session = session_of(guard)
            if session is not None and session.id == session_id:
                return guard, session
        return None

    def _plan(self, guard: Guard, kept: Kept | None) -> Plan:
        life = guard.connector.life
        others = tuple(c for c in life.limits if c.name != PROFILE)
        others_a = min(ceiling_a(others), guard.settings.max_current_a)
        if guard.connector.summary.act >= Act.RAMP:
            others_a = 0.0  # a fault holds it
        profile = None if kept is None else kept.profile
        return Plan(profile, others_a, phases_used(guard.settings, life))

    def _put_back(self, kept: Kept, before: Kept | None) -> None:
        """What held before, on the disk too, unless another one holds already."""
        if self._kept.get(kept.session_id) is not kept:
            return
        if before is None:
            del self._kept[kept.session_id]
            self.thread.post(self.book.forget, kept.session_id)
        else:
            self._kept[kept.session_id] = before
            self.thread.post(self.book.save, row_of(before))

    def _drop_ended(self) -> None:
        for session_id in tuple(self._kept):
            if self.find(session_id) is None:
                del self._kept[session_id]
                self._told.pop(session_id, None)
                self.thread.post(self.book.forget, session_id)


@dataclass(frozen=True, slots=True)
class GuardCeiling:
    """What one guard asks; a `reserved.Ceiling`."""

    ceilings: SessionCeilings
    guard: Guard

    def limit_a(self) -> float | None:
        """What is allowed now."""
        return self.ceilings.limit(self.guard)[0]

    def due_s(self) -> float | None:
        """When that changes."""
        return self.ceilings.limit(self.guard)[1]

    def who(self) -> str:
        """Whose it is."""
        return "" if self.limit_a() is None else self.ceilings.owner(self.guard)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """Called with whether a message arrived; one that did not is sent again, as it is then."""

    told: _Told
    at_s: float

    def __call__(self, arrived: bool) -> None:
        if not arrived:
            self.told.plan = replace(self.told.plan, others_a=-1.0)
            self.told.next_s = max(self.told.next_s, self.at_s + AGAIN_S)
