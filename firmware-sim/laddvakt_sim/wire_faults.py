"""Faults of the wire: the table of kinds, when each strikes, and what it does to a frame.

A kind that strikes frames does so by `rate`, `every` n-th, `at` positions or `once`; without any
of these always. Positions count the frames it could strike, from its injection, starting at 1.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_sim import wire_damage as damage
from laddvakt_sim.wire_damage import Adu, parse
from laddvakt_sim.wire_kinds import PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from laddvakt_sim.faults import Fault

EXCEPTION = "exception"


class Trigger:
    """Decides which of the frames a fault could strike it does strike; the same for one seed."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self.kind = fault.name.removeprefix(PREFIX)
        self.seen = 0
        self.hits = 0
        seed = int(fault.number("seed") or 0)
        self.chance = random.Random(seed)  # for the damage; the choice of frames has its own
        self._choice = random.Random(seed + 1)

    @property
    def spent(self) -> bool:
        """True when it cannot strike any more."""
        if self.fault.parameters.get("once"):
            return self.hits > 0
        at = self.fault.parameters.get("at")
        return isinstance(at, tuple) and self.seen >= at[-1]

    def concerns(self, unit: int, direction: str) -> bool:
        """True when a frame of this unit (the one the master asked) and direction could be hit."""
        given = self.fault.parameters
        way = given.get("direction", "reply")
        return given.get("unit") in (None, unit) and way in (direction, "both")

    def strikes(self) -> bool:
        """Count a frame; True when this one is hit."""
        if self.spent:
            return False
        self.seen += 1
        hit = self._chosen()
        self.hits += hit
        return hit

    def number(self, name: str) -> int | None:
        """A whole parameter, None when it was not given."""
        value = self.fault.number(name)
        return None if value is None else int(value)

    def _chosen(self) -> bool:
        given = self.fault.parameters
        if (every := self.number("every")) is not None:
            return self.seen % every == 0
        if isinstance(at := given.get("at"), tuple):
            return self.seen in at
        rate = self.fault.number("rate")
        return rate is None or self._choice.random() < rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A request as it reaches the devices: none, one or two frames."""

    frames: tuple[bytes, ...]
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """A reply as it will reach the master."""

    raw: bytes
    delay_s: float  # from the end of the request
    notes: tuple[str, ...] = ()
    readable: bool = True  # the master gets what the device said, at whatever time
    again_s: float | None = None  # sent a second time so long after the end of the first
    lost: bool = False
    closes: bool = False  # TCP: the connection ends after it

    @property
    def note(self) -> str:
        """What happened to it, in one word per fault."""
        return ", ".join(self.notes)


class LineFaults:
    """The faults on one line that strike frames."""

    def __init__(self, name: str, *, rtu: bool, baud: int | None = None, form: str = "8N1") -> None:
        self.name = name
        self._rtu = rtu
        self._baud = baud
        self._form = form
        self._triggers: tuple[Trigger, ...] = ()
        self._held = b""  # waits to be glued in front of the next reply
        self._last = b""

    def afflict(self, faults: Iterable[Fault]) -> None:
        """Make these the faults from now on; one that stays keeps its count."""
        known = {id(trigger.fault): trigger for trigger in self._triggers}
        mine = [fault for fault in faults if self._is_mine(fault)]
        self._triggers = tuple(known.get(id(fault)) or Trigger(fault) for fault in mine)
        if not any(trigger.kind == "merged" for trigger in self._triggers):
            self._held = b""

    def trigger(self, fault: Fault) -> Trigger | None:
        """How often a fault of this line has struck; None when it is not one."""
        return next((t for t in self._triggers if t.fault is fault), None)

    def request(self, raw: bytes) -> Heard:
        """What the devices get of a request the master sent."""
        unit = raw[0 if self._rtu else 6]
        struck = self._struck(unit, "request")
        copies, changed = 1, raw
        for trigger in struck:
            if trigger.kind in ("lost", "unplugged"):
                copies = 0
            elif trigger.kind == "duplicated":
                copies *= 2
            else:
                changed = self._altered(trigger, changed, request=True)
        notes = tuple(trigger.kind for trigger in struck)
        return Heard(frames=(changed,) * copies, note=", ".join(notes))

    def refusal(self, unit: int) -> int | None:
        """Exception code a device answers with instead of doing what it was asked."""
        for trigger in self._triggers:
            if trigger.kind == EXCEPTION and trigger.concerns(unit, "reply") and trigger.strikes():
                return trigger.number("code")
        return None

    def reply(self, unit: int, raw: bytes, delay_s: float) -> Carried:
        """What becomes of a reply of `unit`."""
        carried = Carried(raw=raw, delay_s=delay_s)
        for trigger in self._struck(unit, "reply"):
            carried = replace(carried, notes=(*carried.notes, trigger.kind))
            carried = self._met(trigger, carried)
        carried = self._joined(carried)
        if not carried.lost:
            self._last = raw
        return carried

    def _is_mine(self, fault: Fault) -> bool:
        frames = fault.name.startswith(PREFIX) and fault.name not in _ELSEWHERE
        return frames and fault.parameters.get("line") == self.name

    def _struck(self, unit: int, direction: str) -> Sequence[Trigger]:
        return [
            trigger
            for trigger in self._triggers
            if trigger.kind != EXCEPTION and trigger.concerns(unit, direction) and trigger.strikes()
        ]

    def _altered(self, trigger: Trigger, raw: bytes, *, request: bool) -> bytes:
        if (change := _LOGICAL.get(trigger.kind)) is not None:
            adu = parse(raw, rtu=self._rtu)  # damaged before: too late to be changed soundly
            return raw if adu is None else change(trigger, adu, request).raw()
        if trigger.kind == "wrong_baud":
            return self._resampled(trigger, raw, request=request)
        return _PHYSICAL[trigger.kind](trigger, raw)

    def _resampled(self, trigger: Trigger, raw: bytes, *, request: bool) -> bytes:
        ours = self._baud or 9600
        theirs = trigger.number("baud") or ours
        ends = (ours, theirs) if request else (theirs, ours)
        return damage.resampled(raw, *ends, self._form)

    def _met(self, trigger: Trigger, carried: Carried) -> Carried:
        if trigger.kind == "merged":
            return self._merged(trigger, carried)
        if (fate := _FATE.get(trigger.kind)) is not None:
            return fate(trigger, carried)
        return self._damage(trigger, carried)

    def _damage(self, trigger: Trigger, carried: Carried) -> Carried:
        raw = self._altered(trigger, carried.raw, request=False)
        return replace(carried, raw=raw, readable=carried.readable and raw == carried.raw)

    def _merged(self, trigger: Trigger, carried: Carried) -> Carried:
        if trigger.fault.parameters.get("to") == "previous":
            return replace(carried, raw=self._last + carried.raw, readable=not self._last)
        self._held += carried.raw
        return replace(carried, lost=True, readable=False)

    def _joined(self, carried: Carried) -> Carried:
        if not self._held or carried.lost:
            return carried
        raw, self._held = self._held + carried.raw, b""
        notes = (*carried.notes, "merged")
        return replace(carried, raw=raw, notes=notes, readable=False)


_ELSEWHERE = {f"{PREFIX}babble", f"{PREFIX}noise"}  # done where characters have their time


def _late(trigger: Trigger, carried: Carried) -> Carried:
    jitter_ms = trigger.chance.random() * (trigger.fault.number("jitter_ms") or 0.0)
    return replace(carried, delay_s=((trigger.fault.number("delay_ms") or 0.0) + jitter_ms) / 1000)


def _lost(_trigger: Trigger, carried: Carried) -> Carried:
    return replace(carried, lost=True, readable=False)


def _closed(trigger: Trigger, carried: Carried) -> Carried:
    raw = carried.raw[: trigger.number("after") or 0]
    return replace(carried, raw=raw, readable=False, closes=True)


def _duplicated(trigger: Trigger, carried: Carried) -> Carried:
    return replace(carried, again_s=(trigger.fault.number("gap_ms") or 0.0) / 1000)


_FATE: dict[str, Callable[[Trigger, Carried], Carried]] = {
    "late": _late,
    "lost": _lost,
    "unplugged": _lost,
    "closed": _closed,
    "duplicated": _duplicated,
}

_LOGICAL: dict[str, Callable[[Trigger, Adu, bool], Adu]] = {
    "wrong_unit": lambda t, adu, _request: damage.other_unit(adu, t.number("to")),
    "wrong_function": lambda t, adu, _request: damage.other_function(adu, t.number("to")),
    "wrong_count": lambda t, adu, request: damage.other_count(
        adu, t.number("by") or 0, request=request
    ),
    "tid_zero": lambda _t, adu, _request: replace(adu, tid=0),
    "wrong_tid": lambda t, adu, _request: replace(
        adu, tid=((adu.tid or 0) + (t.number("by") or 0)) & 0xFFFF
    ),
}


def _noise(trigger: Trigger) -> bytes:
    return damage.garbage(trigger.number("chars") or 0, trigger.chance)


_PHYSICAL: dict[str, Callable[[Trigger, bytes], bytes]] = {
    "truncated": lambda t, raw: damage.cut(raw, t.number("keep"), t.chance),
    "bit_errors": lambda t, raw: damage.flipped(raw, t.number("bits") or 1, t.chance),
    "garbage_before": lambda t, raw: _noise(t) + raw,
    "garbage_after": lambda t, raw: raw + _noise(t),
}
