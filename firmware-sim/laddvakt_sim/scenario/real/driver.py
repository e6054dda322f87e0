"""Drives a real charger through a scenario: acts over HTTP, looks a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlencode

from laddvakt_sim.clock import now_s
from laddvakt_sim.scenario import model
from laddvakt_sim.scenario.judge import Observed
from laddvakt_sim.scenario.play import ActionError
from laddvakt_sim.scenario.real import grid
from laddvakt_sim.scenario.real.config import TOKEN_UID
from laddvakt_sim.scenario.real.look import Baseline, look
from laddvakt_sim.scenario.real.peers import JsonObject, Peer, RefusedError, SilentError

LOOK_S = 0.15  # between two looks; a look takes about 20 ms


class Scene(Protocol):
    """The processes, started here or by somebody else."""

    board: Peer
    agent: Peer
    backend: Peer | None

    def send_away(self, how: model.RestartAgent) -> None:
        """End the agent; it comes back as `how` says."""
        ...

    def tend(self) -> None:
        """Start what has to come back now."""
        ...


class RealDriver:
    """Scenario seconds are real seconds from the making of this object."""

    def __init__(self, scene: Scene, *, ocpi: bool) -> None:
        self._scene = scene
        self._backend = scene.backend if ocpi else None
        self._before = Baseline.of(look(scene.board, scene.agent, self._backend, 0.0, Baseline()))
        self._zero_s = now_s()

    def advance(self, to_s: float, see: Callable[[Observed], None]) -> None:
        """Look again and again until then, and once more at that time."""
        while self._at_s() < to_s:
            begun_s = self._at_s()
            see(self._look(begun_s))
            self._scene.tend()
            pause_s = min(begun_s + LOOK_S, to_s) - self._at_s()
            time.sleep(max(0.0, pause_s))
        see(self._look(to_s))

    def act(self, action: model.Action) -> str | None:
        """Do something now; the agent's words when it refused."""
        try:
            return self._act(action)
        except SilentError as error:
            raise ActionError(str(error)) from error

    def _at_s(self) -> float:
        return now_s() - self._zero_s

    def _look(self, at_s: float) -> Observed:
        scene = self._scene
        return look(scene.board, scene.agent, self._backend, at_s, self._before)

    def _act(self, action: model.Action) -> str | None:
        match action:
            case model.Start():
                return self._tell(action.connector, "start", token=action.token or TOKEN_UID)
            case model.Stop():
                return self._tell(action.connector, "stop")
            case model.Reset():
                return self._tell(action.connector, "reset", by=action.by)
            case model.Service():
                return self._tell(action.connector, "in" if action.available else "out")
            case model.RestartAgent():
                self._scene.send_away(action)
            case model.Grid():
                for step in grid.steps(action):
                    self._board(*_request(step))
            case _:
                self._board(*_request(action))
        return None

    def _tell(self, connector: str, verb: str, **body: str) -> str | None:
        try:
            self._scene.agent.ask("POST", f"/connectors/{connector}/{verb}", body)
        except RefusedError as refusal:
            return str(refusal)
        return None

    def _board(self, method: str, target: str, body: JsonObject | None) -> None:
        try:
            self._scene.board.ask(method, target, body)
        except RefusedError as refusal:
            raise ActionError(f"the board says: {refusal}") from refusal


def _request(action: model.Action) -> tuple[str, str, JsonObject | None]:
    """Method, target and body for the board's control API."""
    match action:
        case model.Plug():
            return "POST", f"/connectors/{action.connector}/plug", action.words
        case model.Change():
            return "PATCH", f"/connectors/{action.connector}/vehicle", action.words
        case model.Unplug():
            return "POST", f"/connectors/{action.connector}/unplug", {}
        case model.Inject():
            return "POST", "/faults", action.body
        case model.Clear():
            where = {"connector": action.connector, "line": action.line}
            query = urlencode({key: value for key, value in where.items() if value is not None})
            name = "" if action.name is None else f"/{action.name}"
            return "DELETE", f"/faults{name}?{query}", None
        case _:
            raise ActionError("the board cannot do this")
