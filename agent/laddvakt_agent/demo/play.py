"""The demo's story, told to real processes; each step waits for what it expects to happen."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from laddvakt_agent.demo.stage import Stage, now_s, stage, wait_for
from laddvakt_agent.demo.view import View
from laddvakt_agent.demo.watch import Seen, StallWatch, Watcher, objects_in
from laddvakt_agent.demo.words import TOKEN_UID, Words

__all__ = ["TOKEN_UID", "Play", "play", "shortened", "template"]

PAST_EARLY_TRIP_S = 10.5  # a residual trip within 10 s of closing locks out at once


def template() -> str:
    """The demo station's configuration with places to fill in."""
    return (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")


def shortened() -> Iterator[str]:
    """What the demo's configuration shortens, each with its table and what it is otherwise."""
    table = ""
    for line in template().splitlines():
        setting, _, remark = (part.strip() for part in line.partition("#"))
        if setting.startswith("["):
            table = setting
        elif setting and remark.startswith(("shortened", "recloses")):
            yield f"{table} {' '.join(setting.split())} ({remark})"


@dataclass(slots=True, kw_only=True)
class Play(Words):
    """The acts, in order."""

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
                self._emergency_stop,
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
        self.note("agent_start_s", self.stage.start_agent(template()))

    def _charge(self) -> None:
        self.view.say("plug in both connectors, then authorise: charging")
        self.board("POST", "/connectors/1/plug", phases=3, max_current_a=16)
        self.board("POST", "/connectors/2/plug", phases=3, max_current_a=16, obeys_pwm_off=False)
        for connector in ("1", "2"):
            self.until_state(connector, "preparing")
        self.note("first_start_wh", self.number("1", "meter_register_wh"))
        self.note("welded_start_wh", self.number("2", "meter_register_wh"))
        begun_s = now_s()
        self.start_session("1")
        self.start_session("2")
        wait_for("connector 1 closed", 10, lambda: self.closed("1"))
        self.note("authorised_to_closed_s", now_s() - begun_s)
        for connector in ("1", "2"):
            self.until_full_current(connector)

    def _noise(self) -> None:
        self.view.say("a late reply and characters lost on the line: nothing may happen")
        before, rejected = self.history("1"), self.rejected("line1")
        self.fault("late_reply", line="line1", unit=2, delay_ms=400, once=True)
        self.wait_seconds(2.0)
        self.fault("crc_errors", line="line1", rate=0.1, seed=7)
        self.wait_seconds(4.0)
        self.clear("crc_errors")
        self.clear("late_reply")
        self.seen.noise_changes = len(self.history("1")) - len(before)
        self.note("rejected_frames", self.rejected("line1") - rejected)

    def _weld_and_residual_trip(self) -> None:
        self.view.say("connector 2: stopped, its contactor welds")
        self.until_closed_for("1", PAST_EARLY_TRIP_S)
        self.note("welded_power_w", self.number("2", "power_w"))
        self.note("weld_injected_s", self.fault("contactor_welded", connector="2"))
        self.stage.agent.ask("POST", "/connectors/2/stop", {})
        self.view.say("connector 1: 8 mA of direct residual current: opens at once, recovers")
        self.note("residual_injected_s", self.fault("residual_current_dc", connector="1", ma=8))
        wait_for("connector 1 open", 5, lambda: not self.closed("1"))
        self.note("residual_opened_s", self.number("1", "opened_at_s"))
        wait_for("fault at the backend", 5, lambda: bool(self.received("faults")))
        self.clear("residual_current_dc")
        self.note("residual_cleared_s", now_s())
        wait_for("connector 1 closed again", 20, lambda: self.closed("1"))
        self.note("residual_reclosed_s", self.number("1", "closed_at_s"))
        wait_for("the weld locked out", 20, lambda: self.has_fault("2", "contactor_welded"))
        wait_for("OUTOFORDER received", 10, lambda: self.last_status("DEMO1-2") == "OUTOFORDER")
        self.seen.weld_starts.append(self.try_to_start("2"))
        self.until_full_current("1")

    def _backend_away(self) -> None:
        self.view.say("the backend goes away; meanwhile the vehicle of connector 1 leaves")
        self.stage.kill("backend", signal.SIGTERM)
        self._leave("first")
        for verb in ("out", "in"):  # statuses that come and go unseen
            self.stage.agent.ask("POST", f"/connectors/1/{verb}", {})
            self.until_state("1", "unavailable" if verb == "out" else "available")
        self.note("backend_back_s", now_s())
        self.stage.start_backend()
        wait_for("AVAILABLE received", 10, lambda: self.last_status("DEMO1-1") == "AVAILABLE")
        wait_for("two CDRs received", 10, lambda: len(self.received("cdrs")) >= 2)
        self.wait_seconds(1.0)  # anything sent twice would come now
        self.note("backend_settled_s", now_s())
        self._arrive("second")

    def _meter_silent(self) -> None:
        self.view.say("the meter of connector 1 falls silent, then comes back")
        self.note("meter_lost_s", self.fault("meter_lost", connector="1"))
        wait_for("ramped down and open", 15, lambda: not self.closed("1"))
        self.note("meter_opened_s", self.number("1", "opened_at_s"))
        self.clear("meter_lost")
        self.note("meter_back_s", now_s())
        wait_for("connector 1 closed again", 25, lambda: self.closed("1"))
        self.note("meter_reclosed_s", self.number("1", "closed_at_s"))

    def _unplug(self) -> None:
        self.view.say("the vehicle leaves: its CDR")
        self.until_full_current("1")
        self._leave("second")
        wait_for("three CDRs received", 20, lambda: len(self.received("cdrs")) >= 3)
        wait_for("AVAILABLE received", 10, lambda: self.last_status("DEMO1-1") == "AVAILABLE")

    def _emergency_stop(self) -> None:
        self.view.say("a new session ends by the emergency stop; released, reset on the spot")
        self._arrive("third")
        self.note("stop_pressed_s", self.fault("emergency_stop"))
        wait_for("connector 1 open", 5, lambda: not self.closed("1"))
        wait_for("INOPERATIVE received", 10, lambda: self.last_status("DEMO1-1") == "INOPERATIVE")
        self.clear("emergency_stop")
        for connector in ("1", "2"):  # refused until the agent has read the release
            wait_for("the reset is taken", 5, lambda n=connector: self.reset_here(n))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        self._go("third")
        wait_for("the stop is over", 15, lambda: not self.has_fault("1", "emergency_stop"))
        wait_for("four CDRs received", 20, lambda: len(self.received("cdrs")) >= 4)
        wait_for("AVAILABLE received", 10, lambda: self.last_status("DEMO1-1") == "AVAILABLE")
        wait_for("OUTOFORDER again", 10, lambda: self.last_status("DEMO1-2") == "OUTOFORDER")
        self.seen.weld_starts.append(self.try_to_start("2"))

    def _killed(self) -> None:
        self.view.say("a new session; then the agent is killed while charging")
        self._arrive("fourth")
        self._collect()
        self.note("killed_s", self.stage.kill("agent", signal.SIGKILL))
        wait_for("connector 1 open", 10, lambda: not self.closed("1"))
        self.note("killed_opened_s", self.number("1", "opened_at_s"))

    def _arrive(self, which: str) -> None:
        """A vehicle comes to connector 1 and charges."""
        self.board("POST", "/connectors/1/plug", phases=3, max_current_a=16)
        self.until_state("1", "preparing")
        self.note(f"{which}_start_wh", self.number("1", "meter_register_wh"))
        self.start_session("1")
        self.until_full_current("1")

    def _leave(self, which: str) -> None:
        """The vehicle of connector 1 stops and goes."""
        self.stage.agent.ask("POST", "/connectors/1/stop", {})
        wait_for("connector 1 open", 10, lambda: not self.closed("1"))
        self._go(which)
        self.until_state("1", "available")

    def _go(self, which: str) -> None:
        """The vehicle goes; its contactor is open."""
        self.wait_seconds(1.5)  # the meter has counted the last of it
        self.note(f"{which}_end_wh", self.number("1", "meter_register_wh"))
        self.board("POST", "/connectors/1/unplug")

    def _collect(self) -> None:
        """Fetch the whole trace, everything the backend received, and the agent's last word."""
        self.note("collected_s", now_s())
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
        # Last of all, so that its history holds whatever the backend can have heard.
        self.seen.statuses.append(self.stage.agent.ask("GET", "/status"))


def play(directory: Path, view: View, on_stage: Callable[[Stage], None]) -> Seen:
    """Set the stage in `directory`, play, and clear it."""
    with stage(directory) as built:
        on_stage(built)
        return Play(stage=built, view=view).run()
