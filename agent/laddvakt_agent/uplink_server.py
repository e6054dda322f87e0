"""Lets other platforms in, as soon as it is known who they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime

import structlog

from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.server.listening import Place, ServerError, listen
from laddvakt_agent.uplink.serving import Module
from laddvakt_agent.uplink_link import RESTART_S

_LOOK_S = 1.0

log = structlog.get_logger()


async def let_in(
    place: Place,
    book: PartyBook,
    modules: Callable[[], Sequence[Module]],
    wall: Callable[[], datetime],
    durable: Callable[[], bool],
) -> None:
    """Listen until cancelled; what goes wrong with it is told, and it begins anew.

    `durable`: whether the disk is there. Before that nobody is listened to: whoever got a 401
    then would believe the agreement to be over.
    """
    while True:
        if durable():
            break
        await asyncio.sleep(_LOOK_S)
    await book.load()
    said = ""
    while True:
        try:
            listening = await listen(place, authority=book, modules=modules, wall=wall)
        except ServerError as error:
            if str(error) != said:
                log.error("server_not_listening", reason=str(error), again_in_s=RESTART_S)
                said = str(error)
            await asyncio.sleep(RESTART_S)
            continue
        try:
            await listening.ended()  # by a defect, which its thread has told
        finally:
            await listening.close()
        await asyncio.sleep(RESTART_S)
