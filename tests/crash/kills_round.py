"""One round of the kill campaign: two vehicles come, charge and go; the agent dies on the way.

Whatever has happened, the end of a round is the same: everything healthy, everybody stopped and
unplugged, everything billed. Every random choice comes from the round's own dice.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from crash.kills_hands import Hands, Killed
from crash.kills_truth import Snapshot
from laddvakt_agent.demo.play import TOKEN_UID
from laddvakt_agent.demo.stage import JsonObject, RefusedError, StageError, now_s

NEWS = ("session_recovered", "clock_unset")  # faults that hold nothing up
KILLS_MAX = 5  # in one round
BACKEND_MODES = ("lost_reply", "http_500_kept", "http_500", "silent", "html")
# Where a kill is hung up, how long after that it comes at most, and how often that is chosen.
ANCHORS: dict[str, tuple[float, int]] = {
    "idle": (1.0, 1), "plugged": (1.0, 1), "started": (1.0, 2), "asked": (4.0, 3),
    "charging": (3.0, 4), "fault": (1.0, 2), "cleared": (3.0, 2), "stopping": (0.5, 3),
    "stopped": (6.0, 3), "unplugging": (0.3, 2), "unplugged": (6.0, 2), "billed": (0.4, 2),
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """One SIGKILL."""

    at_s: float
    anchor: str
    before: Snapshot  # the ledger as it was left
    spawned_s: float  # the next agent


@dataclass(kw_only=True)
class Round(Hands):
    """One round on a stage that runs; `run` may be called once."""

    dice: Random
    kills: list[Kill] = field(default_factory=list)
    allowed: list[tuple[str, float, float]] = field(default_factory=list)  # connector, from, to
    forgotten: list[str] = field(default_factory=list)  # what a start did not know any longer
    anchor: str = ""  # where the first kill is hung up; drawn unless it is given
    eager: bool = False  # each start is followed by another kill, as long as there may be one
    given_up: str = ""  # why the story was not played to its end
    _killer: threading.Timer | None = None
    _since_s: dict[str, float] = field(default_factory=dict)

    def run(self) -> None:
        """Play it, with one kill at least.

        Raises:
            StageError: something did not come about in time that must.
        """
        often = [often for _, often in ANCHORS.values()]
        (drawn,) = self.dice.choices(tuple(ANCHORS), often)
        self.anchor = self.anchor or drawn
        self.step(f"kill at {self.anchor}")
        self._survive(self._story)
        self._survive(self._settle)
        if not self.kills:
            self._arm("quiet", 0.1)
            self._survive(lambda: self.pause(1.0))

    def disarm(self) -> None:
        """No kill comes any more."""
        if self._killer is not None:
            self._killer.cancel()
            self._killer.join()

    def _survive(self, act: Callable[[], None]) -> None:
        """Do it; after each death start the agent anew and go on to the round's end."""
        while True:
            try:
                act()
            except Killed:
                self._revive()
            except StageError as error:
                if act == self._settle:
                    raise
                self.given_up = str(error)  # a vehicle that cannot charge: the end is the same
            else:
                return
            act = self._settle

    # The story

    def _story(self) -> None:
        connectors = self.dice.choice((("1",), ("2",), ("1", "2"), ("1", "2")))
        troubles: tuple[str, ...] = ("residual_current_dc", "emergency_stop", "meter")
        if self.anchor not in ("fault", "cleared"):
            troubles = ("", "", "", *troubles)
        trouble = self.dice.choice(troubles)
        self._reach("idle")
        self._misbehave("sessions")
        for name in connectors:
            current_a = self.dice.choice((10, 16))
            self.board(f"/connectors/{name}/plug", {"phases": 3, "max_current_a": current_a})
        self._reach("plugged")
        for name in connectors:
            self.wait("preparing", 30, lambda n=name: self.state(n) == "preparing")  # type: ignore[misc]  # a lambda's default
            self._start(name)
            self._reach("started")
        self._reach("asked")
        for name in connectors:
            self.wait("closed", 40, lambda n=name: self.closed(n))  # type: ignore[misc]  # as above
        self._reach("charging")
        self.pause(self.dice.uniform(0.5, 5.0))
        if trouble:
            self._trouble(trouble)
        self._misbehave("cdrs")
        self._leave(connectors)
        self.wait("billed", 60, self.billed)
        self._reach("billed")

    def _trouble(self, name: str) -> None:
        fault: JsonObject = {"name": "meter_lost" if name == "meter" else name}
        if name != "emergency_stop":
            fault["connector"] = "1"
        if name == "residual_current_dc":
            fault["ma"] = 8
        self.board("/faults", fault)
        self._reach("fault")
        self.pause(self.dice.uniform(3.0, 7.0) if name == "meter" else self.dice.uniform(0.2, 2.0))
        self.stage.board.ask("DELETE", f"/faults/{fault['name']}")
        self._reach("cleared")
        self.pause(self.dice.uniform(0.0, 8.0) if name == "meter" else self.dice.uniform(0, 1))

    def _leave(self, connectors: tuple[str, ...]) -> None:
        for name in connectors:
            if self.dice.random() < 0.6 or self.anchor == "stopping":
                self._reach("stopping")
                self._stop(name)
        self._reach("stopped")
        self.pause(self.dice.uniform(0.0, 3.0))
        for name in connectors:
            self._reach("unplugging")
            self._unplug(name)
        self._reach("unplugged")

    def _settle(self) -> None:
        """Whatever was before: healthy, stopped, unplugged, billed."""
        self.stage.board.ask("DELETE", "/faults")
        self.stage.backend.ask("POST", "/behaviour", {"mode": "ok"})
        self.pause(self.dice.uniform(0.0, 4.0))
        for name in ("1", "2"):
            self._stop(name)
        self.wait("open", 20, lambda: not self.closed("1") and not self.closed("2"))
        self.pause(1.5)  # a vehicle that lets go at once: the meter counts the last of it
        for name in ("1", "2"):
            self._unplug(name)
        self.wait("healthy", 120, self._healed, every_s=1.0)
        self.wait("available", 40, lambda: self.state("1") == self.state("2") == "available")
        self.wait("billed", 90, self.billed)
        while self._killer is not None and not self._killer.finished.is_set():
            self.pause(0.05)  # the kill that is still to come
        self.check()

    # What is done

    def _start(self, name: str) -> None:
        self._since_s[name] = now_s()
        self.ask(f"/connectors/{name}/start", {"token": TOKEN_UID})

    def _stop(self, name: str) -> None:
        with contextlib.suppress(RefusedError):
            self.ask(f"/connectors/{name}/stop", {})
        self._end_permission(name)

    def _unplug(self, name: str) -> None:
        with contextlib.suppress(RefusedError):
            self.stage.board.ask("POST", f"/connectors/{name}/unplug", {})
        self._end_permission(name)

    def _end_permission(self, name: str) -> None:
        if name in self._since_s:
            self.allowed.append((name, self._since_s.pop(name), now_s()))

    def _misbehave(self, module: str) -> None:
        if self.dice.random() < 0.4:
            mode = self.dice.choice(BACKEND_MODES)
            self.step(f"backend: {module} {mode}")
            wish: JsonObject = {"mode": mode, "module": module, "count": self.dice.randint(1, 3)}
            self.stage.backend.ask("POST", "/behaviour", wish)

    def _healed(self) -> bool:
        """Every fault that waits for a person gets one, in the end from the service."""
        standing = [fault for fault in self.faults() if fault["code"] not in NEWS]
        for fault in standing:
            needed = fault.get("connectors") or []
            for name in needed if isinstance(needed, list) else []:
                for by in ("local", "service"):
                    with contextlib.suppress(RefusedError):
                        self.ask(f"/connectors/{name}/reset", {"by": by})
        return not standing

    # Dying and rising

    def _reach(self, place: str) -> None:
        self.step(place)
        if place == self.anchor and self._killer is None:
            self._arm(place, ANCHORS[place][0])
        self.check()

    def _arm(self, anchor: str, within_s: float) -> None:
        delay_s = self.dice.uniform(0.0, within_s)
        self.anchor = anchor
        self.step(f"SIGKILL {delay_s:.3f} s after {anchor}")
        self._killer = threading.Timer(delay_s, self._kill)
        self._killer.start()

    def _kill(self) -> None:
        while (process := self.stage.processes.get("agent")) is None:
            time.sleep(0.001)  # it is just being started
        self.killed_s = now_s()
        process.kill()

    def _revive(self) -> None:
        """Reap the dead, note what it left, start the next; some die while they start."""
        if self._killer is not None:
            self._killer.join()
        process = self.stage.processes.pop("agent")
        process.wait(timeout=10)
        if process.stdin:
            process.stdin.close()
        killed_s = self.killed_s
        before = self.ledger()
        dead_s = self.dice.choice((0.0, 0.0, 0.5, 3.0))
        self.step(f"dead for {dead_s:g} s")
        time.sleep(dead_s)
        more = len(self.kills) < KILLS_MAX - 1
        again = more and self.dice.random() < 0.25
        kill = Kill(at_s=killed_s, anchor=self.anchor, before=before, spawned_s=now_s())
        self.kills.append(kill)
        try:
            self._spawn(kill_within_s=2.5 if again else None)
            self._compare(before)
        except Killed:
            self._revive()
            return
        if more and not again and (self.eager or self.dice.random() < 0.3):
            self._arm("resuming", 3.0 if self.eager else 10.0)

    def _spawn(self, kill_within_s: float | None) -> None:
        self.killed_s, self._killer = 0.0, None
        if kill_within_s is not None:
            self._arm("starting", kill_within_s)
        self.start()

    def _compare(self, before: Snapshot) -> None:
        """What the dead agent had written down as locked out, or spent, the new one must know."""
        after = self.ledger()
        codes = {str(fault["code"]) for fault in self.faults()}
        for key, latch in before.latches.items():
            now = after.latches.get(key)
            if latch.locked_out and (now is None or not now.locked_out or latch.code not in codes):
                self.forgotten.append(f"locked-out {key} is forgotten after the start")
            if len(latch.spent_s) > (0 if now is None else len(now.spent_s)):
                self.forgotten.append(f"{key}: {len(latch.spent_s)} spent retries are given back")
