"""Carries out what platforms order: a wish to the guard, then a look at what the core made of it.

Nothing here opens, closes or offers anything, and no fault is reset: an order is one more wish.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from laddvakt_agent.core import machine
from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.life.lock import RUN_S
from laddvakt_agent.core.status import EvseStatus, ocpi_status
from laddvakt_agent.guard import Guard
from laddvakt_agent.published import TokenRef
from laddvakt_agent.remote_notes import RemoteNotes
from laddvakt_agent.reservations import CANCELLED, Reservations
from laddvakt_agent.supervisor import Supervisor
from laddvakt_agent.uplink.receivers.orders import By, Outcome, Reserve, SessionAt, Start

LOOK_S = 0.1
SLACK_S = 5.0  # who waits for a start ends it, not the guard
_UNUSABLE = (EvseStatus.INOPERATIVE, EvseStatus.OUTOFORDER, EvseStatus.UNKNOWN)
ACCEPTED = Outcome(result="ACCEPTED")


class Commanded(Protocol):
    """Who remembers whom a command let in, for the quarter of an hour in which nobody asks."""

    def __call__(
        self, uid: str, evse_uid: str, now_s: float, *,
        token: TokenRef | None = None, reference: str | None = None,
    ) -> None:  # fmt: skip
        """This token was let in at this EVSE."""
        ...


@dataclass(slots=True, kw_only=True)
class Remote:
    """The charger as the receivers of orders see it."""

    supervisor: Supervisor
    notes: RemoteNotes
    reservations: Reservations
    commanded: Commanded | None = None
    _starting: dict[str, Start] = field(default_factory=dict)  # connector → whose start is awaited

    def session(self, session_id: str) -> SessionAt | None:
        """A session by its id, running or ended lately; a reservation's too."""
        wanted = session_id.casefold()
        for guard in self._guards():
            running = self.running(guard.settings.connector)
            if running is not None and running.id.casefold() == wanted:
                return running
            for record in guard.keeper.records():
                if record.id.casefold() == wanted:
                    return SessionAt(
                        id=record.id,
                        connector=record.connector_id,
                        evse_uid=record.evse_uid,
                        token=record.token,
                        running=False,
                        waiting=record.waiting and record.ended_at is None,
                    )
        return None

    def running(self, connector: str) -> SessionAt | None:
        """The session that runs at a connector, or waits there for its proof after a restart."""
        guard = self.supervisor.guards[connector]
        kept = guard.keeper.running
        if kept is None and guard.found is not None:
            kept = guard.found.kept
        if kept is None:
            return None
        return SessionAt(
            id=kept.session.id,
            connector=connector,
            evse_uid=kept.evse_uid,
            token=kept.token,
            running=True,
        )

    async def start(self, order: Start, within_s: float) -> Outcome:
        """Let somebody in and wait until the session has begun; afterwards nobody is let in."""
        guard = self._chosen(order)
        outcome = self._against(guard, order)
        if outcome is not None:
            return outcome
        name, until_s = guard.settings.connector, self._now_s() + within_s
        first = name not in self._starting
        if first:
            self._starting[name] = order
            self._let_in(guard, order, until_s)
        try:
            return await self._begun(guard, order, until_s)
        finally:
            if first:
                del self._starting[name]
                self._withdraw(guard, order)

    async def stop(self, session_id: str, within_s: float) -> Outcome:
        """End a session and wait until the contactor was told to open."""
        at = self.session(session_id)
        if at is None or not at.running:
            return ACCEPTED  # it has ended by itself meanwhile
        guard, until_s = self.supervisor.guards[at.connector], self._now_s() + within_s
        guard.stop()
        # At once: a restart must not let a session go on that was stopped.
        self.notes.write("stop", at.connector, f"session {session_id}", "done")
        self._step(guard)
        while self._now_s() < until_s:
            now = self.running(at.connector)
            if (now is None or now.id != at.id) and not machine.outputs(guard.connector).closed:
                return ACCEPTED
            await asyncio.sleep(LOOK_S)
        return Outcome(result="TIMEOUT", why="not_stopped")

    async def unlock(self, connector: str, within_s: float) -> Outcome:
        """Ask for the plug, which ends a session; the lock lets go once nothing is live."""
        guard, asked_s = self.supervisor.guards[connector], self._now_s()
        if self.running(connector) is not None:
            guard.stop()
            self.notes.write("stop", connector, "the plug was asked for", "done")
        guard.unlock = True
        self._step(guard)
        while self._now_s() < asked_s + within_s:
            if self._let_go(guard, asked_s):
                return ACCEPTED
            await asyncio.sleep(LOOK_S)
        return Outcome(result="FAILED", why="lock_holds")

    async def reserve(self, order: Reserve) -> Outcome:
        """Keep a connector, on the disk before it is said."""
        guard = self._to_reserve(order)
        outcome = self._against_keeping(guard, order)
        if outcome is not None:
            return outcome
        if not await self.reservations.keep(order, guard):
            return Outcome(result="FAILED", why="not_kept")
        self._remember(guard, order)
        self._step(guard)
        return ACCEPTED

    async def cancel(self, by: By, reservation_id: str) -> Outcome:
        """Keep a connector no longer; only that of the platform itself, and of its party."""
        held = self.reservations.find(by.platform, reservation_id)
        if held is None or not by.owns(held.token):
            return Outcome(result="UNKNOWN_RESERVATION", why="reservation")
        self.reservations.end(held, CANCELLED)
        self._step(self.supervisor.guards[held.connector])
        return ACCEPTED

    def step(self, connector: str) -> None:
        """Let the core know at once what was wished there."""
        self._step(self.supervisor.guards[connector])

    def note(self, by: By, verb: str, connector: str, detail: str, outcome: str) -> None:
        """Into the ledger's commands and the security log."""
        self.notes.note(by, verb, connector, detail, outcome)

    def _guards(self) -> Iterable[Guard]:
        return self.supervisor.guards.values()

    def _now_s(self) -> float:
        return self.supervisor.clock()

    def _step(self, guard: Guard) -> None:
        self.supervisor.step(guard)
        self.supervisor.on_change()

    def _chosen(self, order: Start) -> Guard:
        """The connector that is meant; else where it is started already, or can be best."""
        if order.connector is not None:
            return self.supervisor.guards[order.connector]
        guards = list(self._guards())
        for guard in guards:
            if self._same(guard, order):
                return guard
        able = [guard for guard in guards if self._against(guard, order) is None]
        able.sort(key=lambda guard: (guard.reservation is None, not _plugged(guard)))
        return (able or guards)[0]

    def _same(self, guard: Guard, order: Start) -> bool:
        """Whether this very order was given before: its session is awaited, or runs."""
        awaited = self._starting.get(guard.settings.connector)
        if awaited is not None:
            return (awaited.token, awaited.reference) == (order.token, order.reference)
        kept = guard.keeper.running
        if kept is None or kept.auth_method != "COMMAND" or kept.token != order.token:
            return False
        return order.reference in (None, kept.authorization_reference)

    def _against(self, guard: Guard, order: Start) -> Outcome | None:
        """Why nothing can be started there now."""
        if self._same(guard, order):
            return None
        if self._unusable(guard):
            return Outcome(result="EVSE_INOPERATIVE", why="inoperative")
        taken = guard.token is not None or guard.settings.connector in self._starting
        if taken or self.running(guard.settings.connector) is not None:
            return Outcome(result="EVSE_OCCUPIED", why="occupied")
        if guard.kept_from(order.token, order.group_id):
            return Outcome(result="REJECTED", why="reserved")
        return None

    def _unusable(self, guard: Guard) -> bool:
        """A fault is in the way, nobody knows, or it is out of service.

        Or a technician works there: an open door is no fault then, so nobody starts it from afar.
        """
        status = ocpi_status(guard.connector, self._now_s())
        closed = not guard.in_service or not guard.durable or guard.maintenance
        return closed or status in _UNUSABLE

    def _let_in(self, guard: Guard, order: Start, until_s: float) -> None:
        if guard.keeper.running is not None:
            return  # the same order came before, and its session runs
        now_s = self._now_s()
        guard.start(order.token, "COMMAND", order.reference, order.group_id)
        guard.started_s, guard.awaited_until_s = now_s, until_s + SLACK_S
        self._remember(guard, order)
        self._step(guard)

    def _remember(self, guard: Guard, order: Start | Reserve) -> None:
        if self.commanded is not None:
            self.commanded(
                order.token.uid,
                guard.evse_uid,
                self._now_s(),
                token=order.token,
                reference=order.reference,
            )

    async def _begun(self, guard: Guard, order: Start, until_s: float) -> Outcome:
        while True:
            kept = guard.keeper.running
            if kept is not None and kept.token == order.token:
                return ACCEPTED
            if guard.token != order.token:
                return Outcome(result="REJECTED", why="withdrawn")
            if self._unusable(guard):
                return Outcome(result="EVSE_INOPERATIVE", why="inoperative")
            if self._now_s() >= until_s:
                break
            await asyncio.sleep(LOOK_S)
        if _plugged(guard):
            return Outcome(result="TIMEOUT", why="not_begun")
        return Outcome(result="FAILED", why="no_vehicle")

    def _withdraw(self, guard: Guard, order: Start) -> None:
        """A session that did not begin in its time must not begin later."""
        guard.awaited_until_s = 0.0
        if guard.keeper.running is None and guard.token == order.token:
            guard.token = None
            self._step(guard)

    def _let_go(self, guard: Guard, asked_s: float) -> bool:
        """By the lock's own contact; where there is none, the lock was told and had its time."""
        life = guard.connector.life
        if life.closed or life.locked or not life.lock_told:
            return False
        if "locked" in guard.settings.fitted:
            said = guard.inputs.locked
            return said is not None and not said.value and said.taken_s > asked_s
        return self._now_s() >= max(life.lock_since_s, asked_s) + RUN_S

    def _to_reserve(self, order: Reserve) -> Guard:
        if order.connector is not None:
            return self.supervisor.guards[order.connector]
        guards = list(self._guards())
        known = self.reservations.find(order.by.platform, order.id)
        if known is not None:
            return self.supervisor.guards[known.connector]
        able = [guard for guard in guards if self._against_keeping(guard, order) is None]
        return (able or guards)[0]

    def _against_keeping(self, guard: Guard, order: Reserve) -> Outcome | None:
        if self._unusable(guard):
            return Outcome(result="EVSE_INOPERATIVE", why="inoperative")
        held, known = guard.reservation, self.reservations.find(order.by.platform, order.id)
        taken = self.running(guard.settings.connector) is not None or guard.token is not None
        if taken or _plugged(guard) or (held is not None and held is not known):
            return Outcome(result="EVSE_OCCUPIED", why="occupied")
        if known is not None and not order.by.owns(known.token):
            return Outcome(result="REJECTED", why="foreign")
        return None


def _plugged(guard: Guard) -> bool:
    pilot = guard.inputs.pilot
    return pilot is not None and pilot.value is not Pilot.A
