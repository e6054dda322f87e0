"""HTTP control API on loopback: plug, unplug, inject, look."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from laddvakt_sim.card_reader import CardError
from laddvakt_sim.charger import LockedError
from laddvakt_sim.clock import now_s
from laddvakt_sim.control_parts import (
    FAULT_ROUTES,
    BadRequestError,
    fault_view,
    json_body,
    kinds_view,
    rig_app,
)
from laddvakt_sim.control_views import connector_view, site_view
from laddvakt_sim.fault_kinds import CONNECTORS, LINES
from laddvakt_sim.plant.spec_words import climate_spec, grid_spec, spec_json, vehicle_spec
from laddvakt_sim.plant.words import ClimateSpec, GridSpec, VehicleSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from laddvakt_sim.board import Board

_ROUTES = (
    "GET /state",
    "POST /connectors/{n}/plug",
    "POST /connectors/{n}/unplug",
    "PATCH /connectors/{n}/vehicle",
    "PATCH /grid",
    "PATCH /climate",
    "POST /reader/card",
    "PATCH /reader",
    *FAULT_ROUTES,
)

_Spec = TypeVar("_Spec", VehicleSpec, GridSpec, ClimateSpec)


class Control:
    """The routes over one board."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def app(self) -> web.Application:
        """Build the web application."""
        app = rig_app(self._board)
        app.router.add_get("/", self._index)
        app.router.add_get("/state", self._state)
        app.router.add_post("/connectors/{connector}/plug", self._plug)
        app.router.add_post("/connectors/{connector}/unplug", self._unplug)
        app.router.add_patch("/connectors/{connector}/vehicle", self._change)
        app.router.add_patch("/grid", self._grid)
        app.router.add_patch("/climate", self._climate)
        app.router.add_post("/reader/card", self._card)
        app.router.add_patch("/reader", self._reader)
        return app

    async def _index(self, _request: web.Request) -> web.Response:
        body = {"routes": _ROUTES, "connectors": CONNECTORS, "lines": LINES}
        return web.json_response(body | {"faults": kinds_view(self._board.kinds)})

    async def _state(self, _request: web.Request) -> web.Response:
        board = self._board
        board.catch_up()
        station = board.station
        body = {
            "now_s": station.now_s,
            "speed": board.speed,
            "connectors": {name: connector_view(c) for name, c in station.connectors.items()},
            "grid": spec_json(station.grid),
            "climate": spec_json(station.climate),
            "site": site_view(station),
            "faults": [fault_view(board, fault) for fault in board.faults],
            "lines": board.trace.counts,
        }
        return web.json_response(body)

    async def _plug(self, request: web.Request) -> web.Response:
        connector = _connector(request)
        spec = _vehicle(await json_body(request), VehicleSpec())
        if self._board.station.connectors[connector].vehicle is not None:
            raise BadRequestError(f"connector {connector} has a vehicle: unplug it first")
        self._board.plug(connector, spec)
        return self._one(connector)

    async def _unplug(self, request: web.Request) -> web.Response:
        connector = _connector(request)
        force = (await json_body(request)).get("force", False)
        if not isinstance(force, bool):
            raise BadRequestError(f"force = {force!r}: allowed are true and false")
        try:
            self._board.unplug(connector, force=force)
        except LockedError as error:
            raise BadRequestError(str(error)) from error
        return self._one(connector)

    async def _change(self, request: web.Request) -> web.Response:
        connector = _connector(request)
        vehicle = self._board.station.connectors[connector].vehicle
        if vehicle is None:
            raise BadRequestError(f"connector {connector} has no vehicle: plug one first")
        self._board.change(connector, _vehicle(await json_body(request), vehicle.spec))
        return self._one(connector)

    async def _grid(self, request: web.Request) -> web.Response:
        body, before = await json_body(request), self._board.station.grid
        grid = _spec(lambda: grid_spec(body, before))
        self._board.set_grid(grid)
        return web.json_response(spec_json(grid))

    async def _climate(self, request: web.Request) -> web.Response:
        body, before = await json_body(request), self._board.station.climate
        climate = _spec(lambda: climate_spec(body, before))
        self._board.set_climate(climate)
        return web.json_response(spec_json(climate))

    async def _card(self, request: web.Request) -> web.Response:
        """Hold a card to the reader: `uid`, `format`, and how many `times` it is told."""
        body = await json_body(request)
        times = body.get("times", 1)
        if not isinstance(times, int) or not 1 <= times <= 100:
            raise BadRequestError(f"times = {times!r}: allowed is a whole number 1 to 100")
        try:
            self._board.reader.hold(
                str(body.get("uid", "")), str(body.get("format", "uid-line")), times
            )
        except CardError as error:
            raise BadRequestError(str(error)) from error
        return self._reader_view()

    async def _reader(self, request: web.Request) -> web.Response:
        """Pull the reader's cable with `there`: false, plug it in again, or let it babble."""
        body, reader = await json_body(request), self._board.reader
        there, babble = body.get("there"), body.get("babble")
        if there is not None:
            reader.plug_in() if there else reader.pull_out()
        try:
            if babble is not None:
                reader.babble(str(babble))
        except CardError as error:
            raise BadRequestError(str(error)) from error
        return self._reader_view()

    def _reader_view(self) -> web.Response:
        reader = self._board.reader
        body = {"now_s": now_s(), "there": reader.there, "presented": reader.presented}
        return web.json_response(body)

    def _one(self, connector: str) -> web.Response:
        station = self._board.station
        body = {"now_s": station.now_s, **connector_view(station.connectors[connector])}
        return web.json_response(body)


def _connector(request: web.Request) -> str:
    name = request.match_info["connector"]
    if name not in CONNECTORS:
        raise BadRequestError(f"no connector {name!r}: allowed are {', '.join(CONNECTORS)}")
    return name


def _spec(change: Callable[[], _Spec]) -> _Spec:
    try:
        return change()
    except ValueError as error:
        raise BadRequestError(str(error)) from error


def _vehicle(body: Mapping[str, object], before: VehicleSpec) -> VehicleSpec:
    return _spec(lambda: vehicle_spec(body, before))
