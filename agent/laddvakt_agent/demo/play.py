"""The demo's story, told to real processes; each step waits for what it expects to happen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from laddvakt_agent.demo.stage import JsonObject, Stage, now_s, stage, wait_for
from laddvakt_agent.demo.view import View
from laddvakt_agent.demo.watch import Seen, StallWatch, Watcher, objects_in, statuses

TOKEN_UID = "04A1B2C3D4E5F6"
PAST_EARLY_TRIP_S = 10.5  # a residual trip within 10 s of closing locks out at once


def template() -> str:
    """The demo station's configuration with places to fill in."""
    return (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")


def shortened() -> Iterator[str]:
    """The lines of the demo's configuration that shorten a time."""
    for line in template().splitlines():
        if "# shortened" in line or "# recloses" in line:
            yield " ".join(line.split())


@dataclass(slots=True, kw_only=True)
class Play:
    """The acts, in order."""

    stage: Stage
    view: View
    seen: Seen = field(default_factory=Seen)

    def run(self) -> Seen:
        """Play all of it.

        Raises:
            StageError: an act did not come to its end; the message says which wait was in vain.
        """
        self._start()
        watcher = Watcher(stage=self.stage, seen=self.seen, view=self.view)
        stalls = StallWatch(stalls=self.seen.stalls)
        watcher.start()
        stalls.start()
        try:
            for act in (
                self._charge,
                self._noise,
                self._weld_and_residual_trip,
                self._backend_away,
                self._meter_silent,
                self._unplug,
                self._killed,
            ):
                act()
        finally:
            stalls.stop()
            watcher.stop()
        return self.seen

    def _start(self) -> None:
        self.view.say("starting board, backend and agent")
        self.stage.start_board()
        self.stage.start_backend()
        self._note("agent_start_s", self.stage.start_agent(template()))

    def _charge(self) -> None:
        self.view.say("plug in both connectors, then authorise: charging")
        self._board("POST", "/connectors/1/plug", phases=3, max_current_a=16)
        self._board("POST", "/connectors/2/plug", phases=3, max_current_a=16, obeys_pwm_off=False)
        for connector in ("1", "2"):
            self._until_state(connector, "preparing")
        self._note("first_start_wh", self._number("1", "meter_register_wh"))
        begun_s = now_s()
        self._start_session("1")
        self._start_session("2")
        wait_for("connector 1 closed", 10, lambda: self._closed("1"))
        self._note("authorised_to_closed_s", now_s() - begun_s)
        for connector in ("1", "2"):
            self._until_full_current(connector)

    def _noise(self) -> None:
        self.view.say("a late reply and characters lost on the line: nothing may happen")
        before, rejected = self._history("1"), self._rejected("line1")
        self._fault("late_reply", line="line1", unit=2, delay_ms=400, once=True)
        self._wait_seconds(2.0)
        self._fault("crc_errors", line="line1", rate=0.05, seed=7)
        self._wait_seconds(4.0)
        self._clear("crc_errors")
        self._clear("late_reply")
        self.seen.noise_changes = len(self._history("1")) - len(before)
        self._note("rejected_frames", self._rejected("line1") - rejected)

    def _weld_and_residual_trip(self) -> None:
        self.view.say("connector 2: stopped, its contactor welds")
        self._until_closed_for("1", PAST_EARLY_TRIP_S)
        self._fault("contactor_welded", connector="2")
        self.stage.agent.ask("POST", "/connectors/2/stop", {})
        self.view.say("connector 1: 8 mA of direct residual current: opens at once, recovers")
        self._note("residual_injected_s", self._fault("residual_current_dc", connector="1", ma=8))
        wait_for("connector 1 open", 5, lambda: not self._closed("1"))
        self._note("residual_opened_s", self._number("1", "opened_at_s"))
        wait_for("fault at the backend", 5, lambda: bool(self._received("faults")))
        self._clear("residual_current_dc")
        self._note("residual_cleared_s", now_s())
        wait_for("connector 1 closed again", 20, lambda: self._closed("1"))
        self._note("residual_reclosed_s", self._number("1", "closed_at_s"))
        wait_for("the weld locked out", 20, lambda: self._has_fault("2", "contactor_welded"))
        wait_for("OUTOFORDER received", 10, lambda: self._last_status("DEMO1-2") == "OUTOFORDER")
        self._until_full_current("1")

    def _backend_away(self) -> None:
        self.view.say("the backend goes away; meanwhile the vehicle of connector 1 leaves")
        self.stage.kill("backend", signal.SIGTERM)
        self._leave("first")
        for verb in ("out", "in"):  # statuses that come and go unseen
            self.stage.agent.ask("POST", f"/connectors/1/{verb}", {})
            self._until_state("1", "unavailable" if verb == "out" else "available")
        self._note("backend_back_s", now_s())
        self.stage.start_backend()
        wait_for("AVAILABLE received", 10, lambda: self._last_status("DEMO1-1") == "AVAILABLE")
        wait_for("two CDRs received", 10, lambda: len(self._received("cdrs")) >= 2)
        self._wait_seconds(1.0)  # anything sent twice would come now
        self._note("backend_settled_s", now_s())
        self._arrive("second")

    def _meter_silent(self) -> None:
        self.view.say("the meter of connector 1 falls silent, then comes back")
        self._note("meter_lost_s", self._fault("meter_lost", connector="1"))
        wait_for("ramped down and open", 15, lambda: not self._closed("1"))
        self._note("meter_opened_s", self._number("1", "opened_at_s"))
        self._clear("meter_lost")
        self._note("meter_back_s", now_s())
        wait_for("connector 1 closed again", 25, lambda: self._closed("1"))
        self._note("meter_reclosed_s", self._number("1", "closed_at_s"))

    def _unplug(self) -> None:
        self.view.say("the vehicle leaves: its CDR")
        self._until_full_current("1")
        self._leave("second")
        wait_for("three CDRs received", 20, lambda: len(self._received("cdrs")) >= 3)
        wait_for("AVAILABLE received", 10, lambda: self._last_status("DEMO1-1") == "AVAILABLE")

    def _killed(self) -> None:
        self.view.say("a new session; then the agent is killed while charging")
        self._arrive("third")
        self._collect()
        self._note("killed_s", self.stage.kill("agent", signal.SIGKILL))
        wait_for("connector 1 open", 10, lambda: not self._closed("1"))
        self._note("killed_opened_s", self._number("1", "opened_at_s"))

    def _arrive(self, which: str) -> None:
        """A vehicle comes to connector 1 and charges."""
        self._board("POST", "/connectors/1/plug", phases=3, max_current_a=16)
        self._until_state("1", "preparing")
        self._note(f"{which}_start_wh", self._number("1", "meter_register_wh"))
        self._start_session("1")
        self._until_full_current("1")

    def _leave(self, which: str) -> None:
        """The vehicle of connector 1 stops and goes."""
        self.stage.agent.ask("POST", "/connectors/1/stop", {})
        wait_for("connector 1 open", 10, lambda: not self._closed("1"))
        self._wait_seconds(1.5)  # the meter has counted the last of it
        self._note(f"{which}_end_wh", self._number("1", "meter_register_wh"))
        self._board("POST", "/connectors/1/unplug")
        self._until_state("1", "available")

    def _collect(self) -> None:
        """Fetch the whole trace and everything the backend received."""
        self._note("collected_s", now_s())
        since = 0
        while True:
            page = self.stage.board.ask("GET", f"/trace?since={since}&limit=2000")
            frames = objects_in(page, "frames")
            self.seen.trace += frames
            since = int(str(page["next"]))
            if not frames:
                break
        self.seen.received = objects_in(
            self.stage.backend.ask("GET", "/received?since=0"), "requests"
        )

    # Small words of the story

    def _until_state(self, connector: str, state: str) -> None:
        wait_for(f"connector {connector} {state}", 10, lambda: self._state(connector) == state)

    def _until_full_current(self, connector: str) -> None:
        wait_for(f"full current at {connector}", 15, lambda: self._amps(connector) > 15)

    def _until_closed_for(self, connector: str, seconds: float) -> None:
        closed_s = self._number(connector, "closed_at_s")
        wait_for(f"{seconds} s closed", seconds + 5, lambda: now_s() > closed_s + seconds)

    def _note(self, name: str, value: float) -> None:
        self.seen.times[name] = value

    def _wait_seconds(self, seconds: float) -> None:
        until_s = now_s() + seconds
        wait_for(f"{seconds} s", seconds + 5, lambda: now_s() >= until_s)

    def _board(self, method: str, target: str, **body: bool | float | str | None) -> JsonObject:
        return self.stage.board.ask(method, target, dict(body))

    def _fault(self, name: str, **parameters: bool | float | str) -> float:
        answer = self._board("POST", "/faults", name=name, **parameters)
        return float(str(answer["injected_at_s"]))

    def _clear(self, name: str) -> None:
        self.stage.board.ask("DELETE", f"/faults/{name}")

    def _start_session(self, connector: str) -> None:
        self.stage.agent.ask("POST", f"/connectors/{connector}/start", {"token": TOKEN_UID})

    def _truth(self, connector: str) -> JsonObject:
        connectors = self.stage.board.ask("GET", "/state")["connectors"]
        found = connectors.get(connector) if isinstance(connectors, dict) else None
        return found if isinstance(found, dict) else {}

    def _closed(self, connector: str) -> bool:
        return self._truth(connector)["contactor_closed"] is True

    def _number(self, connector: str, name: str) -> float:
        return float(str(self._truth(connector)[name]))

    def _amps(self, connector: str) -> float:
        phases = self._truth(connector)["current_a"]
        return max(float(str(a)) for a in phases) if isinstance(phases, list) else 0.0

    def _agent(self, connector: str) -> JsonObject:
        for part in objects_in(self.stage.agent.ask("GET", "/status"), "connectors"):
            if part.get("id") == connector:
                return part
        return {}

    def _state(self, connector: str) -> str:
        return str(self._agent(connector).get("state"))

    def _history(self, connector: str) -> list[JsonObject]:
        return objects_in(self._agent(connector), "history")

    def _has_fault(self, connector: str, code: str) -> bool:
        faults = self._agent(connector).get("faults")
        return isinstance(faults, list) and code in faults

    def _rejected(self, line: str) -> float:
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

    def _received(self, module: str) -> list[JsonObject]:
        answer = self.stage.backend.ask("GET", "/received?since=0")
        return [part for part in objects_in(answer, "requests") if part.get("module") == module]

    def _last_status(self, evse_uid: str) -> str:
        return next(
            (status for _, status in reversed(statuses(self._received("locations"), evse_uid))), ""
        )


def play(directory: Path, view: View, on_stage: Callable[[Stage], None]) -> Seen:
    """Set the stage in `directory`, play, and clear it."""
    with stage(directory) as built:
        on_stage(built)
        return Play(stage=built, view=view).run()
