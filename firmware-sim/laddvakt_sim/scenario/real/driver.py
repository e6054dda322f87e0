"""Drives a real charger through a scenario: acts over HTTP, looks a few times a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from laddvakt_sim.clock import now_s
from laddvakt_sim.scenario import model
from laddvakt_sim.scenario.judge import Observed
from laddvakt_sim.scenario.play import ActionError
from laddvakt_sim.scenario.real.look import Baseline, look
from laddvakt_sim.scenario.real.peers import JsonObject, Peer, RefusedError, SilentError
from laddvakt_sim.scenario.real.requests import to_agent, to_board

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
        self._before = Baseline.taken(scene.board, scene.agent, self._backend)
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
        if isinstance(action, model.RestartAgent):
            self._scene.send_away(action)
        if (request := to_agent(action)) is not None:
            return self._tell(*request)
        for method, target, body in to_board(action):
            try:
                self._scene.board.ask(method, target, body)
            except RefusedError as refusal:
                raise ActionError(f"the board says: {refusal}") from refusal
        return None

    def _tell(self, method: str, target: str, body: JsonObject | None) -> str | None:
        try:
            self._scene.agent.ask(method, target, body)
        except RefusedError as refusal:
            return str(refusal)
        return None
