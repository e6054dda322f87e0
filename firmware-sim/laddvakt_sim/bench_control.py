"""HTTP control API of a bench on loopback: look at devices, set what they measure, inject."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from aiohttp import web

from laddvakt_sim.clock import now_s
from laddvakt_sim.control_parts import (
    FAULT_ROUTES,
    BadRequestError,
    fault_view,
    json_body,
    kinds_view,
    rig_app,
)
from laddvakt_sim.layout_checks import is_finite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.bench import Bench
    from laddvakt_sim.layout import Value

_ROUTES = ("GET /state", "GET /devices/{name}", "PATCH /devices/{name}", *FAULT_ROUTES)


class BenchControl:
    """The routes over one bench."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def app(self) -> web.Application:
        """Build the web application."""
        app = rig_app(self._bench)
        app.router.add_get("/", self._index)
        app.router.add_get("/state", self._state)
        app.router.add_get("/devices/{name}", self._look)
        app.router.add_patch("/devices/{name}", self._change)
        return app

    async def _index(self, _request: web.Request) -> web.Response:
        bench = self._bench
        devices = {name: {"settable": d.settable()} for name, d in bench.world.devices.items()}
        body = {"routes": _ROUTES, "lines": bench.lines, "devices": devices}
        return web.json_response(body | {"faults": kinds_view(bench.kinds)})

    async def _state(self, _request: web.Request) -> web.Response:
        bench = self._bench
        bench.world.advance(now_s())
        body = {
            "now_s": bench.world.now_s,
            "devices": {name: bench.view(name) for name in bench.world.devices},
            "faults": [fault_view(bench, fault) for fault in bench.faults],
            "lines": bench.trace.counts,
        }
        return web.json_response(body)

    async def _look(self, request: web.Request) -> web.Response:
        self._bench.world.advance(now_s())
        return self._one(self._name(request))

    async def _change(self, request: web.Request) -> web.Response:
        name = self._name(request)
        values = _checked(await json_body(request))
        try:
            self._bench.set(name, values)
        except ValueError as error:
            raise BadRequestError(str(error)) from error
        return self._one(name)

    def _one(self, name: str) -> web.Response:
        return web.json_response({"now_s": self._bench.world.now_s, **self._bench.view(name)})

    def _name(self, request: web.Request) -> str:
        name = request.match_info["name"]
        devices = self._bench.world.devices
        if name not in devices:
            raise BadRequestError(f"no device {name!r}: allowed are {', '.join(devices)}")
        return name


def _checked(body: Mapping[str, object]) -> Mapping[str, Value]:
    for key, value in body.items():
        if not isinstance(value, int | float | str) or not is_finite(value):
            raise BadRequestError(f"{key} = {value!r}: allowed are a number, true, false or text")
    return cast("Mapping[str, Value]", body)
