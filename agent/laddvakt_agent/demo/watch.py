"""What is noted while the demo runs: the agent's status five times a second, times, traffic."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar

from laddvakt_agent.demo import wire
from laddvakt_agent.demo.stage import JsonObject, Stage, StageError, now_s
from laddvakt_agent.demo.view import View

GUARDING = ("pilot", "feedback_closed", "emergency_stop_loop_closed", "residual_dc_a")
STALL_S = 0.020  # oversleeping by this much counts as a stall


@dataclass(slots=True, kw_only=True)
class Seen:
    """What was noted while the story ran; times are boot seconds."""

    times: dict[str, float] = field(default_factory=dict)
    statuses: list[JsonObject] = field(default_factory=list)  # of the agent, five a second
    trace: list[JsonObject] = field(default_factory=list)  # every frame on every line
    received: list[JsonObject] = field(default_factory=list)  # every request at the backend
    stalls: list[tuple[float, float]] = field(default_factory=list)  # of this machine
    noise_changes: int = 0
    weld_starts: list[int] = field(default_factory=list)  # HTTP statuses of starts after the weld


@dataclass(slots=True, kw_only=True)
class Watch(ABC):
    """Looks every `every_s` in a thread of its own until it is stopped."""

    every_s: ClassVar[float]
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin watching."""
        self._thread = threading.Thread(target=self._watch, name=type(self).__name__, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; returns when the last look is over."""
        self._stop.set()
        if self._thread:
            self._thread.join()

    @abstractmethod
    def look(self) -> None:
        """Note what there is to see."""

    def _watch(self) -> None:
        while not self._stop.wait(self.every_s):
            self.look()


@dataclass(slots=True, kw_only=True)
class StallWatch(Watch):
    """Notices when this machine lets a sleeping thread oversleep: nobody is to blame then."""

    every_s: ClassVar[float] = 0.005
    stalls: list[tuple[float, float]]  # (from, to), boot seconds
    _before_s: float = field(default_factory=now_s)

    def look(self) -> None:
        """Note a look that comes too late."""
        woken_s = now_s()
        if woken_s - self._before_s > self.every_s + STALL_S:
            self.stalls.append((self._before_s, woken_s))
        self._before_s = woken_s


@dataclass(slots=True, kw_only=True)
class Watcher(Watch):
    """Asks the agent for its status all the while, as a person at the screen would."""

    every_s: ClassVar[float] = 0.2
    stage: Stage
    seen: Seen
    view: View

    def look(self) -> None:
        """Note and show the status."""
        try:
            status = self.stage.agent.ask("GET", "/status")
        except StageError:
            return  # the agent is being killed: that is part of the story
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


def connectors_in(status: JsonObject, name: str | None = None) -> list[JsonObject]:
    """The connectors of one status, or only the one of that name."""
    found = objects_in(status, "connectors")
    return [part for part in found if name in (None, part.get("id"))]


def shown_as_good(seen: Seen) -> Iterator[wire.Shown]:
    """Each reading the agent showed as good, up to when the trace was collected."""
    for status in _until_collected(seen):
        for connector in connectors_in(status):
            for reading in _readings(status, connector):
                if reading.quality == "good":
                    yield reading


def guarding_while_closed(seen: Seen) -> Iterator[wire.Shown]:
    """Each reading an opening depends on, of a connector commanded closed, whatever its quality."""
    for status in _until_collected(seen):
        for connector in connectors_in(status):
            if connector.get("closed_commanded") is True:
                for reading in _readings(status, connector):
                    if reading.name.split()[1] in GUARDING:
                        yield reading


def _until_collected(seen: Seen) -> Iterator[JsonObject]:
    """What was read later is not in the trace."""
    collected_s = seen.times["collected_s"]
    return (s for s in seen.statuses if float(str(s["now_s"])) < collected_s)


def _readings(status: JsonObject, connector: JsonObject) -> Iterator[wire.Shown]:
    places = {
        str(part["name"]): (str(part["line"]), int(str(part["unit"])))
        for part in objects_in(status, "devices")
    }
    parts = connector.get("readings")
    for name, reading in parts.items() if isinstance(parts, dict) else ():
        if isinstance(reading, dict) and reading.get("taken_at_s") is not None:
            line, unit = places[str(reading["device"])]
            yield wire.Shown(
                name=f"{connector['id']} {name}",
                quality=str(reading["quality"]),
                line=line,
                unit=unit,
                taken_s=float(str(reading["taken_at_s"])),
                age_s=float(str(reading["age_s"])),
                good_for_s=float(str(reading["good_for_s"])),
            )
