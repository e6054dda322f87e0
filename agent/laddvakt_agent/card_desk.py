"""Serves whoever holds a card to a reader: lets in, tells why not, ends their session.

A card that is let in starts the connector whose vehicle is plugged, the last one plugged first; or
the next one that is plugged within two minutes. The same card, or one of its group, ends it again.
Guarding never waits for any of this: a reader that dies or a defect here is told and survived.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from laddvakt_agent.diagnostics.answers import JsonObject
from laddvakt_agent.guard import Guard
from laddvakt_agent.permits import Permits, group_id, obstacle, plugged, said
from laddvakt_agent.uplink.tokens.asking import masked
from laddvakt_agent.uplink.tokens.authorising import Outcome
from laddvakt_agent.uplink.tokens.content import DEFAULT_TYPE
from laddvakt_agent.uplink.tokens.deciding import Why
from laddvakt_hal.roles import Card, CardReader

PLUG_WITHIN_S = 120.0  # whoever was let in may still plug in for so long
RESTART_S = 5.0  # after a defect

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Somebody was let in and has not plugged in yet."""

    uid: str
    outcome: Outcome
    guards: tuple[Guard, ...]  # at which of them
    until_s: float


@dataclass(slots=True, kw_only=True)
class CardDesk:
    """One reader's, with the connectors it stands at."""

    guards: tuple[Guard, ...]
    permits: Permits
    now_s: Callable[[], float]
    step: Callable[[Guard], None]  # so that it happens now, and is told
    wrote: Callable[[str, str, Guard, str], None]  # who, verb, connector, detail: into the journal
    reader: CardReader = field(init=False)
    waiting: Waiting | None = None
    told: str = ""  # what became of the last card, for the status
    _cards: asyncio.Queue[Card] = field(default_factory=lambda: asyncio.Queue(maxsize=1))
    _plugged_s: dict[str, float] = field(default_factory=dict)
    _down: str = ""

    def presented(self, card: Card) -> None:
        """Take a card from the reader; while one is judged only the newest other one waits."""
        if self._cards.full():
            self._cards.get_nowait()
        self._cards.put_nowait(card)

    async def run(self) -> None:
        """Serve for as long as the agent lives."""
        while True:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self.reader.run(), name=f"reader {self.reader.name}")
                    group.create_task(self._serve(), name=f"cards {self.reader.name}")
            except Exception:
                log.exception("reader_failed", reader=self.reader.name, again_in_s=RESTART_S)
            await asyncio.sleep(RESTART_S)

    def look(self, now_s: float) -> None:
        """See who has plugged in, and whether the reader is there; to be called once a second."""
        for guard in self.guards:
            name = guard.settings.connector
            if not plugged(guard):
                self._plugged_s.pop(name, None)
            else:
                self._plugged_s.setdefault(name, now_s)
        if self.waiting is not None:
            self._follow(self.waiting, now_s)
        if self.reader.down != self._down:
            self._down = self.reader.down
            if self._down:
                log.warning("reader_down", reader=self.reader.name, reason=self._down)
            else:
                log.info("reader_there", reader=self.reader.name)

    def shown(self, now_s: float) -> JsonObject:
        """For the status."""
        heard_s = self.reader.heard_s
        return {
            "name": self.reader.name,
            "connectors": [guard.settings.connector for guard in self.guards],
            "down": self.reader.down or None,
            "card_ago_s": None if heard_s is None else round(now_s - heard_s, 3),
            "refused": self.reader.refused,
            "waiting": None if self.waiting is None else masked(self.waiting.uid),
            "told": self.told or None,
        }

    async def tap(self, uid: str) -> None:
        """Somebody has held this card to the reader."""
        if await self._ended(uid, None):
            return
        self.waiting = None
        free = [guard for guard in self._ordered() if _free(guard)]
        places = free or [guard for guard in self.guards if guard.token is not None]
        if not places:
            self._tell(uid, _no_place(self.guards))
            return
        visits = [guard.visits for guard in free]
        came = bool(free) and plugged(free[0])
        outcome = await self.permits.asked(uid, places, DEFAULT_TYPE)
        if await self._ended(uid, outcome):
            return
        if came and free[0].visits != visits[0]:
            self._tell(uid, f"refused: {Why.GONE.value}")
            return
        still = (guard for guard, seen in zip(free, visits, strict=True) if guard.visits == seen)
        self._admit(uid, outcome, [guard for guard in still if _free(guard)])

    async def _serve(self) -> None:
        while True:
            card = await self._cards.get()
            await self.tap(card.uid)

    async def _ended(self, uid: str, outcome: Outcome | None) -> bool:
        """Whether this card has ended somebody's charging: one's own, or one's group's."""
        # One's own first: that needs no disk.
        for guard in sorted(self.guards, key=lambda guard: not _starter(guard, uid)):
            if await self.permits.same_customer(guard, uid, outcome):
                guard.stop()
                self.step(guard)
                self.wrote(f"card {masked(uid)}", "stop", guard, "")
                self._tell(uid, f"ended connector {guard.settings.connector}")
                return True
        return False

    def _admit(self, uid: str, outcome: Outcome, free: Sequence[Guard]) -> None:
        """Start where a vehicle is, or wait for one; or say why not."""
        group = group_id(outcome)
        fit = [
            guard
            for guard in free
            if outcome.at(guard.evse_uid).allowed and not guard.kept_from(outcome.token, group)
        ]
        if not fit:
            for guard in free[:1] if free and plugged(free[0]) else free:
                self.permits.note(guard, uid, outcome)
            reserved = outcome.allowed and any(outcome.at(g.evse_uid).allowed for g in free)
            why = "kept for somebody else" if reserved else _why(outcome, free)
            self._tell(uid, f"refused: {why}")
            return
        fit.sort(key=lambda guard: (not plugged(guard), guard.reservation is None))
        if plugged(fit[0]):
            self._start(uid, outcome, fit[0])
            return
        for guard in fit:
            self.permits.note(guard, uid, outcome)
        until_s = self.now_s() + PLUG_WITHIN_S
        self.waiting = Waiting(uid=uid, outcome=outcome, guards=tuple(fit), until_s=until_s)
        self._tell(uid, "let in: waits for a vehicle")

    def _follow(self, waiting: Waiting, now_s: float) -> None:
        if now_s >= waiting.until_s:
            self.waiting = None
            self._tell(waiting.uid, f"let in, but nobody plugged in for {PLUG_WITHIN_S:g} s")
            return
        for guard in waiting.guards:
            if plugged(guard) and _free(guard):
                self.waiting = None
                self._start(waiting.uid, waiting.outcome, guard)
                return

    def _start(self, uid: str, outcome: Outcome, guard: Guard) -> None:
        here = self.permits.note(guard, uid, outcome)
        if not self.permits.let_in(guard, here):
            self._tell(uid, "refused: kept for somebody else")
            return
        self.step(guard)
        self.wrote(f"card {masked(uid)}", "start", guard, here.verdict.why.value)
        self._tell(uid, f"let in at connector {guard.settings.connector}: {said(here)}")

    def _ordered(self) -> list[Guard]:
        """Where a vehicle is first, of those the one that came last."""

        def came_s(guard: Guard) -> float:
            return self._plugged_s.get(guard.settings.connector, self.now_s())

        return sorted(self.guards, key=lambda guard: (not plugged(guard), -came_s(guard)))

    def _tell(self, uid: str, what: str) -> None:
        self.told = f"card {masked(uid)} {what}"
        log.info("card_served", reader=self.reader.name, uid=masked(uid), what=what)


def _starter(guard: Guard, uid: str) -> bool:
    return guard.token is not None and guard.token.uid.casefold() == uid.casefold()


def _free(guard: Guard) -> bool:
    """Whether somebody may begin there who shows a card."""
    return guard.token is None and guard.free_token is None and obstacle(guard) is None


def _no_place(guards: Sequence[Guard]) -> str:
    if any(guard.free_token is not None for guard in guards):
        return "not needed: charging is free here"
    first = next((what for guard in guards if (what := obstacle(guard)) is not None), None)
    return "refused: no connector is free" if first is None else f"refused: {first[0]}"


def _why(outcome: Outcome, free: Sequence[Guard]) -> str:
    if not free:
        return "no connector is free"
    return said(outcome.at(free[0].evse_uid))
