"""The control API: what a test or a person tells the backend to do, and what it has seen."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from laddvakt_sim.backend.behaviour import BehaviourError
from laddvakt_sim.backend.caller import CallError
from laddvakt_sim.backend.crawl import CrawlError, crawl
from laddvakt_sim.backend.orders import OrderError
from laddvakt_sim.backend.registration import RegistrationError
from laddvakt_sim.backend.storage import MODULES
from laddvakt_sim.backend.validate import Json, check

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from laddvakt_sim.backend.agreement import Agreement, Agreements
    from laddvakt_sim.backend.behaviour import Behaviour
    from laddvakt_sim.backend.caller import Caller
    from laddvakt_sim.backend.orders import Orders
    from laddvakt_sim.backend.registration import Registrar
    from laddvakt_sim.backend.settings import ServerSettings
    from laddvakt_sim.backend.storage import Storage

_TOKEN_KEY = ("country_code", "party_id", "uid", "type")
KEPT = (*MODULES, "tariffs", "tokens", "own_tariffs")


class ControlError(Exception):
    """The wish is not understood; the message says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Handlers over the parts of the backend."""

    storage: Storage
    settings: ServerSettings
    agreements: Agreements
    caller: Caller
    registrar: Registrar
    orders: Orders
    behaviour: Behaviour

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Everything that is not OCPI; nothing here asks for a token."""
        for method, path, handler in (
            ("GET", "/received", self._received),
            ("GET", "/objects", self._objects),
            ("POST", "/behaviour", self._set_behaviour),
            ("POST", "/register", self._register),
            ("POST", "/rotate", self._rotate),
            ("POST", "/unregister", self._unregister),
            ("GET", "/agreement", self._agreement),
            ("PUT", "/initial-token", self._initial_token),
            ("PUT", "/needs", self._needs),
            ("PUT", "/tokens", self._put_tokens),
            ("POST", "/tokens/push", self._push_token),
            ("POST", "/tokens/patch", self._patch_token),
            ("PUT", "/authorisations", self._authorisations),
            ("PUT", "/tariffs", self._put_tariffs),
            ("POST", "/commands/{command}", self._command),
            ("GET", "/results", self._results),
            ("*", "/profiles/{session_id}", self._profile),
            ("GET", "/active_profiles", self._active_profiles),
            ("POST", "/crawl", self._crawl),
            ("POST", "/call", self._call),
        ):
            router.add_route(method, path, _guarded(handler))

    async def _received(self, request: web.Request) -> Json:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            raise ControlError("since: a sequence number is required")
        requests: list[Json] = [*self.storage.received(int(since))]
        last = requests[-1] if requests else None
        return {"requests": requests, "next": last["seq"] if isinstance(last, dict) else int(since)}

    async def _objects(self, request: web.Request) -> Json:
        del request
        return {module: [*self.storage.objects(module)] for module in KEPT}

    async def _set_behaviour(self, request: web.Request) -> Json:
        self.behaviour.set(await _body(request))
        return {"ok": True}

    async def _register(self, request: web.Request) -> Json:
        wish = await _object(request)
        version = wish.get("version")
        return await self.registrar.register(
            _text(wish, "url"), _text(wish, "token"), None if version is None else str(version)
        )

    async def _rotate(self, request: web.Request) -> Json:
        del request
        return await self.registrar.rotate()

    async def _unregister(self, request: web.Request) -> Json:
        del request
        return (await self.registrar.unregister()).shown()

    async def _agreement(self, request: web.Request) -> Json:
        del request
        return self.registrar.shown()

    async def _initial_token(self, request: web.Request) -> Json:
        self.agreements.open_with(_text(await _object(request), "token"))
        return {"ok": True}

    async def _needs(self, request: web.Request) -> Json:
        wish = await _body(request)
        if not isinstance(wish, list):
            raise ControlError('a list such as ["locations SENDER"] is required')
        pairs = [str(item).partition(" ") for item in wish]
        self.registrar.needs = tuple((name, role) for name, _, role in pairs)
        return {"ok": True}

    async def _put_tokens(self, request: web.Request) -> Json:
        return self._replace("tokens", await _body(request), _TOKEN_KEY)

    async def _put_tariffs(self, request: web.Request) -> Json:
        return self._replace(
            "own_tariffs", await _body(request), ("country_code", "party_id", "id")
        )

    def _replace(self, module: str, wish: Json, names: tuple[str, ...]) -> Json:
        """The whole list anew; objects that stay keep their place in it."""
        items = wish if isinstance(wish, list) else [None]
        keys = []
        for item in items:
            if not isinstance(item, dict) or not {*names, "last_updated"} <= item.keys():
                raise ControlError(f"a list of objects with {', '.join(names)} is required")
            keys.append("/".join(str(item[name]) for name in names))
        for old in self.storage.objects(module):
            key = "/".join(str(old[name]) for name in names)
            if key not in keys:
                self.storage.remove(module, key)
        for key, item in zip(keys, items, strict=True):
            if isinstance(item, dict):
                self.storage.put(module, key, item)
        return {"ok": True, "count": len(items)}

    async def _push_token(self, request: web.Request) -> Json:
        """A valid token stands in our own list, too: a later pull must not lose it."""
        body = await _object(request)
        if not check("Token", body, version="2.3.0"):
            key = "/".join(_text(body, name) for name in _TOKEN_KEY)
            self.storage.put("tokens", key, body)
        return await self._send_token("PUT", body)

    async def _patch_token(self, request: web.Request) -> Json:
        return await self._send_token("PATCH", await _object(request))

    async def _send_token(self, method: str, body: dict[str, Json]) -> Json:
        """Ids in the URL are those of the body; a PATCH goes out without them in its body."""
        names = _TOKEN_KEY[:3]
        path = "/".join(_text(body, name) for name in names)
        query = {"type": str(body["type"])} if "type" in body else {}
        sent: Json = body
        if method == "PATCH":
            sent = {k: v for k, v in body.items() if k not in _TOKEN_KEY}
        return await self._ask(method, "tokens", f"/{path}", sent, query)

    async def _authorisations(self, request: web.Request) -> Json:
        wish = await _object(request)
        self.storage.keep_state("authorisations", {uid.lower(): v for uid, v in wish.items()})
        return {"ok": True}

    async def _command(self, request: web.Request) -> Json:
        return await self.orders.command(request.match_info["command"], await _object(request))

    async def _results(self, request: web.Request) -> Json:
        del request
        return [*self.orders.results()]

    async def _profile(self, request: web.Request) -> Json:
        if request.method not in ("GET", "DELETE"):
            body, method = await _object(request), "PUT"
        else:
            body, method = {}, request.method
        session_id = request.match_info["session_id"]
        return await self.orders.profile(method, session_id, body, request.query)

    async def _active_profiles(self, request: web.Request) -> Json:
        del request
        return [*self.orders.active()]

    async def _crawl(self, request: web.Request) -> Json:
        wish = await _object(request)
        return await crawl(self.caller, self._partner(), self._identifier(wish), wish)

    async def _call(self, request: web.Request) -> Json:
        """Any request to any endpoint of the agent, as a registered party sends it."""
        wish = await _object(request)
        query, headers = wish.get("query"), wish.get("headers")
        return await self._ask(
            str(wish.get("method", "GET")),
            self._identifier(wish),
            str(wish.get("path", "")),
            wish.get("body"),
            query if isinstance(query, dict) else {},
            role=str(wish.get("role", "RECEIVER")),
            raw=str(wish["raw"]) if "raw" in wish else None,
            headers=headers if isinstance(headers, dict) else {},
        )

    async def _ask(
        self,
        method: str,
        identifier: str,
        path: str,
        body: Json,
        query: dict[str, Json] | dict[str, str],
        *,
        role: str = "RECEIVER",
        raw: str | None = None,
        headers: dict[str, Json] | None = None,
    ) -> Json:
        current = self._partner()
        url = current.url(identifier, role)
        if url is None:
            raise ControlError(f"the agent has no endpoint {identifier} {role}")
        heard = await self.caller.ask(
            method,
            url + path,
            current.we_show,
            module=identifier,
            to=current.party(),
            body=body,
            query={name: str(value) for name, value in query.items()},
            raw=raw,
            headers={name: str(value) for name, value in (headers or {}).items()},
        )
        return heard.shown()

    def _identifier(self, wish: dict[str, Json]) -> str:
        module = _text(wish, "module")
        return self.settings.faults_module if module == "faults" else module

    def _partner(self) -> Agreement:
        if self.agreements.current is None:
            raise ControlError("nobody is registered: POST /register first")
        return self.agreements.current


def _guarded(
    handler: Callable[[web.Request], Awaitable[Json]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    """JSON out; a wish that is not understood is 400, an agent that fails 502."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request))
        except (BehaviourError, ControlError, CrawlError, OrderError) as error:
            return web.json_response({"error": str(error)}, status=400)
        except RegistrationError as error:
            content = {"error": str(error), "status_code": error.status_code}
            return web.json_response(content, status=502)
        except CallError as error:
            return web.json_response({"error": str(error)}, status=502)

    return handle


async def _body(request: web.Request) -> Json:
    try:
        body: Json = json.loads(await request.text())
    except (ValueError, RecursionError) as error:
        raise ControlError(f"the body is not JSON: {error}") from error
    return body


async def _object(request: web.Request) -> dict[str, Json]:
    body = await _body(request)
    if not isinstance(body, dict):
        raise ControlError("a JSON object is required as the body")
    return body


def _text(wish: dict[str, Json], name: str) -> str:
    value = wish.get(name)
    if not isinstance(value, str) or not value:
        raise ControlError(f"{name}: a text is required")
    return value
