"""What no single detector can see: causes concluded from several faults and what was done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from laddvakt_agent.core.diagnose.picture import STATION, Beside, Picture, Visit, meters
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.model import ActiveFault

Identity = tuple[str, str]

TOGETHER_S = 10.0  # devices are missed after different times
SILENT_CODES = frozenset({"bus_down", "device_lost", "meter_lost"})
OVER_CODES = frozenset({"over_current", "over_current_gross"})
BEHIND_S = (-0.75, 3.0)  # the last reply of a meter that the contactor feeds, after the opening
IN_STEP_S = 2.5  # a burst, or the last reply of a device that noise drowned, after a switching
IN_STEP_COUNT = 3
BRIEF_S = 15.0  # noise is over soon after the contactor has moved; a longer silence is no noise
IN_STEP_SHARE = 0.8
NOISY_SHARE = 0.2  # so many broken replies silence a device now and then
OPEN_CODES = frozenset({"contactor_did_not_close", "contactor_opened_alone"})
AGAINST_S = 3.0
OVER_RATIO = 1.05
ALIKE_RATIO = 0.08
CUT_RATIO = 1.4  # from here a trip cuts them short: how high they would go is not seen
FULL_RATIO = 0.9  # a vehicle that takes less than it may says nothing of the scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """A cause that follows from these faults together."""

    fault: ActiveFault
    symptoms: frozenset[Identity]
    why: str
    told: str
    suspected: str = ""

    def explains(self, fault: ActiveFault) -> str:
        """Why it explains this fault; empty when it does not."""
        return self.why if (fault.code, fault.subject) in self.symptoms else ""


def conclusions(picture: Picture) -> tuple[Conclusion, ...]:
    """All that follow from the picture."""
    return (
        *_field_supply(picture),
        *_behind(picture),
        *_interference(picture),
        *_scaling(picture),
        *_lying_mirror(picture),
    )


def _field_supply(picture: Picture) -> Iterator[Conclusion]:
    """Every device silent on all of several lines, the controller alive."""
    lines = {*picture.lines(), *(device.line for device in picture.devices().values())}
    silent = [f for f in picture.standing if f.code in SILENT_CODES]
    supplied = any(
        f.code in ("power_lost", "upstream_protection_tripped") for f in picture.standing
    )
    if len(lines) < 2 or supplied or not silent:
        return
    if not all(_line_silent(line, silent, picture) for line in lines):
        return
    first_s = min(fault.since_s for fault in silent)
    if max(_line_since_s(line, silent, picture) for line in lines) > first_s + TOGETHER_S:
        return
    yield Conclusion(
        fault=_made("power_lost", STATION, silent, "every device silent on every line"),
        symptoms=_identities(silent),
        why="it is silent together with every other device, on every line",
        told=f"{len(lines)} lines fell silent within {TOGETHER_S:g} s: supply of the field side",
        suspected="the controller lives: its own supply is another one",
    )


def _line_silent(line: str, silent: list[ActiveFault], picture: Picture) -> bool:
    gone = {fault.subject for fault in silent}
    on_line = {device.name for device in picture.devices().values() if device.line == line}
    return line in gone or (bool(on_line) and on_line <= gone)


def _line_since_s(line: str, silent: list[ActiveFault], picture: Picture) -> float:
    return min(f.since_s for f in silent if picture.line_of(f.subject) == line)


def _behind(picture: Picture) -> Iterator[Conclusion]:
    """A meter that is silent exactly since the contactor opened."""
    for fault in picture.standing:
        if fault.code != "meter_lost":
            continue
        for beside in picture.beside(fault.subject):
            opened_s = _silent_since_opening_s(fault, beside)
            if opened_s is None or _others_silent(fault, picture):
                continue
            yield Conclusion(
                fault=_made("meter_behind_contactor", fault.subject, [fault], "silent while open"),
                symptoms=_identities([fault]),
                why="it fell silent when the contactor opened, and answers while that is closed",
                told="its supply seems to come through the contactor",
                suspected="seen once; three openings make it certain",
            )


def _silent_since_opening_s(fault: ActiveFault, beside: Beside) -> float | None:
    """When the contactor opened with which the meter fell silent."""
    last = beside.switchings[-1] if beside.switchings else None
    if last is None or last.closed or fault.subject not in meters(beside):
        return None
    heard_s = next(d.heard_s for d in beside.devices if d.name == fault.subject)
    if heard_s is None or not BEHIND_S[0] <= heard_s - last.at_s <= BEHIND_S[1]:
        return None
    return last.at_s


def _others_silent(fault: ActiveFault, picture: Picture) -> bool:
    """Something else of its line is silent too: then it is not the contactor."""
    line = picture.line_of(fault.subject)
    return any(
        other.code in SILENT_CODES
        and picture.line_of(other.subject) == line
        and other.subject != fault.subject
        for other in picture.standing
    )


def _interference(picture: Picture) -> Iterator[Conclusion]:
    """Losses in step with the contactor, or on a line full of broken replies: not a dead device."""
    fed = {f.subject for f in picture.standing if f.code == "meter_behind_contactor"}
    for name in sorted(picture.lines()):
        lost = [
            fault
            for fault in picture.standing
            if fault.code in SILENT_CODES
            and picture.line_of(fault.subject) == name
            and fault.subject not in fed
        ]
        noisy = [f for f in picture.standing if (f.code, f.subject) == ("bus_noisy", name)]
        share = picture.lines()[name].error_share or 0.0
        in_step = _in_step(name, picture)
        if in_step and (lost or noisy):
            yield Conclusion(
                fault=_made("bus_noisy", name, [*lost, *noisy], "in step with the contactor"),
                symptoms=_identities(lost),
                why="it is lost when the contactor moves, and back soon after",
                told=f"{in_step} losses in step with the contactor: interference on the line",
                suspected="" if noisy else "interference suspected, not a dead device",
            )
        elif lost and share >= NOISY_SHARE:
            yield Conclusion(
                fault=_made("bus_noisy", name, [*lost, *noisy], f"{share:.0%} of replies broken"),
                symptoms=_identities(lost),
                why=f"{share:.0%} of the replies on its line come broken",
                told="so many broken replies silence a device now and then",
            )


def _in_step(line: str, picture: Picture) -> int:
    """How many disturbances of a line came with a switching; 0 where too few or too many did not.

    Disturbances are bursts of broken replies where they are told, else losses of devices.
    """
    told = picture.lines()[line].broken_s
    times_s = list(told) or [heard_s for heard_s in _lost_s(line, picture)]
    switched_s = [s.at_s for beside in picture.connectors.values() for s in beside.switchings]
    with_it = [t for t in times_s if any(-0.5 <= t - at_s <= IN_STEP_S for at_s in switched_s)]
    enough = len(with_it) >= IN_STEP_COUNT and len(with_it) >= IN_STEP_SHARE * len(times_s)
    return len(with_it) if enough else 0


def _lost_s(line: str, picture: Picture) -> Iterator[float]:
    """When devices of this line were lost, as near as their faults tell it."""
    ended = [(fault, picture.now_s) for fault in picture.standing]
    ended += [(past.fault, past.cleared_s) for past in picture.past]
    for fault, until_s in ended:
        onset_s = picture.onset_s(fault)
        brief = until_s - fault.since_s <= BRIEF_S
        if brief and fault.code in SILENT_CODES and picture.line_of(fault.subject) == line:
            yield onset_s


def _scaling(picture: Picture) -> Iterator[Conclusion]:
    """The same over-current ratio with every vehicle: the meter's scale, not the vehicles."""
    for name, beside in sorted(picture.connectors.items()):
        over = [f for f in picture.standing if f.code in OVER_CODES and f.subject == name]
        ratios = _ratios(beside.visits)
        if not over or len(ratios) < 2 or min(ratios) < OVER_RATIO:
            continue
        if min(ratios) < CUT_RATIO and max(ratios) > (1.0 + ALIKE_RATIO) * min(ratios):
            continue
        meter = min(meters(beside), default=name)
        yield Conclusion(
            fault=_made("meter_implausible", meter, over, f"{min(ratios):.2f} × the offer or more"),
            symptoms=_identities(over),
            why=f"{len(ratios)} vehicles seem to draw {min(ratios):.2f} × the offer or more",
            told="ratio of the current transformers, or scaling of the meter",
            suspected="a reference meter makes it certain",
        )


def _lying_mirror(picture: Picture) -> Iterator[Conclusion]:
    """Feedback and current disagree: a current that began through it shows that it did close."""
    for name, beside in sorted(picture.connectors.items()):
        against_s = beside.against_s
        blamed = [
            fault
            for fault in picture.standing
            if fault.code in OPEN_CODES
            and fault.subject == name
            and against_s is not None
            and abs(fault.since_s - against_s) <= AGAINST_S
        ]
        if blamed:
            yield Conclusion(
                fault=_made("contactor_disputed", name, blamed, "current with an open mirror"),
                symptoms=_identities(blamed),
                why="a current began while the mirror contact said open",
                told="the mirror contact contradicts the meter: the contactor did close",
            )


def _ratios(visits: tuple[Visit, ...]) -> list[float]:
    return [v.ratio for v in visits if v.ratio is not None and v.ratio >= FULL_RATIO]


def _made(code: str, subject: str, of: list[ActiveFault], evidence: str) -> ActiveFault:
    return ActiveFault(
        code=code,
        subject=subject,
        since_s=min(fault.since_s for fault in of),
        act=max((fault.act for fault in of), default=Act.NONE),
        locked_out=False,
        evidence=evidence,
    )


def _identities(faults: list[ActiveFault]) -> frozenset[Identity]:
    return frozenset((fault.code, fault.subject) for fault in faults)
