"""The processes a scenario is played with: simulated board and backend, and a real agent."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import cast

from laddvakt_sim.clock import now_s
from laddvakt_sim.plant.words import ClimateSpec
from laddvakt_sim.scenario.model import Charger, RestartAgent
from laddvakt_sim.scenario.real.config import Places, configuration
from laddvakt_sim.scenario.real.peers import (
    JsonObject,
    Peer,
    RefusedError,
    SilentError,
    inner,
    number,
    text,
)
from laddvakt_sim.scenario.real.processes import Process

START_S = 30.0  # on a machine busy with much else; usually under 2 s
_LOOK_S = 0.05
SOCKET_PATH_BYTES = 107  # what Linux's sockaddr_un holds, its end not counted


class StageError(Exception):
    """Something could not be started; the message says what, and its last words."""


class Stage:
    """The three processes, in a folder."""

    def __init__(self, directory: Path, agent_command: Path) -> None:
        self._directory = directory
        self._agent_command = agent_command
        self._processes: dict[str, Process] = {}
        self._back_s: float | None = None  # when an agent sent away comes back
        self.board = Peer(name="the board")
        self.agent = Peer(name="the agent", socket_path=directory / "api.sock")
        self.backend: Peer | None = None

    def start(self, charger: Charger) -> None:
        """Start all of them and wait until the agent has read everything once.

        Raises:
            StageError: one of them did not come up.
        """
        self._check_socket()
        board = self._start_board(charger.climate)
        backend = self._start_backend()
        places = self._places(board, backend)
        (self._directory / "laddvakt.toml").write_text(
            configuration(charger, places), encoding="utf-8"
        )
        command = [str(self._agent_command), "run"]
        self._spawn("agent", [*command, "--config", str(self._directory / "laddvakt.toml")])
        self._wait("agent", self._agent_ready)

    def _check_socket(self) -> None:
        path = self.agent.socket_path
        if path is not None and len(os.fsencode(path)) > SOCKET_PATH_BYTES:
            raise StageError(
                f"{path} is too long a name for the agent's socket: a socket's has at most "
                f"{SOCKET_PATH_BYTES} bytes; name a shorter folder with --keep, or in TMPDIR"
            )

    def send_away(self, how: RestartAgent) -> None:
        """End the agent now; `tend` starts it again."""
        self._back_s = now_s() + how.away_s
        self._processes["agent"].send(signal.SIGKILL if how.kill else signal.SIGTERM)

    def tend(self) -> None:
        """Start an agent that was sent away once it is gone and its time has come."""
        agent = self._processes.get("agent")
        if agent is None or self._back_s is None or now_s() < self._back_s:
            return
        if agent.code is not None:
            self._back_s = None
            agent.end()
            agent.start()

    def trouble(self) -> list[str]:
        """A sentence for each process that ended without being told to."""
        return [
            f"{process.name} ended by itself with code {process.code}: {process.words()}"
            for process in self._processes.values()
            if process.code is not None and not (process.name == "agent" and self._back_s)
        ]

    def end(self) -> None:
        """End everything, the agent first so that it can open cleanly."""
        for process in reversed(self._processes.values()):
            process.end()

    def _start_board(self, climate: ClimateSpec) -> JsonObject:
        home = self._directory / "board"
        self._spawn_sim("board", "--dir", str(home))
        found = self._announced("board", home / "board.json")
        self.board = Peer(name="the board", url=str(found.get("control_url")))
        self.board.ask("PATCH", "/climate", asdict(climate))
        return found

    def _start_backend(self) -> JsonObject:
        home, token = self._directory / "backend", secrets.token_hex(16)
        secret = self._directory / "token"
        secret.touch(mode=0o600)
        secret.write_text(token, encoding="utf-8")
        self._spawn_sim("backend", "--dir", str(home), "--token", token)
        found = self._announced("backend", home / "backend.json")
        self.backend = Peer(name="the backend", url=str(found.get("url")))
        return found

    def _places(self, board: JsonObject, backend: JsonObject) -> Places:
        lines, tcp1 = inner(board, "lines"), inner(inner(board, "tcp"), "tcp1")
        endpoints = inner(backend, "endpoints")
        return Places(
            directory=self._directory,
            line1=str(text(inner(lines, "line1"), "port")),
            line2=str(text(inner(lines, "line2"), "port")),
            tcp1_host=str(text(tcp1, "host")),
            tcp1_port=int(number(tcp1, "port") or 0),
            endpoints={name: str(url) for name, url in endpoints.items()},
        )

    def _spawn_sim(self, what: str, *args: str) -> None:
        command = [sys.executable, "-m", "laddvakt_sim", what, *args, "--exit-with-stdin"]
        self._spawn(what, command)

    def _spawn(self, name: str, command: list[str]) -> None:
        process = Process(name, command, self._directory)
        try:
            process.start()
        except OSError as error:
            raise StageError(f"{command[0]} cannot be run: {error.strerror}") from error
        self._processes[name] = process

    def _announced(self, name: str, path: Path) -> JsonObject:
        self._wait(name, path.exists)
        return cast("JsonObject", json.loads(path.read_text(encoding="utf-8")))

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        process, until_s = self._processes[name], now_s() + START_S
        while not ready():
            if process.code is not None:
                raise StageError(f"the {name} ended before it was ready:\n{process.words()}")
            if now_s() > until_s:
                raise StageError(f"the {name} was not ready in {START_S:g} s:\n{process.words()}")
            time.sleep(_LOOK_S)

    def _agent_ready(self) -> bool:
        try:
            return self.agent.ask("GET", "/status").get("ready") is True
        except (SilentError, RefusedError):
            return False
