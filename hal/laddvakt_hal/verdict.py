"""What is wrong with a line, pure: evidence in, verdicts out, each with its reason.

A cause silences its symptoms: where nobody answers, no single device is blamed. The words stand in
`verdict_texts.py`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_hal.survey_line import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ENOUGH = 5  # requests to a unit before it is judged
SPOILT_SHARE = 0.01  # more garbled replies than this are no accident
SILENT_SHARE = 0.05
IN_STEP_SHARE = 0.6  # of the errors stand right after a contactor switched
IN_STEP_LEAST = 3
LATENCY_MS = 1
_GATEWAY = (10, 11)


class Level(enum.IntEnum):
    """How much a verdict weighs."""

    FINE = 0
    HINT = 1  # works, could be better
    TROUBLE = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class UnitEvidence:
    """What happened with one unit; the counters mean what those of `DeviceStats` mean."""

    unit: int
    name: str = ""
    requests: int = 0
    ok: int = 0
    no_reply: int = 0
    crc: int = 0
    short: int = 0
    wrong_unit: int = 0
    wrong_reply: int = 0
    echo: int = 0
    exceptions: Mapping[int, int] = field(default_factory=dict)
    blind: bool = False  # asked without knowing its registers: a refusal is as good as a value

    @property
    def answered(self) -> int:
        """Replies that show the device itself is there."""
        own = sum(n for code, n in self.exceptions.items() if code not in _GATEWAY)
        return self.ok + own

    @property
    def spoilt(self) -> int:
        """Replies whose characters were wrong; what is short is known only with its length."""
        return self.crc + self.wrong_reply + (self.short if self.blind else 0)

    @property
    def label(self) -> str:
        """How a person calls it."""
        return f"{self.name} (unit {self.unit})" if self.name else f"unit {self.unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsewhere:
    """A device that answers at another setting of the line."""

    setup: str  # for example `19200 8E1`
    unit: int
    name: str = ""  # what it was identified as


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEvidence:
    """Everything known about a line; `None`: nobody looked."""

    name: str
    setup: str  # `/dev/ttyUSB0 9600 8N1` or `10.0.0.5:502`
    tcp: bool = False
    trouble: Trouble | None = None
    trouble_text: str = ""
    units: tuple[UnitEvidence, ...] = ()
    swept: bool = False  # other speeds were tried
    elsewhere: tuple[Elsewhere, ...] = ()
    late: int = 0  # characters or replies that came when none was owed
    copies: int = 0  # whole replies among them: somebody says things twice
    hears_itself: bool | None = None
    errors_seen: int = 0  # errors whose time is known …
    errors_after_switch: int = 0  # … and those right after a contactor switched
    latency_timer_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One finding; `subject` is the line or the device, `because` the evidence in figures."""

    code: str
    level: Level
    subject: str
    because: str
    values: Mapping[str, str] = field(default_factory=dict)  # fill the text's gaps


def judge(line: LineEvidence) -> tuple[Verdict, ...]:
    """Every verdict on the line, the heaviest first; without trouble `all_good` leads the hints."""
    found = list(_whole_line(line)) or [v for rule in _RULES for v in rule(line)]
    found.sort(key=lambda verdict: -verdict.level)
    if any(verdict.level is Level.TROUBLE for verdict in found):
        return tuple(found)
    asked = [unit for unit in line.units if unit.requests >= ENOUGH]
    if not asked:
        little = f"{sum(unit.requests for unit in line.units)} requests so far"
        return (_verdict("too_little", Level.HINT, line.name, little), *found)
    total, good = sum(u.requests for u in asked), sum(u.answered for u in asked)
    return (_verdict("all_good", Level.FINE, line.name, f"{good} of {total} answered"), *found)


def worst(verdicts: tuple[Verdict, ...]) -> Level:
    """The heaviest level."""
    return max((verdict.level for verdict in verdicts), default=Level.FINE)


def _verdict(
    code: str, level: Level, subject: str, because: str, values: Mapping[str, str] | None = None
) -> Verdict:
    return Verdict(code=code, level=level, subject=subject, because=because, values=values or {})


def _whole_line(line: LineEvidence) -> Iterator[Verdict]:
    """What makes every other finding a symptom."""
    if line.trouble is not None:
        yield _verdict(f"port_{line.trouble.value}", Level.TROUBLE, line.name, line.trouble_text)
        return
    tried = [unit for unit in line.units if unit.requests]
    if any(unit.answered for unit in tried):
        return
    if line.elsewhere:
        first = line.elsewhere[0]
        who = first.name or f"unit {first.unit}"
        also = ", ".join(f"unit {e.unit} at {e.setup}" for e in line.elsewhere)
        values = {"device": who, "setup": first.setup, "now": line.setup}
        yield _verdict("other_settings", Level.TROUBLE, line.name, f"answered: {also}", values)
    elif tried and not any(unit.spoilt or unit.short for unit in tried):
        yield from _nobody(line, tried)


def _nobody(line: LineEvidence, tried: list[UnitEvidence]) -> Iterator[Verdict]:
    asked = sum(unit.requests for unit in tried)
    gateway = {code: n for u in tried for code, n in u.exceptions.items() if code in _GATEWAY}
    if line.hears_itself or any(unit.echo for unit in tried):
        because = f"{asked} requests came back as our own echo, no reply among them"
        yield _verdict("only_echo", Level.TROUBLE, line.name, because)
    elif gateway:
        yield from _gateway(line)
    elif line.tcp:
        because = f"{asked} requests to {_units(tried)}, none answered"
        yield _verdict("nobody_behind_gateway", Level.TROUBLE, line.name, because)
    elif line.swept:
        because = f"no answer at any speed, {asked} requests at {line.setup}"
        yield _verdict("nothing_answers", Level.TROUBLE, line.name, because)
    else:
        because = f"{asked} requests to {_units(tried)}, none answered"
        yield _verdict("nothing_answers_here", Level.TROUBLE, line.name, because)


def _spoilt(line: LineEvidence) -> Iterator[Verdict]:
    """Check-sum errors: of everybody, of one, or in step with the contactor."""
    tried = [unit for unit in line.units if unit.requests >= ENOUGH]
    bad = [u for u in tried if u.spoilt > 1 and u.spoilt / u.requests > SPOILT_SHARE]
    if not bad:
        return
    figures = ", ".join(f"{u.label} {u.spoilt} of {u.requests}" for u in bad)
    near = line.errors_after_switch
    if near >= IN_STEP_LEAST and near >= IN_STEP_SHARE * line.errors_seen:
        because = f"{near} of {line.errors_seen} errors within 0.5 s of a switching contactor"
        yield _verdict("crc_with_contactor", Level.TROUBLE, line.name, because)
    elif len(bad) == 1 and any(u.answered and u is not bad[0] for u in tried):
        yield _verdict("two_on_one_address", Level.TROUBLE, bad[0].label, f"garbled: {figures}")
    elif not any(unit.answered for unit in tried):
        yield _verdict("only_garbage", Level.TROUBLE, line.name, f"garbled: {figures}")
    else:
        yield _verdict("crc_everywhere", Level.TROUBLE, line.name, f"garbled: {figures}")


def _silent(line: LineEvidence) -> Iterator[Verdict]:
    tried = [unit for unit in line.units if unit.requests >= ENOUGH]
    if not any(unit.answered for unit in tried):
        return  # the line's trouble, not a device's
    for unit in tried:
        figure = f"{unit.no_reply} of {unit.requests} requests not answered"
        if unit.no_reply and not unit.answered and not unit.spoilt and not unit.short:
            yield _verdict("one_silent", Level.TROUBLE, unit.label, figure)
        elif unit.no_reply > 1 and unit.no_reply / unit.requests > SILENT_SHARE:
            code = "late_replies" if line.late else "sometimes_silent"
            more = f", {line.late} came too late" if line.late else ""
            yield _verdict(code, Level.TROUBLE, unit.label, figure + more)


def _short(line: LineEvidence) -> Iterator[Verdict]:
    known = (unit for unit in line.units if not unit.blind)
    bad = {u: u.short for u in known if u.short > 1 and u.short / u.requests > SPOILT_SHARE}
    yield from _of_units("short_replies", line, bad, "replies ended early")


def _wrong_unit(line: LineEvidence) -> Iterator[Verdict]:
    bad = {unit: unit.wrong_unit for unit in line.units if unit.wrong_unit}
    yield from _of_units("wrong_unit", line, bad, "replies named another unit")


def _of_units(
    code: str, line: LineEvidence, bad: Mapping[UnitEvidence, int], what: str
) -> Iterator[Verdict]:
    """One verdict: on the device when it is one, else on the line."""
    if len(bad) == 1:
        unit, count = next(iter(bad.items()))
        because = f"{count} of {unit.requests} {what}"
        yield _verdict(code, Level.TROUBLE, unit.label, because)
    elif bad:
        figures = ", ".join(f"{u.label} {count} of {u.requests}" for u, count in bad.items())
        yield _verdict(code, Level.TROUBLE, line.name, f"{what}: {figures}")


def _gateway(line: LineEvidence) -> Iterator[Verdict]:
    for unit in line.units:
        codes = {code: n for code, n in unit.exceptions.items() if code in _GATEWAY and n}
        for code, count in codes.items():
            name = "gateway_no_path" if code == _GATEWAY[0] else "gateway_target_silent"
            because = f"exception {code}, {count} of {unit.requests} times"
            yield _verdict(name, Level.TROUBLE, unit.label, because)


def _exceptions(line: LineEvidence) -> Iterator[Verdict]:
    for unit in line.units:
        own = {code: n for code, n in unit.exceptions.items() if code not in _GATEWAY and n}
        if sum(own.values()) > 1 and not unit.blind:
            figures = ", ".join(f"exception {code} {n} times" for code, n in sorted(own.items()))
            level = Level.HINT if unit.ok else Level.TROUBLE
            yield _verdict("refuses", level, unit.label, f"{figures} of {unit.requests}")


def _echo(line: LineEvidence) -> Iterator[Verdict]:
    echoed = sum(unit.echo for unit in line.units)
    if echoed:
        because = f"{echoed} writes were confirmed by our own echo alone"
        yield _verdict("echo", Level.TROUBLE, line.name, because)
    elif line.hears_itself:
        yield _verdict("echo_heard", Level.HINT, line.name, "every request comes back once")


def _copies(line: LineEvidence) -> Iterator[Verdict]:
    if line.copies > 1:
        because = f"{line.copies} whole replies came that nobody was owed"
        yield _verdict("repeated", Level.TROUBLE, line.name, because)


def _latency_timer(line: LineEvidence) -> Iterator[Verdict]:
    if line.latency_timer_ms is not None and line.latency_timer_ms > LATENCY_MS:
        because = f"the adapter holds characters back for {line.latency_timer_ms} ms"
        yield _verdict("latency_timer", Level.HINT, line.name, because)


def _units(units: list[UnitEvidence]) -> str:
    numbers = [str(unit.unit) for unit in units]
    if len(numbers) == 1:
        return f"unit {numbers[0]}"
    return f"units {', '.join(numbers)}" if len(numbers) <= 6 else f"{len(numbers)} units"


_RULES: tuple[Callable[[LineEvidence], Iterator[Verdict]], ...] = (
    _spoilt,
    _silent,
    _short,
    _wrong_unit,
    _gateway,
    _exceptions,
    _echo,
    _copies,
    _latency_timer,
)
