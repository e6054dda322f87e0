"""The local API's route about bills: what a person may take back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec
from aiohttp import web

from laddvakt_agent.diagnostics.answers import JsonObject, NotPossible
from laddvakt_agent.diagnostics.replies import SCHEMA_VERSION, json_reply, peer_uid
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.rebilling import Rebilled, Wish


class Biller(Protocol):
    """Who takes bills back."""

    def take_back(self, wish: Wish, *, uid: int, privileged: bool) -> Awaitable[Rebilled]:
        """See `Rebilling.take_back`."""
        ...


class _Credit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    cdr: str
    reason: str
    energy_wh: float | None = None


def billing_routes(biller: Biller) -> Sequence[web.AbstractRouteDef]:
    """What the local API must serve."""

    async def credit(request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read() or b"{}", type=_Credit)
        except msgspec.DecodeError as error:
            raise NotPossible(f"the request is not understood: {error}", "mend it") from None
        uid = peer_uid(request)
        done = await biller.take_back(
            Wish(cdr_id=asked.cdr, reason=asked.reason, energy_wh=asked.energy_wh),
            uid=uid,
            privileged=uid in (0, os.getuid()),
        )
        corrected = None if done.corrected is None else _shown(done.corrected)
        return json_reply(
            {
                "schema_version": SCHEMA_VERSION,
                "cdr": asked.cdr,
                "credit": _shown(done.credit),
                "corrected": corrected,
                "changed": done.changed,
            }
        )

    return (web.post("/ledger/credit", credit),)


def _shown(cdr: CdrRecord) -> JsonObject:
    """A CDR for people; what a credit CDR takes back is negative."""
    sign, cost = (1 if cdr.credits is None else -1), cdr.cost
    return {
        "id": cdr.id,
        "session_id": cdr.session.id,
        "energy_wh": cdr.session.energy_wh,
        "total_before_taxes": None if cost is None else str(sign * cost.total.before_taxes),
        "currency": None if cost is None else cost.currency,
        "made_at": cdr.created_at.isoformat(),
    }
