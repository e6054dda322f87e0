"""The small words the demo's story is told with: do something, wait for something, look."""

from __future__ import annotations

from dataclasses import dataclass, field

from laddvakt_agent.demo.stage import JsonObject, RefusedError, Stage, now_s, wait_for
from laddvakt_agent.demo.view import View
from laddvakt_agent.demo.watch import Seen, objects_in, statuses

TOKEN_UID = "04A1B2C3D4E5F6"


@dataclass(slots=True, kw_only=True)
class Words:
    """A stage, somebody who looks, and what was seen."""

    stage: Stage
    view: View
    seen: Seen = field(default_factory=Seen)

    def until_state(self, connector: str, state: str) -> None:
        """Wait until the agent says so."""
        wait_for(f"connector {connector} {state}", 10, lambda: self.state(connector) == state)

    def until_full_current(self, connector: str) -> None:
        """Wait for more than 15 A."""
        wait_for(f"full current at {connector}", 15, lambda: self.amps(connector) > 15)

    def until_closed_for(self, connector: str, seconds: float) -> None:
        """Wait until the contactor has been closed for so long."""
        closed_s = self.number(connector, "closed_at_s")
        wait_for(f"{seconds} s closed", seconds + 5, lambda: now_s() > closed_s + seconds)

    def note(self, name: str, value: float) -> None:
        """Keep a figure for the checks."""
        self.seen.times[name] = value

    def wait_seconds(self, seconds: float) -> None:
        """Let time pass."""
        until_s = now_s() + seconds
        wait_for(f"{seconds} s", seconds + 5, lambda: now_s() >= until_s)

    def board(self, method: str, target: str, **body: bool | float | str | None) -> JsonObject:
        """Ask the simulated charger something."""
        return self.stage.board.ask(method, target, dict(body))

    def fault(self, name: str, **parameters: bool | float | str) -> float:
        """Inject a fault; when it was."""
        answer = self.board("POST", "/faults", name=name, **parameters)
        return float(str(answer["injected_at_s"]))

    def clear(self, name: str) -> None:
        """End an injected fault."""
        self.stage.board.ask("DELETE", f"/faults/{name}")

    def start_session(self, connector: str) -> None:
        """Authorise, as somebody with a card would."""
        self.stage.agent.ask("POST", f"/connectors/{connector}/start", {"token": TOKEN_UID})

    def try_to_start(self, connector: str) -> int:
        """Authorise; the HTTP status of the agent's answer."""
        try:
            self.start_session(connector)
        except RefusedError as refusal:
            return refusal.status
        return 200

    def reset_here(self, connector: str) -> bool:
        """A person at the charger acknowledges; whether the agent takes it."""
        try:
            self.stage.agent.ask("POST", f"/connectors/{connector}/reset", {"by": "local"})
        except RefusedError:
            return False
        return True

    def truth(self, connector: str) -> JsonObject:
        """What the plant knows of a connector."""
        connectors = self.stage.board.ask("GET", "/state")["connectors"]
        found = connectors.get(connector) if isinstance(connectors, dict) else None
        return found if isinstance(found, dict) else {}

    def closed(self, connector: str) -> bool:
        """Whether current can flow, whatever the agent believes."""
        return self.truth(connector)["contactor_closed"] is True

    def number(self, connector: str, name: str) -> float:
        """One of the plant's numbers."""
        return float(str(self.truth(connector)[name]))

    def amps(self, connector: str) -> float:
        """The current of the strongest phase."""
        phases = self.truth(connector)["current_a"]
        return max(float(str(a)) for a in phases) if isinstance(phases, list) else 0.0

    def agent(self, connector: str) -> JsonObject:
        """The agent's word of a connector."""
        for part in objects_in(self.stage.agent.ask("GET", "/status"), "connectors"):
            if part.get("id") == connector:
                return part
        return {}

    def state(self, connector: str) -> str:
        """The agent's word of its state."""
        return str(self.agent(connector).get("state"))

    def history(self, connector: str) -> list[JsonObject]:
        """The connector's latest changes."""
        return objects_in(self.agent(connector), "history")

    def has_fault(self, connector: str, code: str) -> bool:
        """Whether the agent says so."""
        faults = self.agent(connector).get("faults")
        return isinstance(faults, list) and code in faults

    def rejected(self, line: str) -> float:
        """Frames and characters on a line that were taken for no reply."""
        status = self.stage.agent.ask("GET", "/status")
        late = [part["late"] for part in objects_in(status, "lines") if part["name"] == line]
        counted = [
            stats[kind]
            for part in objects_in(status, "devices")
            if part["line"] == line and isinstance(stats := part["stats"], dict)
            for kind in ("crc", "short", "wrong_reply")
        ]
        return sum(float(str(count)) for count in (*late, *counted))

    def received(self, module: str) -> list[JsonObject]:
        """What the backend received for one module."""
        answer = self.stage.backend.ask("GET", "/received?since=0")
        return [part for part in objects_in(answer, "requests") if part.get("module") == module]

    def last_status(self, evse_uid: str) -> str:
        """What the backend last heard of an EVSE, "" for nothing."""
        return next(
            (status for _, status in reversed(statuses(self.received("locations"), evse_uid))), ""
        )
