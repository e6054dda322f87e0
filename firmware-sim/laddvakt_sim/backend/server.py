"""The receiver on HTTP: OCPI under `/ocpi`, what came under `/received`, a page under `/`."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from aiohttp import web

from laddvakt_sim.backend.behaviour import Behaviour, BehaviourError, Mode, Rule
from laddvakt_sim.backend.page import render
from laddvakt_sim.backend.receiver import OK, Answer, Receiver, refused
from laddvakt_sim.backend.storage import MODULES, Received, Storage
from laddvakt_sim.backend.transport import envelope, header_errors, is_authorised, utc_now
from laddvakt_sim.backend.validate import Json, moment

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = "2.2.1"
PAGE_LIMIT = 100
_MAX_BODY_BYTES = 1_000_000
_SEGMENTS = {"locations": range(3, 6), "sessions": range(3, 4), "faults": range(3, 4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """What the receiver is called and where it stands."""

    base_url: str
    token: str
    faults_module: str  # identifier of the custom module, `<country><party>-faults`

    def endpoint(self, module: str) -> str:
        """The URL of a module's endpoint."""
        name = self.faults_module if module == "faults" else module
        return f"{self.base_url}/ocpi/{VERSION}/{name}"


class Server:
    """Turns HTTP into calls of the receiver and keeps every request it got."""

    def __init__(self, storage: Storage, settings: ServerSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._receiver = Receiver(storage)
        self._behaviour = Behaviour()

    def application(self) -> web.Application:
        """The routes; OCPI ones want the token, the others are for people and tests here."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_get("/", self._page)
        app.router.add_get("/received", self._received)
        app.router.add_get("/objects", self._objects)
        app.router.add_post("/behaviour", self._set_behaviour)
        app.router.add_route("*", "/ocpi/{path:.*}", self._ocpi)
        return app

    def behave(self, wish: Json) -> None:
        """Misbehave from now on as `POST /behaviour` would; BehaviourError as there."""
        self._behaviour.set(wish)

    async def _page(self, request: web.Request) -> web.Response:
        del request
        objects = {module: self._storage.objects(module) for module in MODULES}
        text = render(objects, self._storage.latest(50))
        return web.Response(text=text, content_type="text/html")

    async def _received(self, request: web.Request) -> web.Response:
        since = request.query.get("since", "0")
        if not since.isdecimal():
            return web.json_response({"error": "since: a sequence number is required"}, status=400)
        requests = self._storage.received(int(since))
        last = requests[-1]["seq"] if requests else int(since)
        return web.json_response({"requests": requests, "next": last})

    async def _objects(self, request: web.Request) -> web.Response:
        del request
        return web.json_response({module: self._storage.objects(module) for module in MODULES})

    async def _set_behaviour(self, request: web.Request) -> web.Response:
        try:
            self.behave(_parsed_or_text(await _text(request)))
        except BehaviourError as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True})

    async def _ocpi(self, request: web.Request) -> web.StreamResponse:
        at_s, at = time.clock_gettime(time.CLOCK_BOOTTIME), utc_now()
        text = await _text(request)
        body = _parsed_or_text(text)
        module, segments = self._address(request)
        rule = self._behaviour.next(module) if module in MODULES else Rule(mode=Mode.OK)
        received = Received(
            at_s=at_s,
            at=at,
            method=request.method,
            path=request.path_qs,
            module=module,
            object_id=_object_id(module, segments, body),
            body=body,
        )
        if rule.mode in (Mode.OK, Mode.LOST_REPLY, Mode.HTTP_500_KEPT):
            answer, headers = self._answer(request, module, segments, text)
            if rule.mode is Mode.OK:
                self._note(received, answer)
                return envelope(request, answer, headers)
        return await self._misbehave(request, received, rule)

    async def _misbehave(
        self, request: web.Request, received: Received, rule: Rule
    ) -> web.StreamResponse:
        retry = {} if rule.retry_after_s is None else {"Retry-After": str(rule.retry_after_s)}
        match rule.mode:
            case Mode.SILENT:
                self._storage.note(received)
                await asyncio.Event().wait()  # until the client gives up
            case Mode.LOST_REPLY:
                self._storage.note(received)
                if request.transport is not None:
                    request.transport.abort()
            case Mode.HTML:
                self._storage.note(replace(received, http_status=200))
                return web.Response(text="<html>Please log in</html>", content_type="text/html")
            case Mode.EMPTY:
                self._storage.note(replace(received, http_status=200))
            case Mode.HTTP_401:
                answer = refused("as told by /behaviour", status_code=2000, http_status=401)
                self._note(received, answer)
                return envelope(request, answer, retry)
            case Mode.HTTP_500 | Mode.HTTP_500_KEPT | Mode.OK:
                answer = refused("as told by /behaviour", status_code=3000, http_status=500)
                self._note(received, answer)
                return envelope(request, answer, retry)
        return web.Response()

    def _note(self, received: Received, answer: Answer) -> None:
        self._storage.note(
            replace(
                received,
                http_status=answer.http_status,
                status_code=answer.status_code,
                errors=answer.errors,
            )
        )

    def _address(self, request: web.Request) -> tuple[str, tuple[str, ...]]:
        """Module and the URL segments after its endpoint; a trailing slash is of no account."""
        parts = tuple(part for part in request.match_info["path"].split("/") if part)
        if len(parts) < 2 or parts[0] != VERSION:
            return "versions", parts
        module = "faults" if parts[1] == self._settings.faults_module else parts[1]
        return module, parts[2:]

    def _answer(
        self, request: web.Request, module: str, segments: tuple[str, ...], text: str
    ) -> tuple[Answer, dict[str, str]]:
        if not is_authorised(request.headers.get("Authorization"), self._settings.token):
            problem = "Authorization: Token <base64 of the known token> is required"
            return refused(problem, status_code=2000, http_status=401), {}
        errors = header_errors(request.headers, has_body=bool(text))
        if errors:
            return refused(*errors), {}
        if request.method == "GET":
            return self._get(request, module, segments)
        try:
            body = _parsed(text)
        except (ValueError, RecursionError) as error:
            return refused(f"the body is not JSON: {error}", http_status=400), {}
        if not isinstance(body, dict):
            return refused("a JSON object is required as the body"), {}
        return self._push(request.method, module, segments, body)

    def _push(
        self, method: str, module: str, segments: tuple[str, ...], body: dict[str, Json]
    ) -> tuple[Answer, dict[str, str]]:
        if method == "POST" and module == "cdrs" and not segments:
            answer = self._receiver.post_cdr(body)
            if answer.cdr_key is None:
                return answer, {}
            return answer, {"Location": f"{self._settings.endpoint('cdrs')}/{answer.cdr_key}"}
        if len(segments) not in _SEGMENTS.get(module, range(0)):
            return refused("no such resource", http_status=404), {}
        handlers: dict[str, Callable[[str, tuple[str, ...], dict[str, Json]], Answer]] = {
            "PUT": self._receiver.put,
            "PATCH": self._receiver.patch,
        }
        if method not in handlers:
            return refused(f"{method} is not for this module", http_status=405), {}
        return handlers[method](module, segments, body), {}

    def _get(
        self, request: web.Request, module: str, segments: tuple[str, ...]
    ) -> tuple[Answer, dict[str, str]]:
        if module == "versions":
            return self._versions(segments), {}
        if module == "faults" and not segments:
            return self._list(request, module)
        if module in MODULES and len(segments) in _SEGMENTS.get(module, range(3, 4)):
            return self._receiver.get(module, segments), {}
        return refused("no such resource", http_status=404), {}

    def _versions(self, parts: tuple[str, ...]) -> Answer:
        if parts == ("versions",):
            url = f"{self._settings.base_url}/ocpi/{VERSION}"
            return Answer(data=[{"version": VERSION, "url": url}])
        if parts != (VERSION,):
            return refused("no such resource", http_status=404)
        endpoints: list[Json] = [
            {
                "identifier": self._settings.faults_module if module == "faults" else module,
                "role": "RECEIVER",
                "url": self._settings.endpoint(module),
            }
            for module in MODULES
        ]
        return Answer(data={"version": VERSION, "endpoints": endpoints})

    def _list(self, request: web.Request, module: str) -> tuple[Answer, dict[str, str]]:
        """A page of objects: transport_and_format, Pagination."""
        query = request.query
        errors = [
            f"{name}: a DateTime is required"
            for name in ("date_from", "date_to")
            if name in query and moment(query[name]) is None
        ] + [
            f"{name}: a whole number is required"
            for name in ("offset", "limit")
            if name in query and not query[name].isdecimal()
        ]
        if errors:
            return refused(*errors), {}
        offset = int(query.get("offset", "0"))
        limit = min(int(query.get("limit", PAGE_LIMIT)), PAGE_LIMIT)
        page = self._storage.page(
            module,
            date_from=query.get("date_from"),
            date_to=query.get("date_to"),
            offset=offset,
            limit=limit,
        )
        headers = {"X-Total-Count": str(page.total), "X-Limit": str(PAGE_LIMIT)}
        if limit and offset + limit < page.total:
            following = {**query, "offset": str(offset + limit), "limit": str(limit)}
            url = f"{self._settings.endpoint(module)}?{urlencode(following, quote_via=quote)}"
            headers["Link"] = f'<{url}>; rel="next"'
        return Answer(status_code=OK, data=list(page.items)), headers


def _object_id(module: str, segments: tuple[str, ...], body: Json) -> str:
    """What the request is about: the ids after country and party, or the posted CDR's."""
    if module == "cdrs" and not segments and isinstance(body, dict):
        return str(body.get("id", ""))
    return "/".join(segments[2:] if len(segments) > 2 else segments)


async def _text(request: web.Request) -> str:
    return (await request.read()).decode(errors="replace")


def _parsed(text: str) -> Json:
    """JSON as RFC 8259 has it: Python alone would take NaN and Infinity too."""
    body: Json = json.loads(text, parse_constant=_no_constant)
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _parsed_or_text(text: str) -> Json:
    try:
        return _parsed(text) if text else None
    except (ValueError, RecursionError):
        return text
