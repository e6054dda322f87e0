"""Hangs orders from platforms on the agent: the receivers, what they keep, and its upkeep."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import structlog

from laddvakt_agent.capabilities import place_of
from laddvakt_agent.ceilings import SessionCeilings
from laddvakt_agent.remote import Commanded, Remote
from laddvakt_agent.remote_ceilings import RemoteCeilings
from laddvakt_agent.remote_notes import RemoteNotes
from laddvakt_agent.reservations import Reservations
from laddvakt_agent.reserved import Held
from laddvakt_agent.set_profiles import Kept
from laddvakt_agent.uplink.receivers.commands import CommandsReceiver, result_of
from laddvakt_agent.uplink.receivers.judging import Judge
from laddvakt_agent.uplink.receivers.orders import Outcome
from laddvakt_agent.uplink.receivers.preferences import PreferencesReceiver
from laddvakt_agent.uplink.receivers.profiles import ProfilesReceiver
from laddvakt_agent.uplink.receivers.results import Results
from laddvakt_agent.uplink.serving import Module, Party

if TYPE_CHECKING:
    from laddvakt_agent.uplink_parts import Context

LOOK_S = 1.0
PUSH_S = 20.0  # so long it is tried to tell of another plan
LOST_S = 600.0  # so long it is tried to tell that a reservation cannot be kept

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class RemoteParts:
    """Everything that belongs to orders."""

    context: Context
    results: Results
    reservations: Reservations
    remote: Remote
    commands: CommandsReceiver
    ceilings: SessionCeilings
    profiles: ProfilesReceiver
    _telling: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def modules(self) -> tuple[Module, ...]:
        """What the server serves of it."""
        preferences = PreferencesReceiver(
            session=self.remote.session, wall=self.reservations.wall
        )  # no EVSE takes any: there is neither a tariff nor a plan for a profile type
        return (self.commands, self.profiles, preferences)

    async def restore(self) -> None:
        """What was kept before a restart holds again.

        Raises:
            StorageError: the disk does not give it.
        """
        await self.reservations.restore()
        await self.ceilings.restore()

    async def keep(self) -> None:
        """Restore once the disk is there, then look once a second at what time alone changes."""
        while not self.context.supervisor.facts.durable():  # noqa: ASYNC110 - once
            await asyncio.sleep(LOOK_S)
        await self.restore()
        while True:
            self.look()
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Once a second."""
        self.reservations.look()
        self.ceilings.look()

    async def close(self) -> None:
        """Leave what is under way."""
        await self.commands.close()
        await self.profiles.close()
        for task in tuple(self._telling):
            task.cancel()
        if self._telling:
            await asyncio.wait(tuple(self._telling))

    def lost(self, held: Held) -> None:
        """Tell the platform that its reservation cannot be kept; OCPI: at RESERVE_NOW's URL."""
        body = result_of(Outcome(result="CANCELED_RESERVATION", why="defect"))
        self._tell(self._lost(held, body))

    async def _lost(self, held: Held, body: dict[str, object]) -> None:
        await self.results.send(
            "POST", held.party, held.response_url, body,
            due_s=self.context.clock.now_s() + LOST_S,
            to=Party.of(held.token.country_code, held.token.party_id),
        )  # fmt: skip

    def active_changed(
        self, kept: Kept, body: dict[str, object], arrived: Callable[[bool], None]
    ) -> None:
        """PUT an ActiveChargingProfile to the platform that had set one."""
        self._tell(self._active(kept, body, arrived))

    async def _active(
        self, kept: Kept, body: dict[str, object], arrived: Callable[[bool], None]
    ) -> None:
        endpoint = self.results.sender_endpoint(kept.platform, "chargingprofiles")
        if endpoint is None:
            log.info("profile_not_told", platform=kept.platform, reason="it has no such endpoint")
            return
        url = f"{endpoint.rstrip('/')}/{quote(kept.session_id, safe='')}"
        due_s = self.context.clock.now_s() + PUSH_S
        arrived(
            await self.results.send("PUT", kept.platform, url, body, due_s=due_s, to=kept.party)
        )

    def _tell(self, telling: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(telling, name="tell a platform")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


def remote_parts(context: Context, commanded: Commanded | None = None) -> RemoteParts:
    """Made of the agent; `commanded`: who remembers whom a command let in."""
    supervisor = context.supervisor
    results = Results(context.outwards, context.clock.now_s)
    place = place_of(context.config)

    def wall() -> datetime:
        return supervisor.wall.at(context.clock.now_s())

    reservations = _reservations(context, wall)
    remote = Remote(
        commanded=commanded,
        supervisor=supervisor,
        notes=RemoteNotes(security=supervisor.notes, thread=context.thread),
        reservations=reservations,
    )
    ceilings = _ceilings(context)
    commands = CommandsReceiver(
        judge=Judge(place=place, charger=remote, wall=wall),
        charger=remote,
        results=results,
        now_s=context.clock.now_s,
    )
    made = RemoteParts(
        context=context,
        results=results,
        reservations=reservations,
        remote=remote,
        commands=commands,
        ceilings=ceilings,
        profiles=ProfilesReceiver(
            ceilings=RemoteCeilings(remote=remote, ceilings=ceilings),
            results=results,
            now_s=context.clock.now_s,
        ),
    )
    ceilings.tell = made.active_changed
    reservations.lost = made.lost
    return made


def _reservations(context: Context, wall: Callable[[], datetime]) -> Reservations:
    return Reservations(
        guards=context.supervisor.guards,
        book=context.ledger.reservations,
        thread=context.thread,
        known=context.ledger.session,
        now_s=context.clock.now_s,
        wall=wall,
        changed=context.supervisor.on_change,
    )


def _ceilings(context: Context) -> SessionCeilings:
    return SessionCeilings(
        guards=context.supervisor.guards,
        book=context.ledger.profiles,
        thread=context.thread,
        now_s=context.clock.now_s,
        wall_at=context.supervisor.wall.at,
    )
