"""Hangs tokens on the agent: what platforms push, and whom the authoriser may ask."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import structlog

from laddvakt_agent.ledger.tokens import TokenRow, TokensUnavailable
from laddvakt_agent.uplink.pull import pulled
from laddvakt_agent.uplink.receivers.tokens import TokensReceiver
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.tokens import owners
from laddvakt_agent.uplink.tokens.pulling import TokenPuller

if TYPE_CHECKING:
    from laddvakt_agent.uplink_parts import Context

log = structlog.get_logger()


def tokens_receiver(context: Context) -> TokensReceiver:
    """The module that takes tokens in; from now on the platforms can be asked for them, too."""
    authoriser = context.supervisor.permits.authoriser
    authoriser.outwards, authoriser.claims = context.outwards, context.claims

    def gives_way(holder: str, row: TokenRow) -> bool:
        party = Party.of(row.country_code, row.party_id)
        return owners.gives_way(context.claims(), holder, row.platform, party)

    authoriser.book.file.gives_way = gives_way
    return TokensReceiver(book=authoriser.book)


async def keep_tokens(context: Context) -> None:
    """Pull the platforms' tokens, for as long as the agent lives."""
    await _forget_strangers(context)
    puller = TokenPuller(
        book=context.supervisor.permits.authoriser.book,
        outwards=context.outwards,
        claims=context.claims,
        now_s=context.clock.now_s,
        pulled=pulled,
        rng=random.Random(int.from_bytes(os.urandom(8))),
    )
    await asyncio.sleep(context.turn_s())  # after a lost supply everybody starts now
    await puller.run()


async def _forget_strangers(context: Context) -> None:
    """Forget what platforms gave us that are not configured any more."""
    book = context.supervisor.permits.authoriser.book
    names = frozenset(uplink.name for uplink in context.config.uplink)
    try:
        gone = await context.thread.call(book.file.keep_only, names)
    except TokensUnavailable as error:
        log.warning("tokens_unavailable", reason=str(error))
        return
    if gone:
        log.info("tokens_forgotten", tokens=gone)
