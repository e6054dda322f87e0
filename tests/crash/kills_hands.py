"""What a round of the kill campaign does and looks at, with one ear on whether the agent lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from crash.kills_truth import Plant, Snapshot, snapshot
from laddvakt_agent.demo.play import template
from laddvakt_agent.demo.stage import Json, JsonObject, RefusedError, Stage, StageError, now_s


class Killed(Exception):
    """The agent died as it should."""


@dataclass(kw_only=True)
class Hands:
    """Acts on a stage; whatever it does raises `Killed` once the agent has been killed."""

    stage: Stage
    plant: Plant
    steps: list[str] = field(default_factory=list)
    killed_s: float = 0.0  # the last SIGKILL, until the next start

    def ledger(self) -> Snapshot:
        """The ledger now."""
        return snapshot(self.stage.directory / "state" / "ledger.db")

    def check(self) -> None:
        """Notice a death.

        Raises:
            Killed: it was killed.
            StageError: it has ended by itself.
        """
        process = self.stage.processes.get("agent")
        if self.killed_s:
            if process is not None:
                process.wait(timeout=30)
            raise Killed
        if process is None or process.poll() is not None:
            code = None if process is None else process.poll()
            raise StageError(f"the agent ended by itself with {code}")

    def start(self) -> None:
        """The agent; a busy machine may take longer than the demo grants.

        Raises:
            Killed: it was killed on the way.
            StageError: it does not come up.
        """
        try:
            self.stage.start_agent(template())
        except StageError:
            self.check()
            self.wait("ready", 60, lambda: self.ask("/status", None).get("ready") is True)
        self.check()

    def ask(self, target: str, body: JsonObject | None) -> JsonObject:
        """Ask the agent; one on a busy machine is asked three times."""
        method = "GET" if body is None else "POST"
        for patience in (2, 1, 0):
            try:
                return self.stage.agent.ask(method, target, body)
            except RefusedError:
                raise
            except StageError:
                time.sleep(0.05)  # a dying process may still hold its socket
                self.check()
                if not patience:
                    raise
        raise AssertionError

    def board(self, target: str, body: JsonObject) -> None:
        self.check()
        self.stage.board.ask("POST", target, body)

    def state(self, name: str) -> Json:
        parts = self.ask("/status", None)["connectors"]
        found = [p for p in parts if isinstance(p, dict) and p["id"] == name]  # type: ignore[union-attr]  # a list, or the agent is broken
        return found[0]["state"]

    def faults(self) -> list[JsonObject]:
        parts = self.ask("/status", None)["faults"]
        return [p for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []

    def closed(self, name: str) -> bool:
        return self.plant.note()[name]["contactor_closed"] is True

    def billed(self) -> bool:
        """Every session has its CDR, here and at the backend."""
        ledger = self.ledger()
        billed = {row["session_id"] for row in ledger.of("cdrs")}
        if not all(row["id"] in billed for row in ledger.of("sessions")):
            return False
        cdrs = self.stage.backend.ask("GET", "/objects")["cdrs"]
        return isinstance(cdrs, list) and len(cdrs) >= len(billed)

    def wait(
        self, what: str, timeout_s: float, ready: Callable[[], bool], every_s: float = 0.1
    ) -> None:
        self.step(f"wait: {what}")
        until_s = now_s() + timeout_s
        while not ready():
            self.check()
            if now_s() > until_s:
                raise StageError(f"waited {timeout_s:g} s in vain for: {what}")
            time.sleep(every_s)
        self.check()

    def pause(self, seconds: float) -> None:
        until_s = now_s() + seconds
        while now_s() < until_s:
            self.check()
            time.sleep(0.02)
        self.check()

    def step(self, text: str) -> None:
        self.steps.append(f"{now_s():.3f} {text}")
