"""The backend on HTTP: OCPI under `/ocpi`, what came under `/received`, a page under `/`."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from laddvakt_sim.backend.agreement import Agreements, Standing
from laddvakt_sim.backend.answer import Answer, refused
from laddvakt_sim.backend.behaviour import Behaviour
from laddvakt_sim.backend.caller import Caller
from laddvakt_sim.backend.control import KEPT, Control
from laddvakt_sim.backend.faulty import AWAY, MOVED, spoilt, unkept_answer
from laddvakt_sim.backend.modes import DEEDS, Mode
from laddvakt_sim.backend.modules import Modules, Request
from laddvakt_sim.backend.orders import Orders
from laddvakt_sim.backend.page import View, render
from laddvakt_sim.backend.registration import Registrar
from laddvakt_sim.backend.settings import ServerSettings
from laddvakt_sim.backend.steer import Steer
from laddvakt_sim.backend.storage import Received, Storage
from laddvakt_sim.backend.transport import envelope, header_errors, misrouted, utc_now

if TYPE_CHECKING:
    from laddvakt_sim.backend.behaviour import Rule
    from laddvakt_sim.backend.validate import Json

__all__ = ["Server", "ServerSettings"]

_MAX_BODY_BYTES = 1_000_000
_OPEN_TO_ALL = ("versions", "credentials")


class Server:
    """Turns HTTP into calls of the modules and keeps every request it got."""

    def __init__(self, storage: Storage, settings: ServerSettings) -> None:
        self._storage = storage
        self._settings = settings
        self._behaviour = Behaviour()
        self._agreements = Agreements(storage, settings)
        self._caller = Caller(settings)
        self._registrar = Registrar(settings, self._agreements, self._caller)
        self._orders = Orders(settings, self._agreements, self._caller)
        self._modules = Modules(storage, settings, self._agreements, self._registrar, self._orders)
        self._control = Control(
            storage=storage,
            settings=settings,
            agreements=self._agreements,
            caller=self._caller,
            registrar=self._registrar,
            orders=self._orders,
            behaviour=self._behaviour,
        )
        self._steer = Steer(
            storage=storage,
            registrar=self._registrar,
            orders=self._orders,
            behaviour=self._behaviour,
        )

    def application(self) -> web.Application:
        """The routes; OCPI ones want a token, the others are for people and tests here."""
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        self._control.add_routes(app.router)
        self._steer.add_routes(app.router)
        app.router.add_get("/", self._page)
        for prefix in ("", MOVED, AWAY):
            app.router.add_route("*", f"{prefix}/ocpi/{{path:.*}}", self._ocpi)

        async def close(_app: web.Application) -> None:
            await self._caller.close()

        app.on_cleanup.append(close)
        return app

    def behave(self, wish: Json) -> None:
        """Misbehave from now on as `POST /behaviour` would; BehaviourError as there."""
        self._behaviour.set(wish)

    async def _page(self, request: web.Request) -> web.Response:
        del request
        settings = self._settings
        view = View(
            objects={module: self._storage.objects(module) for module in KEPT},
            latest=self._storage.latest(50),
            calls=[*reversed(self._caller.last)],
            orders=self._orders.sent(),
            active=self._orders.active(),
            agreement=self._registrar.shown(),
            own=f"{' and '.join(settings.parties())}, OCPI {' and '.join(settings.versions)}",
        )
        return web.Response(text=render(view), content_type="text/html")

    async def _ocpi(self, request: web.Request) -> web.StreamResponse:
        at_s, at = time.clock_gettime(time.CLOCK_BOOTTIME), utc_now()
        version, module, segments = self._address(request)
        rule = self._behaviour.next(module, moved=request.path.startswith(MOVED))
        text = "" if rule.mode is Mode.DROP else await _text(request)
        body = _parsed_or_text(text)
        received = Received(
            at_s=at_s,
            at=at,
            method=request.method,
            path=request.path_qs,
            module=module,
            object_id=_object_id(module, segments, body),
            body=body,
        )
        if request.path.startswith(AWAY):
            answer = self._leak(request)
        elif DEEDS[rule.mode].kept:
            answer = await self._answer(request, version, module, segments, text)
        else:
            answer = Answer()
        if rule.mode is Mode.OK:
            self._note(received, answer)
            return envelope(request, answer)
        self._note_spoilt(received, answer, rule)
        return await spoilt(request, answer, rule, self._settings.base_url)

    def _note_spoilt(self, received: Received, answer: Answer, rule: Rule) -> None:
        plain = unkept_answer(rule)
        if plain is not None:
            self._note(received, plain)
        elif rule.mode in (Mode.SILENT, Mode.LOST_REPLY, Mode.DROP):
            self._storage.note(received)
        elif DEEDS[rule.mode].kept:
            self._note(received, answer)
        else:
            redirected = rule.mode.value.startswith("redirect")
            self._storage.note(replace(received, http_status=307 if redirected else 200))

    def _note(self, received: Received, answer: Answer) -> None:
        self._storage.note(
            replace(
                received,
                http_status=answer.http_status,
                status_code=answer.status_code,
                errors=answer.errors,
            )
        )

    def _leak(self, request: web.Request) -> Answer:
        """Nothing secret may follow a redirect to another origin."""
        if "Authorization" in request.headers:
            return refused("Authorization: sent to another origin", http_status=403)
        return refused("this is another origin", http_status=403)

    def _address(self, request: web.Request) -> tuple[str, str, tuple[str, ...]]:
        """Version, module and the URL segments after its endpoint; a trailing slash is nothing."""
        parts = tuple(part for part in request.match_info["path"].split("/") if part)
        if parts == ("versions",):
            return "", "versions", ()
        if not parts or parts[0] not in self._settings.versions:
            return "", "unknown", parts
        if len(parts) == 1:
            return parts[0], "versions", ()
        module = "faults" if parts[1] == self._settings.faults_module else parts[1]
        return parts[0], module, parts[2:]

    async def _answer(
        self,
        request: web.Request,
        version: str,
        module: str,
        segments: tuple[str, ...],
        text: str,
    ) -> Answer:
        standing = await self._standing(request, module)
        refusal = self._refusal(request, standing, version, module, text)
        if standing is None or refusal is not None:
            return refusal or _unauthorised()
        optional = request.method in ("GET", "DELETE") or segments[-1:] == ("authorize",)
        try:
            body = None if optional and not text else _parsed(text)
        except (ValueError, RecursionError) as error:
            return refused(f"the body is not JSON: {error}", http_status=400)
        return await self._modules.answer(
            Request(
                method=request.method,
                version=version,
                module=module,
                segments=segments,
                query=request.query,
                body=body,
                standing=standing,
            )
        )

    async def _standing(self, request: web.Request, module: str) -> Standing | None:
        header = request.headers.get("Authorization")
        standing = self._agreements.standing(header)
        if standing is Standing.TRIAL and module not in _OPEN_TO_ALL:
            # It has answered our registration and writes at once: the answer is on its way.
            await self._registrar.settled()
            standing = self._agreements.standing(header)
        return standing

    def _refusal(
        self,
        request: web.Request,
        standing: Standing | None,
        version: str,
        module: str,
        text: str,
    ) -> Answer | None:
        if standing is None or (
            standing in (Standing.INITIAL, Standing.TRIAL) and module not in _OPEN_TO_ALL
        ):
            return _unauthorised()
        if module == "unknown":
            return refused("no such resource", http_status=404)
        errors = header_errors(request.headers, has_body=bool(text))
        if errors:
            return refused(*errors)
        agreed = self._agreements.current if standing is Standing.PARTNER else None
        if agreed is not None and module not in _OPEN_TO_ALL and version != agreed.version:
            return refused(f"{agreed.version} is agreed, not {version}")
        settings = self._settings
        known = settings.parties() if agreed or settings.hub_party_id else None
        return misrouted(
            request.headers,
            request.method,
            module,
            known,
            settings.hub_party_id,
            agreed.parties() if agreed is not None else None,
        )


def _unauthorised() -> Answer:
    problem = "Authorization: Token <base64 of the known token> is required"
    return refused(problem, status_code=2000, http_status=401)


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
