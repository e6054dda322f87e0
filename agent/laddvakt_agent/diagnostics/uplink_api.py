"""The local API's routes about platforms: who they are, what waits, and what a person may do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from aiohttp import web

from laddvakt_agent.diagnostics.answers import Forbidden, JsonObject, NotPossible
from laddvakt_agent.diagnostics.replies import SCHEMA_VERSION, json_reply, no, peer_uid
from laddvakt_agent.uplink import insight
from laddvakt_agent.uplink.insight import Platforms
from laddvakt_agent.uplink.parties.desk import DeskError, Overview
from laddvakt_agent.uplink.requestlog import KEPT

T = TypeVar("T")

LONGEST_S = 300.0  # a person waits for `sync` at most so long
NO_UPLINK = NotPossible(
    "nobody is told of this charger: there is no [[uplink]] in the configuration",
    "add one and restart; laddvakt run --help names the file",
)


class _Sync(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str | None = None
    timeout_s: float = 30.0


class _Register(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    url: str | None = None
    token: str | None = None


def uplink_routes(platforms: Callable[[], Platforms | None]) -> Sequence[web.AbstractRouteDef]:
    """The routes; `platforms` gives `None` while nothing is configured or it has not begun."""
    return UplinkRoutes(platforms).routes()


class UplinkRoutes:
    """Asks the uplink; only root or the agent's own user may change an agreement."""

    def __init__(self, platforms: Callable[[], Platforms | None]) -> None:
        self._platforms = platforms

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """What the local API must serve."""
        return (
            web.get("/uplink", self._status),
            web.get("/uplink/log", self._log),
            web.post("/uplink/sync", self._sync),
            web.post("/uplink/{name}/{verb:register|rotate|unregister}", self._agree),
        )

    async def _status(self, request: web.Request) -> web.Response:
        del request
        of = self._platforms()
        told = [] if of is None else insight.platforms(of)
        return json_reply({"schema_version": SCHEMA_VERSION, "platforms": told})

    async def _log(self, request: web.Request) -> web.Response:
        of = self._of()
        name, limit = request.query.get("name"), request.query.get("limit", str(KEPT))
        if not (limit.isascii() and limit.isdecimal()):
            return no(400, f"limit: {limit!r} is no whole number", "mend the request")
        logs = {key: log for key, log in of.requests().items() if name in (None, key)}
        self._known(of, name)
        found = [insight.request(key, one) for key, log in logs.items() for one in log.latest(KEPT)]
        found.sort(key=lambda one: str(one["at"]))
        chosen = found[-int(limit) :] if int(limit) else []
        return json_reply({"schema_version": SCHEMA_VERSION, "requests": chosen})

    async def _sync(self, request: web.Request) -> web.Response:
        of, wish = self._of(), await _body(request, _Sync)
        self._known(of, wish.name)
        of.look_again(wish.name)
        told = {key: one for key, one in of.synchronisers().items() if wish.name in (None, key)}
        for sync in told.values():
            sync.try_now()
        timeout_s = min(max(0.0, wish.timeout_s), LONGEST_S)
        settled = await asyncio.gather(*(sync.settle(timeout_s) for sync in told.values()))
        every = dict(zip(told, settled, strict=True))
        shown = [one for one in insight.platforms(of) if wish.name in (None, one["name"])]
        for one in shown:
            one["settled"] = every.get(str(one["name"]), False)
        return json_reply(
            {
                "schema_version": SCHEMA_VERSION,
                "settled": bool(shown) and all(one["settled"] for one in shown),
                "platforms": shown,
            }
        )

    async def _agree(self, request: web.Request) -> web.Response:
        uid = peer_uid(request)
        if uid not in (0, os.getuid()):
            raise Forbidden("only root may change an agreement with a platform", "use sudo")
        of = self._of()
        name, verb = request.match_info["name"], request.match_info["verb"]
        self._known(of, name)
        if verb == "register":
            wish = await _body(request, _Register)
            return await _done(lambda: of.desk.register(name, url=wish.url, token=wish.token))
        if verb == "rotate":
            return await _done(lambda: of.desk.rotate(name))
        return await _done(lambda: of.desk.unregister(name))

    def _of(self) -> Platforms:
        of = self._platforms()
        if of is None:
            raise NO_UPLINK
        return of

    def _known(self, of: Platforms, name: str | None) -> None:
        names = [one.name for one in of.desk.overview()]
        if name is not None and name not in names:
            raise NotPossible(
                f"there is no [[uplink]] named {name!r}", f"known are: {', '.join(names)}"
            )


async def _done(act: Callable[[], Awaitable[Overview]]) -> web.Response:
    try:
        one = await act()
    except DeskError as error:
        raise NotPossible(str(error), error.remedy) from error
    platform: JsonObject = insight.overview(one)
    return json_reply({"schema_version": SCHEMA_VERSION, "platform": platform})


async def _body(request: web.Request, kind: type[T]) -> T:
    """What was wished; nothing at all is a wish without particulars."""
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except msgspec.DecodeError as error:
        raise NotPossible(f"the request is not understood: {error}", "mend it") from None
