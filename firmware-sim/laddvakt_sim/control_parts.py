"""What every control API over HTTP has: faults, the trace, errors as sentences."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from aiohttp import web

from laddvakt_sim.clock import now_s
from laddvakt_sim.fault_kinds import CONNECTORS
from laddvakt_sim.faults import Fault, FaultError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from laddvakt_sim.fault_kinds import Kind
    from laddvakt_sim.rig import Rig

FAULT_ROUTES = (
    "GET /faults",
    "POST /faults",
    "DELETE /faults/{name}?connector=&line=",
    "DELETE /faults",
    "GET /trace?line=&since=&limit=",
)
_MOST_FRAMES = 40_000


class BadRequestError(Exception):
    """The request cannot be carried out; the message says what is allowed."""


def rig_app(rig: Rig) -> web.Application:
    """A web application with the routes for faults and trace."""
    app = web.Application(middlewares=[_plain_errors])
    routes = _Routes(rig)
    app.router.add_get("/faults", routes.list)
    app.router.add_post("/faults", routes.inject)
    app.router.add_delete("/faults", routes.clear)
    app.router.add_delete("/faults/{name}", routes.clear)
    app.router.add_get("/trace", routes.trace)
    return app


class _Routes:
    def __init__(self, rig: Rig) -> None:
        self._rig = rig

    async def list(self, _request: web.Request) -> web.Response:
        rig = self._rig
        return web.json_response({"faults": [fault_view(rig, fault) for fault in rig.faults]})

    async def inject(self, request: web.Request) -> web.Response:
        fault = await self._rig.inject(await json_body(request))
        return web.json_response(fault_view(self._rig, fault))

    async def clear(self, request: web.Request) -> web.Response:
        name = request.match_info.get("name")
        kinds = self._rig.kinds
        if name is not None and name not in kinds:
            raise BadRequestError(f"unknown fault {name!r}: allowed are {', '.join(kinds)}")
        connector = request.query.get("connector")
        if connector not in (None, *CONNECTORS):
            raise BadRequestError(f"connector = {connector!r}: allowed are {', '.join(CONNECTORS)}")
        cleared = await self._rig.clear(name, connector, self._line(request))
        return web.json_response({"cleared": cleared, "cleared_at_s": now_s()})

    async def trace(self, request: web.Request) -> web.Response:
        since = query_number(request, "since", 1, 0)
        limit = min(query_number(request, "limit", 1000, 1), _MOST_FRAMES)
        line = self._line(request)
        frames, following = self._rig.trace.since(since, line=line, limit=limit)
        text = f'{{"frames": [{", ".join(frames)}], "next": {following}}}'
        return web.Response(text=text, content_type="application/json")

    def _line(self, request: web.Request) -> str | None:
        line = request.query.get("line")
        if line not in (None, *self._rig.lines):
            raise BadRequestError(f"line = {line!r}: allowed are {', '.join(self._rig.lines)}")
        return line


def kinds_view(kinds: Mapping[str, Kind]) -> dict[str, object]:
    """Every fault that can be injected, as JSON."""
    return {name: _kind_view(kind) for name, kind in kinds.items()}


def fault_view(rig: Rig, fault: Fault) -> dict[str, object]:
    """An injected fault as JSON; one that strikes frames says how many of how many it struck."""
    view: dict[str, object] = {"name": fault.name, "connector": fault.connector}
    view |= {**fault.parameters, "injected_at_s": fault.injected_at_s}
    trigger = rig.struck(fault)
    return view if trigger is None else view | {"seen": trigger.seen, "struck": trigger.hits}


async def json_body(request: web.Request) -> Mapping[str, object]:
    """The request's JSON object, empty when there is none.

    Raises:
        BadRequestError: it is something else.
    """
    text = await request.text()
    if not text.strip():
        return {}
    try:
        body = json.loads(text)
    except ValueError as error:
        raise BadRequestError(f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return cast("Mapping[str, object]", body)


def query_number(request: web.Request, name: str, default: int, least: int) -> int:
    """A whole number of the query.

    Raises:
        BadRequestError: it is not one, or too small.
    """
    raw = request.query.get(name, str(default))
    if not raw.isdecimal() or not least <= int(raw):
        raise BadRequestError(f"{name} = {raw!r}: allowed is a whole number from {least}")
    return int(raw)


@web.middleware
async def _plain_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except (BadRequestError, FaultError) as error:
        return web.json_response({"error": str(error)}, status=400)


def _kind_view(kind: Kind) -> dict[str, object]:
    view: dict[str, object] = {"about": kind.about, "connector": kind.target.value}
    view["parameters"] = {
        key: {"allowed": parameter.allowed(), "default": parameter.default}
        for key, parameter in kind.parameters.items()
    }
    return view | {"one_of": kind.one_of} if kind.one_of else view
