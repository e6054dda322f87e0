"""Asks platforms for the tariffs that the configuration takes from them, now and every hour."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.tariffs import TariffRow
from laddvakt_agent.pricing.tariffs import Known
from laddvakt_agent.uplink.errors import UplinkError
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.pull import pulled
from laddvakt_agent.uplink.serving import Role

if TYPE_CHECKING:
    from laddvakt_agent.uplink_parts import Context

EVERY_S = 3600.0  # a new price is announced days before; an hour is soon enough
AGAIN_S = 60.0  # while a platform gives nothing, or is not agreed with yet
SLOWEST_S = 900.0  # … and at last

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class TariffPuller:
    """One agent's. Running sessions keep the tariff that they began with."""

    context: Context

    async def run(self) -> None:
        """Pull what is wanted, until cancelled; ends at once where nothing is."""
        wanted = self.context.publisher.tariffs.platforms()
        async with asyncio.TaskGroup() as group:
            for name in wanted:
                group.create_task(self._keep_asking(name), name=f"tariffs of {name}")

    async def _keep_asking(self, name: str) -> None:
        await asyncio.sleep(self.context.turn_s())  # after a lost supply everybody starts now
        pause_s = AGAIN_S
        while True:
            out = self.context.outwards().get(name)
            if out is not None and await self.pull(out):
                pause_s = AGAIN_S
                await asyncio.sleep(EVERY_S)
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, SLOWEST_S)

    async def pull(self, out: Outward) -> bool:
        """Ask one platform once; False when it gave nothing. Nothing is raised.

        What it does not have any more still holds here: the configuration wants it, and no price
        at all would be no better one. It is told.
        """
        book = self.context.publisher.tariffs
        url, wanted = out.endpoint("tariffs", Role.SENDER), book.wanted_of(out.name)
        if url is None:
            log.warning("tariffs_not_offered", platform=out.name)
            return False
        try:
            bodies = [body async for body in pulled(out, url) if _id(body) in wanted]
        except UplinkError as error:
            log.warning("tariffs_not_pulled", platform=out.name, reason=str(error))
            return False
        taken = book.take(out.name, bodies, out.version)
        there = {each.core.id.casefold() for each in taken}
        for missing in sorted(wanted - there):
            log.error(
                "tariff_missing",
                platform=out.name,
                tariff=missing,
                remedy="correct the id of the [[tariff]], or ask the platform for it",
            )
        await self._keep(out, taken)
        return True

    async def _keep(self, out: Outward, taken: tuple[Known, ...]) -> None:
        rows = [
            TariffRow(
                party=out.name,
                id=each.core.id.casefold(),
                version=each.version.value,
                body=_json(each.body),
                last_updated=each.ocpi.last_updated,
            )
            for each in taken
        ]
        try:
            await self.context.thread.call(self.context.ledger.tariffs.save, rows)
        except StorageError as error:
            log.error("tariffs_not_written", platform=out.name, reason=str(error))


def _id(body: object) -> str | None:
    """In lower case; a list may be longer than the memory is large."""
    name = body.get("id") if isinstance(body, dict) else None
    return name.casefold() if isinstance(name, str) else None


def _json(body: Mapping[str, object]) -> str:
    return json.dumps(body, ensure_ascii=False, default=float)
