"""The lines between controller and devices: who is silent, and whose replies come broken."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from lab.fitting import LINES, UNITS
from laddvakt_agent.core.inputs import LineHealth
from laddvakt_sim.charger import Charger
from laddvakt_sim.fault import Fault

ROUND_S = 0.25  # each device is asked so often
WINDOW_S = 300.0  # over which broken replies are counted
BURSTS_KEPT = 12
APART_S = 1.0  # broken replies closer together are one burst
GONE = ("bus_down", "adapter_gone", "wire_unplugged")
BREAKING = frozenset(
    {
        "crc_errors",
        "wire_babble",
        "wire_bit_errors",
        "wire_exception",
        "wire_garbage_after",
        "wire_garbage_before",
        "wire_lost",
        "wire_truncated",
        "wire_wrong_baud",
        "wire_wrong_count",
        "wire_wrong_function",
        "wire_wrong_unit",
    }
)


@dataclass(slots=True)
class Line:
    """What is counted of one line."""

    counted: deque[tuple[float, float, float]] = field(default_factory=deque)  # when, asked, broken
    asked: float = 0.0
    broken: float = 0.0
    bursts_s: tuple[float, ...] = ()

    @property
    def share(self) -> float:
        """Broken ones of those that were asked for."""
        return round(self.broken / self.asked, 9) + 0.0 if self.asked else 0.0

    def count(self, now_s: float, asked: float, broken: float) -> None:
        """Add what was asked, and how much of it came back broken; forget what is too old."""
        self.counted.append((now_s, asked, broken))
        self.asked, self.broken = self.asked + asked, self.broken + broken
        while self.counted[0][0] < now_s - WINDOW_S:
            _, old_asked, old_broken = self.counted.popleft()
            self.asked, self.broken = self.asked - old_asked, self.broken - old_broken
        if broken and (not self.bursts_s or now_s > self.bursts_s[-1] + APART_S):
            self.bursts_s = (*self.bursts_s, now_s)[-BURSTS_KEPT:]


@dataclass(slots=True)
class Wires:
    """All lines of one charger; looked at once per round."""

    charger: Charger
    seed: int
    silent: frozenset[str] = frozenset()  # devices that do not answer at all
    missed: frozenset[str] = frozenset()  # … and those whose replies of this round were broken
    counts: dict[str, Line] = field(default_factory=dict)
    at_s: float = 0.0
    _faults: tuple[Fault, ...] | None = None
    _gone: frozenset[str] = frozenset()
    _shares: dict[str, float] = field(default_factory=dict)  # device → of its replies
    _moved: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)

    @property
    def rough(self) -> bool:
        """Replies come broken now: only fine steps show what that does."""
        return bool(self._shares)

    def look(self, now_s: float) -> None:
        """Let a round of asking pass."""
        if self.charger.faults is not self._faults:
            self._learn()
        self.silent = self._silent()
        rounds, self.at_s = max(1.0, (now_s - self.at_s) / ROUND_S), now_s
        noisy = dict(self._noise(now_s))
        if not (self._shares or noisy or self.counts):
            self.missed = frozenset()
            return
        chance = random.Random(f"{self.seed}/{now_s}")
        missed: set[str] = set()
        asked, broken = dict.fromkeys(LINES.values(), 0.0), dict.fromkeys(LINES.values(), 0.0)
        for device, line in LINES.items():
            share = max(self._shares.get(device, 0.0), noisy.get(line, 0.0))
            asked[line] += rounds
            if device in self.silent or share == 0.0:
                continue
            broken[line] += share * rounds
            if chance.random() < share**rounds:
                missed.add(device)
        self.missed = frozenset(missed)
        for line in asked:
            if broken[line] or line in self.counts:
                self.counts.setdefault(line, Line()).count(now_s, asked[line], broken[line])

    def health(self, names: tuple[str, ...]) -> Iterator[LineHealth]:
        """What the agent is told of these lines."""
        for name in names:
            counts = self.counts.get(name)
            share = 0.0 if counts is None else counts.share
            down = name in self._gone or all(
                device in self.silent for device, line in LINES.items() if line == name
            )
            yield LineHealth(
                name=name,
                up=not down,
                reason="every device silent" if down else "",
                error_share=share,
                broken_s=() if counts is None else counts.bursts_s,
            )

    def _learn(self) -> None:
        self._faults = self.charger.faults
        self._gone = frozenset(
            str(fault.parameters["line"])
            for fault in self._faults
            if fault.name in GONE and fault.number("unit") is None
        )
        self._shares = {}
        for fault in self._faults:
            share = _share(fault) if fault.name in BREAKING else 0.0
            for device in _meant(fault) if share else ():
                self._shares[device] = max(share, self._shares.get(device, 0.0))

    def _silent(self) -> frozenset[str]:
        silent = {device for device, line in LINES.items() if line in self._gone}
        for fault in self._faults or ():
            if fault.name == "device_lost":
                silent.add(str(fault.parameters["device"]))
            elif fault.name == "meter_lost":
                silent |= {METERS[name] for name in METERS if fault.touches(name)}
            elif fault.name == "power_lost" and fault.parameters.get("devices"):
                silent |= {d for name in OF for d in OF[name] if fault.touches(name)}
            elif fault.name == "wire_unplugged" and fault.number("unit") is not None:
                silent |= set(_meant(fault))
        silent |= {device for device, share in self._shares.items() if share >= 1.0}
        for name, connector in self.charger.connectors.items():
            if not connector.meter.answers:
                silent.add(METERS[name])
        return frozenset(silent)

    def _noise(self, now_s: float) -> Iterator[tuple[str, float]]:
        """Lines on which a contactor has just moved nearby, and the share it breaks."""
        for fault in self._faults or ():
            if fault.name != "wire_noise":
                continue
            for name, connector in self.charger.connectors.items():
                if not fault.touches(name):
                    continue
                moved = (connector.contactor.opened_at_s, connector.contactor.closed_at_s)
                before, self._moved[name] = self._moved.get(name, moved), moved
                if moved != before:
                    yield str(fault.parameters["line"]), min(0.9, fault.number("rate") or 0.0)


METERS: Mapping[str, str] = {"1": "meter1", "2": "charx1"}
OF: Mapping[str, tuple[str, ...]] = {
    "1": ("evse1", "meter1", "relay1", "rcm1"),
    "2": ("charx1",),
}


def _meant(fault: Fault) -> tuple[str, ...]:
    """The devices a wire fault touches."""
    unit, line = fault.number("unit"), str(fault.parameters["line"])
    on_line = tuple(device for device, own in LINES.items() if own == line)
    return tuple(d for d in on_line if unit is None or UNITS[d] == int(unit))


def _share(fault: Fault) -> float:
    if fault.name == "wire_babble":
        return min(0.95, fault.number("duty") or 0.5)
    if fault.name == "wire_wrong_baud":
        return 1.0
    rate, every = fault.number("rate"), fault.number("every")
    if rate is not None:
        return rate
    if every is not None:
        return 1.0 / every
    scheduled = fault.parameters.get("once") or fault.parameters.get("at")
    return 0.0 if scheduled else 1.0
