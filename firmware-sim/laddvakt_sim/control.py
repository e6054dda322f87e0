"""HTTP control API on loopback: plug, unplug, inject, look."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
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
from laddvakt_sim.fault_kinds import CONNECTORS, LINES
from laddvakt_sim.plant.words import VehicleSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.board import Board
    from laddvakt_sim.plant.connector import Connector

_ROUTES = (
    "GET /state",
    "POST /connectors/{n}/plug",
    "POST /connectors/{n}/unplug",
    "PATCH /connectors/{n}/vehicle",
    *FAULT_ROUTES,
)
_NUMBERS = {"phases": (1, 3), "max_current_a": (1, 80), "demand_wh": (1, 1e6), "stop_s": (0.05, 60)}


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
        return app

    async def _index(self, _request: web.Request) -> web.Response:
        body = {"routes": _ROUTES, "connectors": CONNECTORS, "lines": LINES}
        return web.json_response(body | {"faults": kinds_view(self._board.kinds)})

    async def _state(self, _request: web.Request) -> web.Response:
        board = self._board
        board.station.advance(now_s())
        connectors = {name: _view(c) for name, c in board.station.connectors.items()}
        body = {
            "now_s": board.station.now_s,
            "connectors": connectors,
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
        self._board.unplug(connector)
        return self._one(connector)

    async def _change(self, request: web.Request) -> web.Response:
        connector = _connector(request)
        vehicle = self._board.station.connectors[connector].vehicle
        if vehicle is None:
            raise BadRequestError(f"connector {connector} has no vehicle: plug one first")
        self._board.change(connector, _vehicle(await json_body(request), vehicle.spec))
        return self._one(connector)

    def _one(self, connector: str) -> web.Response:
        station = self._board.station
        body = {"now_s": station.now_s, **_view(station.connectors[connector])}
        return web.json_response(body)


def _connector(request: web.Request) -> str:
    name = request.match_info["connector"]
    if name not in CONNECTORS:
        raise BadRequestError(f"no connector {name!r}: allowed are {', '.join(CONNECTORS)}")
    return name


def _vehicle(body: Mapping[str, object], before: VehicleSpec) -> VehicleSpec:
    names = [field.name for field in fields(VehicleSpec)]
    if unknown := sorted(set(body) - set(names)):
        raise BadRequestError(f"unknown key {unknown[0]!r}: allowed are {', '.join(names)}")
    for key, value in body.items():
        _check_vehicle(key, value)
    return replace(before, **body)  # type: ignore[arg-type]  # every value was checked above


def _check_vehicle(key: str, value: object) -> None:
    if key not in _NUMBERS:
        if not isinstance(value, bool):
            raise BadRequestError(f"{key} = {value!r}: allowed are true and false")
        return
    if key == "demand_wh" and value is None:
        return
    least, most = _NUMBERS[key]
    kind = int if key == "phases" else (int, float)
    number = isinstance(value, kind) and not isinstance(value, bool)
    if not number or not least <= cast("float", value) <= most:
        raise BadRequestError(f"{key} = {value!r}: allowed is a number {least:g} to {most:g}")


def _view(connector: Connector) -> dict[str, object]:
    contactor, vehicle = connector.contactor, connector.vehicle
    return {
        "pilot": connector.pilot().value,
        "vehicle": None
        if vehicle is None
        else {**asdict(vehicle.spec), "energy_wh": vehicle.energy_wh, "full": vehicle.full},
        "pwm_on": connector.board.pwm_on,
        "offered_a": connector.board.offered_a,
        "contactor_closed": contactor.closed,
        "coil_commanded": connector.coil_commanded,
        "board_relay": connector.board.relay_closed,
        "current_a": connector.current_a(),
        "voltage_v": connector.voltage_v(),
        "power_w": connector.power_w(),
        "plant_energy_wh": connector.energy_wh,
        "meter_register_wh": connector.meter.shown.energy_wh,
        "opened_at_s": contactor.opened_at_s,
        "closed_at_s": contactor.closed_at_s,
        "closures": contactor.closures,
        "residual_dc_ma": connector.residual_ma()[0],
        "temperature_c": connector.temperature_c,
    }
