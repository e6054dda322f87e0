"""Actions as requests: to the agent's local API, or to the board's control API."""

from __future__ import annotations

from typing import TypeAlias
from urllib.parse import urlencode

from laddvakt_sim.scenario import model, wishes
from laddvakt_sim.scenario.real import grid
from laddvakt_sim.scenario.real.config import TOKEN_UID
from laddvakt_sim.scenario.real.peers import JsonObject

Request: TypeAlias = tuple[str, str, JsonObject | None]  # method, target, body


def to_agent(action: model.Action) -> Request | None:
    """The request to the agent, None for what is not its business."""
    match action:
        case model.Start():
            verb, body = "start", {"token": action.token or TOKEN_UID}
        case model.Stop():
            verb, body = "stop", {}
        case model.Reset():
            verb, body = "reset", {"by": action.by}
        case model.Service():
            verb, body = "in" if action.available else "out", {}
        case wishes.Maintenance():
            verb, body = "maintenance" if action.on else "normal", {}
        case wishes.Unlock():
            verb, body = "unlock", {}
        case _:
            return None
    return "POST", f"/connectors/{action.connector}/{verb}", body


def to_board(action: model.Action) -> tuple[Request, ...]:
    """The requests to the board, in this order; none for what is not its business."""
    match action:
        case model.Plug() | model.Change() | model.Unplug():
            return (_vehicle(action),)
        case model.Inject() | model.Clear():
            return (_fault(action),)
        case model.Grid() | model.Climate() | model.Site():
            return _surroundings(action)
        case _:
            return ()


def _vehicle(action: model.Plug | model.Change | model.Unplug) -> Request:
    at = f"/connectors/{action.connector}"
    match action:
        case model.Plug():
            return "POST", f"{at}/plug", action.words
        case model.Change():
            return "PATCH", f"{at}/vehicle", action.words
        case model.Unplug():
            return "POST", f"{at}/unplug", {}


def _fault(action: model.Inject | model.Clear) -> Request:
    if isinstance(action, model.Inject):
        return "POST", "/faults", action.body
    where = {"connector": action.connector, "line": action.line}
    query = urlencode({key: value for key, value in where.items() if value is not None})
    name = "" if action.name is None else f"/{action.name}"
    return "DELETE", f"/faults{name}?{query}", None


def _surroundings(action: model.Grid | model.Climate | model.Site) -> tuple[Request, ...]:
    match action:
        case model.Grid():
            changed = grid.values(action)
            itself: tuple[Request, ...] = (("PATCH", "/grid", changed),) if changed else ()
            return (*itself, *map(_fault, grid.steps(action)))
        case model.Climate():
            weather = {"ambient_c": action.ambient_c, "sun_w": action.sun_w}
            known = {key: value for key, value in weather.items() if value is not None}
            return (("PATCH", "/climate", known),)
        case model.Site():
            return (("PATCH", "/grid", {"house_a": list(action.current_a)}),)
