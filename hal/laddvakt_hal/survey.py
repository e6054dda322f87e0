"""Finding out who answers on a line, and at which speed: likely places first, nothing written.

A probe reads one register: whoever answers it, with a value or with an exception, is there. A line
runs at one speed, so by default the sweep ends with the speed at which somebody answered.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from laddvakt_hal.errors import BusDown, Garbled, NoReply, Refused
from laddvakt_hal.frame import EXCEPTION_LENGTH, Function, Request, rtu_request_length
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.survey_line import PROBE, LineTrouble, NotAllowed, Trouble, trouble_now

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager

    from laddvakt_hal.profile_model import Profile
    from laddvakt_hal.settings import LineSettings, Timing
    from laddvakt_hal.survey_line import Channel

BAUDS = (9600, 19200, 115200, 38400, 57600, 4800, 2400, 1200)
FORMATS = ("8N1", "8E1", "8N2", "8O1")
GATEWAY_EXCEPTIONS = (10, 11)  # the gateway speaks, not the device
LAST_UNIT = 247
OPENING_S = 0.2  # a port is opened again for each speed, and must have been silent first
_SKIPPED = (Trouble.BABBLE, Trouble.SETTINGS)  # the next speed may do

OpenLine: TypeAlias = "Callable[[LineSettings], AbstractAsyncContextManager[Channel]]"


class Stop(enum.Enum):
    """When a sweep has found enough."""

    FIRST = "first"  # one answer
    LINE = "line"  # every unit at the speed where one answered
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Units to ask at one setting of the line."""

    settings: LineSettings
    units: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Somebody answered. `exception` is the code of a refusal, `garbled` what spoilt the reply."""

    settings: LineSettings
    unit: int
    latency_s: float | None = None
    exception: int | None = None
    garbled: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a sweep is."""

    done: int
    total: int
    settings: LineSettings
    unit: int
    found: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep found; `complete` is False when it ended early, as `Stop` says."""

    found: tuple[Found, ...]
    asked: int
    complete: bool
    skipped: tuple[tuple[LineSettings, str], ...] = ()  # speeds that could not be tried, and why
    refused: tuple[tuple[int, str], ...] = ()  # units the line's holder does not ask, and why

    @property
    def clear(self) -> tuple[Found, ...]:
        """The answers that were whole."""
        return tuple(found for found in self.found if not found.garbled)


def probe(unit: int) -> Request:
    """The question everybody who is there answers, if only with an exception."""
    return Request(unit=unit, function=Function.READ_HOLDING, address=0)


def settings_in_order(
    line: SerialSettings,
    profiles: Iterable[Profile],
    bauds: Sequence[int] = (),
    formats: Sequence[str] = (),
) -> tuple[SerialSettings, ...]:
    """The line at every speed and format wanted, how devices leave the factory first."""
    wanted = {(baud, form) for baud in bauds or BAUDS for form in formats or FORMATS}
    factory = Counter(
        (profile.baud, f"8{profile.parity}{profile.stop_bits}")
        for profile in profiles
        if profile.baud is not None
    )
    usual = [(baud, form) for form in FORMATS for baud in BAUDS]
    ranked = [pair for pair, _ in factory.most_common()] + usual + sorted(wanted)
    return tuple(
        replace(line, baud=baud, parity=form[1], stop_bits=int(form[2]))
        for baud, form in dict.fromkeys(ranked)
        if baud is not None and (baud, form) in wanted
    )


def steps(
    settings: Sequence[LineSettings], units: Sequence[int], profiles: Iterable[Profile]
) -> tuple[Step, ...]:
    """At every setting the factory's unit ids, then at every setting all the others."""
    usual = Counter(profile.unit for profile in profiles if profile.unit is not None)
    first = tuple(unit for unit, _ in usual.most_common() if unit in units)
    rest = tuple(unit for unit in units if unit not in first)
    rounds = [first, rest] if len(settings) > 1 else [(*first, *rest)]
    return tuple(Step(settings=its, units=part) for part in rounds if part for its in settings)


def estimate_s(plan: Iterable[Step], timing: Timing = PROBE) -> float:
    """How long the whole plan takes when nobody answers."""
    return sum(
        OPENING_S + len(step.units) * silent_s(step.settings, timing.timeout_s) for step in plan
    )


def silent_s(settings: LineSettings, timeout_s: float) -> float:
    """How long a probe that nobody answers holds the line."""
    if not isinstance(settings, SerialSettings):
        return timeout_s
    characters = rtu_request_length(probe(1)) + EXCEPTION_LENGTH
    return timeout_s + characters * settings.character_s + settings.silence_s


async def sweep(
    plan: Sequence[Step],
    open_line: OpenLine,
    *,
    stop: Stop = Stop.LINE,
    timing: Timing = PROBE,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Sweep:
    """Ask everybody in the plan, in its order.

    Raises:
        LineTrouble: the line cannot be used at all.
    """
    walk = _Walk(
        open_line=open_line,
        stop=stop,
        timing=timing,
        on_progress=on_progress,
        total=sum(len(step.units) for step in plan),
    )
    for step in plan:
        if not walk.ended(step):
            await walk.take(step)
    return Sweep(
        found=tuple(walk.found),
        asked=walk.asked,
        complete=walk.asked == walk.total,
        skipped=tuple(walk.skipped),
        refused=tuple(walk.refused.items()),
    )


class _Walk:
    """A sweep under way."""

    def __init__(
        self,
        *,
        open_line: OpenLine,
        stop: Stop,
        timing: Timing,
        on_progress: Callable[[Progress], None],
        total: int,
    ) -> None:
        self.found: list[Found] = []
        self.asked = 0
        self.total = total
        self.skipped: list[tuple[LineSettings, str]] = []
        self.refused: dict[int, str] = {}
        self._open_line = open_line
        self._stop = stop
        self._timing = timing
        self._on_progress = on_progress

    def ended(self, step: Step) -> bool:
        """True when the step is not worth taking any more."""
        clear = [found for found in self.found if not found.garbled]
        if not clear or self._stop is Stop.NEVER:
            return False
        return self._stop is Stop.FIRST or clear[0].settings != step.settings

    async def take(self, step: Step) -> None:
        """Ask every unit of the step."""
        try:
            async with self._open_line(step.settings) as line:
                for unit in step.units:
                    told = (self.asked, self.total, step.settings, unit, len(self.found))
                    self._on_progress(_progress(*told))
                    found = await self._asked(line, step.settings, unit)
                    self.asked += 1
                    if found is not None:
                        self.found.append(found)
                    if self._stop is Stop.FIRST and self.ended(step):
                        return
        except LineTrouble as error:
            if error.trouble not in _SKIPPED:
                raise
            self.skipped.append((step.settings, str(error)))

    async def _asked(self, line: Channel, settings: LineSettings, unit: int) -> Found | None:
        try:
            return await _ask(line, settings, unit, self._timing)
        except NotAllowed as error:  # a device its holder knows to be silent, for one
            self.refused[unit] = str(error)
            return None


async def _ask(line: Channel, settings: LineSettings, unit: int, timing: Timing) -> Found | None:
    """Who answered, if anybody did.

    Raises:
        LineTrouble: the line is gone.
        NotAllowed: whoever holds the line does not ask that unit.
    """
    line.set_timing(unit, timing)
    try:
        reply = await line.transact(probe(unit))
    except NoReply:
        return None
    except Refused as error:
        if error.exception_code in GATEWAY_EXCEPTIONS:
            return None
        return Found(settings=settings, unit=unit, exception=error.exception_code)
    except Garbled as error:
        return Found(settings=settings, unit=unit, garbled=error.kind)
    except BusDown as error:
        raise trouble_now(settings, str(error)) from error
    latency_s = reply.taken_at_s - reply.sent_at_s
    return Found(settings=settings, unit=unit, latency_s=latency_s)


def _progress(done: int, total: int, settings: LineSettings, unit: int, found: int) -> Progress:
    return Progress(done=done, total=total, settings=settings, unit=unit, found=found)
