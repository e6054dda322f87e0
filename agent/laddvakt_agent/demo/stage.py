"""Starts and ends the demo's processes and asks them things; no process outlives the demo."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import cast

from laddvakt_agent.cli.client import Json, JsonObject, UnixConnection

START_TIMEOUT_S = 20.0
TIMEOUT_S = 5.0
TOKEN = "demo-token-of-no-value"


__all__ = [
    "Json",
    "JsonObject",
    "Peer",
    "RefusedError",
    "Stage",
    "StageError",
    "now_s",
    "stage",
    "wait_for",
]


class StageError(Exception):
    """A process of the demo did not come up or answer; the message shows its last words."""


class RefusedError(StageError):
    """The other side answered, and said no."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def now_s() -> float:
    """CLOCK_BOOTTIME: the clock simulator and agent stamp with."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def wait_for(
    what: str, timeout_s: float, ready: Callable[[], bool], every_s: float = 0.05
) -> float:
    """Poll until `ready`; the time it took.

    Raises:
        StageError: it did not happen within `timeout_s`.
    """
    begun_s = now_s()
    while not ready():
        if now_s() - begun_s > timeout_s:
            raise StageError(f"waited {timeout_s:g} s in vain for: {what}")
        time.sleep(every_s)
    return now_s() - begun_s


@dataclass(slots=True, kw_only=True)
class Peer:
    """Something that answers HTTP with JSON, over TCP or a Unix socket."""

    url: str = ""
    socket_path: Path | None = None

    def ask(self, method: str, target: str, body: JsonObject | None = None) -> JsonObject:
        """One request.

        Raises:
            StageError: no answer.
            RefusedError: one that says no.
        """
        connection = self._connection()
        try:
            connection.connect()
            payload = None if body is None else json.dumps(body)
            connection.request(method, target, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = cast("Json", json.loads(response.read() or b"{}"))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StageError(f"{method} {target}: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            said = f"{method} {target}: HTTP {response.status} {answer}"
            raise RefusedError(said, response.status)
        return answer if isinstance(answer, dict) else {"answer": answer}

    def _connection(self) -> http.client.HTTPConnection:
        if self.socket_path is not None:
            return UnixConnection(self.socket_path, TIMEOUT_S)
        parts = urllib.parse.urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


@dataclass(slots=True, kw_only=True)
class Stage:
    """The three processes and where they are."""

    directory: Path
    board: Peer = field(default_factory=Peer)
    backend: Peer = field(default_factory=Peer)
    agent: Peer = field(default_factory=Peer)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    endpoints: dict[str, str] = field(default_factory=dict)
    layout: JsonObject = field(default_factory=dict)
    backend_port: int = 0

    def start_board(self) -> None:
        """The simulated charger: two lines, one TCP device, a control API."""
        home = self.directory / "board"
        self._spawn("board", "laddvakt_sim", "board", "--dir", str(home), "--exit-with-stdin")
        self.layout = self._announced("board", home / "board.json")
        self.board.url = str(self.layout["control_url"])

    def start_backend(self) -> None:
        """The OCPI receiver; started again it takes its old port and database."""
        home = self.directory / "backend"
        announced = home / "backend.json"
        announced.unlink(missing_ok=True)
        port = ["--port", str(self.backend_port)] if self.backend_port else []
        self._spawn(
            "backend", "laddvakt_sim", "backend", "--dir", str(home), "--token", TOKEN,
            "--exit-with-stdin", *port,
        )  # fmt: skip
        found = self._announced("backend", announced)
        self.backend.url = str(found["url"])
        self.backend_port = urllib.parse.urlsplit(self.backend.url).port or 0
        endpoints = found["endpoints"]
        if isinstance(endpoints, dict):
            self.endpoints = {key: str(url) for key, url in endpoints.items()}

    def start_agent(self, template: str) -> float:
        """The agent itself, as a service would run; the time to its first answer."""
        config = self.directory / "laddvakt.toml"
        config.write_text(Template(template).substitute(self._places()), encoding="utf-8")
        (self.directory / "token").write_text(TOKEN, encoding="utf-8")
        (self.directory / "token").chmod(0o600)
        self.agent.socket_path = self.directory / "api.sock"
        begun_s = now_s()
        self._spawn("agent", "laddvakt_agent", "run", "--config", str(config))
        self._wait_alive("agent", self._agent_ready)
        return now_s() - begun_s

    def kill(self, name: str, number: signal.Signals) -> float:
        """Send a signal to one process and reap it; when it was sent."""
        process = self.processes[name]
        sent_s = now_s()
        process.send_signal(number)
        if process.stdin:
            process.stdin.close()
        process.wait(timeout=20)
        del self.processes[name]
        return sent_s

    def log_text(self, name: str) -> str:
        """Everything a process has printed so far."""
        path = self.directory / f"{name}.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def end(self) -> None:
        """End every process that still runs, the agent first so that it can open cleanly."""
        for name in ("agent", "backend", "board"):
            if name in self.processes:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.kill(name, signal.SIGTERM)
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _spawn(self, name: str, module: str, *args: str) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / f"{name}.log").open("ab") as output:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *args],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def _announced(self, name: str, path: Path) -> JsonObject:
        self._wait_alive(name, path.exists)
        found = cast("Json", json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(found, dict):
            raise StageError(f"{name}: {path} holds no object")
        return found

    def _wait_alive(self, name: str, ready: Callable[[], bool]) -> None:
        def check() -> bool:
            if self.processes[name].poll() is not None:
                words = "\n".join(self.log_text(name).splitlines()[-15:])
                raise StageError(f"{name} ended before it was ready:\n{words}")
            return ready()

        wait_for(f"{name} to be ready", START_TIMEOUT_S, check)

    def _agent_ready(self) -> bool:
        try:
            return self.agent.ask("GET", "/status").get("ready") is True
        except StageError:
            return False

    def _places(self) -> dict[str, str]:
        lines, tcp = self.layout["lines"], self.layout["tcp"]
        if not isinstance(lines, dict) or not isinstance(tcp, dict):
            raise StageError("the board announced no lines")
        places = {"dir": str(self.directory), **self.endpoints}
        for name, line in lines.items():
            if isinstance(line, dict):
                places[name] = str(line["port"])
        for name, peer in tcp.items():
            if isinstance(peer, dict):
                places |= {f"{name}_host": str(peer["host"]), f"{name}_port": str(peer["port"])}
        return places


@contextlib.contextmanager
def stage(directory: Path) -> Iterator[Stage]:
    """A stage that is cleared whatever happens on it."""
    built = Stage(directory=directory)
    try:
        yield built
    finally:
        built.end()
