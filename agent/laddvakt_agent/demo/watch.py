"""What is noted while the demo runs: the agent's status five times a second, times, traffic."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from laddvakt_agent.demo.stage import JsonObject, Stage, StageError
from laddvakt_agent.demo.view import View

WATCH_EVERY_S = 0.2


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was noted while the story ran; times are boot seconds."""

    times: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    statuses: list[JsonObject] = field(default_factory=list)  # of the agent, five a second
    trace: list[JsonObject] = field(default_factory=list)  # every frame on every line
    received: list[JsonObject] = field(default_factory=list)  # every request at the backend
    noise_changes: int = 0


@dataclass(slots=True, kw_only=True)
class Watcher:
    """Asks the agent for its status all the while, as a person at the screen would."""

    stage: Stage
    seen: Seen
    view: View
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin watching in a thread of its own."""
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(WATCH_EVERY_S):
            try:
                status = self.stage.agent.ask("GET", "/status")
            except StageError:
                continue  # the agent is being killed: that is part of the story
            self.seen.statuses.append(status)
            self.view.show(status)


def statuses(requests: list[JsonObject], evse_uid: str) -> list[tuple[float, str]]:
    """Every status of one EVSE the backend accepted, with when it came, in order."""
    found: list[tuple[float, str]] = []
    for request in requests:
        body = request.get("body")
        if not isinstance(body, dict) or request.get("status_code") != 1000:
            continue
        at_s = float(str(request["at_s"]))
        if str(request.get("path", "")).endswith(f"/{evse_uid}") and "status" in body:
            found.append((at_s, str(body["status"])))
        for evse in objects_in(body, "evses"):
            if evse.get("uid") == evse_uid:
                found.append((at_s, str(evse.get("status"))))
    return found


def objects_in(answer: JsonObject, key: str) -> list[JsonObject]:
    """The objects of a list inside an answer, none where there is no list."""
    found = answer.get(key)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []
