"""Pulls each platform's tokens: all at the start and once a day, what changed in between.

A whole list is the truth: what is not in it any more is forgotten (mod_tokens, GET), but only once
it came to its end without an error. One platform's trouble delays no other.
"""

from __future__ import annotations

import asyncio
import random
from array import array
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from laddvakt_agent.ledger.tokens import Kept, TokenRow, TokensUnavailable
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.errors import UplinkError
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.text import from_date_time
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_agent.uplink.tokens.content import NoToken, row_of
from laddvakt_agent.uplink.tokens.owners import Claims, speaks_for

CHANGED_S = 900.0
WHOLE_S = 86_400.0
RETRY_MIN_S, RETRY_MAX_S = 10.0, 900.0
LOOK_S = 1.0
PAGE = 100  # tokens in one commit

log = structlog.get_logger()


class Pulled(Protocol):
    """`uplink.pull.pulled`."""

    def __call__(
        self, out: Outward, url: str, *, date_from: datetime | None = None
    ) -> AsyncIterator[object]:
        """Every object of every page."""
        ...


@dataclass(slots=True, kw_only=True)
class Pull:
    """How far the pulls of one platform are."""

    backoff: Backoff
    next_s: float = 0.0
    whole_s: float = 0.0  # when all of them are due
    newest: str = ""  # `last_updated` of the newest it has told of
    lost: int = -1  # of the file, when they were last pulled whole
    task: asyncio.Task[None] | None = None


@dataclass(slots=True, kw_only=True)
class TokenPuller:
    """One agent's; `outwards`: the platforms agreed with now."""

    book: TokenBook
    outwards: Callable[[], Mapping[str, Outward]]
    now_s: Callable[[], float]
    pulled: Pulled
    rng: random.Random
    claims: Callable[[], Claims] = field(default=lambda: {})
    spread_s: float = 10.0  # a street that gets its power back does not ask in one second
    pulls: dict[str, Pull] = field(default_factory=dict)

    async def run(self) -> None:
        """Pull what is due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                self._begin_due(group)
                self._end_gone(group)
                await asyncio.sleep(LOOK_S)

    async def pull(self, name: str, out: Outward) -> bool:
        """One pull of one platform, whole or what changed; False when it did not come to its end.

        Nothing is raised: tokens that cannot be pulled are asked for one by one.
        """
        state = self._state(name)
        url = out.endpoint("tokens", Role.SENDER)
        if url is None:
            state.next_s = self.now_s() + CHANGED_S
            return True
        now_s = self.now_s()
        whole = now_s >= state.whole_s or state.lost != self.book.file.lost or not state.newest
        try:
            await (self._all(state, name, out, url) if whole else self._new(state, name, out, url))
        except (UplinkError, TokensUnavailable) as error:
            state.backoff.failed(now_s)
            state.next_s = now_s + max(LOOK_S, state.backoff.remaining_s(now_s))
            log.warning("tokens_not_pulled", platform=name, reason=str(error))
            return False
        except Exception:
            state.next_s = now_s + RETRY_MAX_S
            log.exception("tokens_not_pulled", platform=name)
            return False
        state.backoff.succeeded()
        state.next_s = now_s + CHANGED_S
        if whole:
            state.whole_s = now_s + WHOLE_S
        return True

    def _begin_due(self, group: asyncio.TaskGroup) -> None:
        for name, out in self.outwards().items():
            state = self._state(name)
            idle = state.task is None or state.task.done()
            if idle and self.now_s() >= state.next_s:
                state.task = group.create_task(self._one(name, out), name=f"tokens of {name}")

    def _end_gone(self, group: asyncio.TaskGroup) -> None:
        """Whose agreement has ended since: nobody would pay for its customers any more."""
        for name in self.pulls.keys() - self.outwards().keys():
            state = self.pulls.pop(name)
            group.create_task(self._forget(name, state.task), name=f"tokens of {name}, gone")

    async def _forget(self, name: str, pull: asyncio.Task[None] | None) -> None:
        if pull is not None:
            pull.cancel()
            await asyncio.wait([pull])
        file, call = self.book.file, self.book.thread.call
        try:
            gone = await call(file.drop, await call(file.numbers, name))
        except TokensUnavailable as error:
            log.warning("tokens_not_forgotten", platform=name, reason=str(error))
            return
        log.info("tokens_forgotten", platform=name, tokens=gone)

    async def _one(self, name: str, out: Outward) -> None:
        await self.pull(name, out)

    def _state(self, name: str) -> Pull:
        if name not in self.pulls:
            self.pulls[name] = Pull(
                backoff=Backoff(self.rng, min_s=RETRY_MIN_S, max_s=RETRY_MAX_S),
                next_s=self.now_s() + self.rng.uniform(0.0, self.spread_s),
            )
        return self.pulls[name]

    async def _all(self, state: Pull, name: str, out: Outward, url: str) -> None:
        file, call = self.book.file, self.book.thread.call
        before = await call(file.numbers, name)
        lost = file.lost
        seen = await self._taken(state, name, self.pulled(out, url))
        if file.lost != lost:
            raise TokensUnavailable("the tokens had to be begun anew meanwhile")
        gone = await call(file.drop, sorted(set(before).difference(seen)))
        state.lost = lost
        log.info("tokens_pulled", platform=name, whole=True, tokens=len(seen), forgotten=gone)

    async def _new(self, state: Pull, name: str, out: Outward, url: str) -> None:
        since = from_date_time(state.newest)
        seen = await self._taken(state, name, self.pulled(out, url, date_from=since))
        if seen:
            log.info("tokens_pulled", platform=name, whole=False, tokens=len(seen))

    async def _taken(self, state: Pull, name: str, objects: AsyncIterator[object]) -> array[int]:
        """Keep the good ones of a list as they come; bad ones are told and left out."""
        seen = array("q")
        page: list[TokenRow] = []
        bad, newest = "", state.newest
        async for data in objects:
            try:
                page.append(self._own(row_of(data, name)))
            except NoToken as error:
                bad = bad or str(error)
                continue
            newest = max(newest, page[-1].last_updated)
            if len(page) >= PAGE:
                seen.extend(await self._keep(name, page))
                page = []
        if page:
            seen.extend(await self._keep(name, page))
        if bad:
            log.warning("token_refused", platform=name, first_reason=bad)
        state.newest = newest
        return seen

    def _own(self, row: TokenRow) -> TokenRow:
        party = Party.of(row.country_code, row.party_id)
        if not speaks_for(self.claims(), row.platform, party):
            who = f"{party.country_code} {party.party_id}"
            raise NoToken(f"a token of {who}, which another platform speaks for")
        return row

    async def _keep(self, name: str, page: list[TokenRow]) -> array[int]:
        outcomes, numbers = await self.book.thread.call(self.book.file.take, page)
        for kept in (Kept.FOREIGN, Kept.FULL):
            if kept in outcomes:
                log.warning(
                    "token_not_kept", platform=name, reason=kept.value, tokens=outcomes.count(kept)
                )
        return numbers
