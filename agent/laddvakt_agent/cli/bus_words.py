"""What `bus …` prints, as a person reads it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laddvakt_hal.codec import Value
from laddvakt_hal.identify import Confidence, Identified, Match
from laddvakt_hal.settings import LineSettings, SerialSettings
from laddvakt_hal.survey import Found, Sweep
from laddvakt_hal.survey_io import Point

NONE = "–"
FEW = 4  # of many alike are shown
_SURE = {
    Confidence.CERTAIN: "certain",
    Confidence.LIKELY: "likely",
    Confidence.POSSIBLE: "possible",
}


def setup_text(settings: LineSettings) -> str:
    """`9600 8N1`, or the TCP peer."""
    if isinstance(settings, SerialSettings):
        return f"{settings.baud} {settings.format}"
    return f"{settings.host}:{settings.port}"


def span_text(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns as wide as their widest cell; numbers to the right."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    for row in (head, *rows):
        cells = (
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip()


def found_lines(result: Sweep, *, tcp: bool = False) -> Iterator[str]:
    """What `scan` prints."""
    if result.found:
        rows = [_found_row(found) for found in result.found]
        yield from table(("unit", "line", "answer", "ms"), rows)
    for settings, reason in result.skipped:
        yield f"{setup_text(settings)}: not tried, {reason}"
    yield from (f"unit {unit}: not asked, {reason}" for unit, reason in result.refused[:FEW])
    if len(result.refused) > FEW:
        yield f"{len(result.refused) - FEW} more units were not asked either."
    if not result.clear:
        yield from _nobody(result.asked - len(result.refused), tcp=tcp)
    if any(found.exception is not None for found in result.found):
        yield "An exception is an answer, too: somebody is there. See: laddvakt bus identify."
    if any(found.garbled for found in result.found):
        yield "A garbled answer is a wrong speed, or two devices with one unit id."


def _nobody(asked: int, *, tcp: bool) -> Iterator[str]:
    yield f"Nobody answered; {asked} questions were asked."
    if asked and tcp:
        yield "Check the unit ids and the gateway's own speed and format, or try --framing rtu."
    elif asked:
        yield "Swap A and B, check the supply, or see: laddvakt bus doctor."


def identified_lines(found: Identified) -> Iterator[str]:
    """What `identify` prints."""
    if found.best is None:
        yield f"unit {found.unit}: answers, but no known profile fits ({found.reads} reads)."
        yield "Read its registers: laddvakt bus read UNIT ADDR..ADDR; then write a profile."
        return
    yield f"unit {found.unit}: {match_text(found.best)}"
    yield from _because(found.best)
    for other in found.others:
        yield f"  could also be: {match_text(other)}"
    rest = [m for m in found.matches[1:] if m not in found.others]
    for match in rest[:3]:
        yield f"  less likely: {match_text(match)}"


def match_text(match: Match) -> str:
    """A match in a line."""
    profile = match.profile
    return f"{profile.vendor} {profile.model} ({profile.id}), {_SURE[match.confidence]}"


def _because(match: Match) -> Iterator[str]:
    for evidence in match.evidence:
        yield f"  {evidence}"
    if match.at_factory_settings:
        yield "  speed and unit are those it leaves the factory with"
    if match.profile.variants:
        yield f"  also sold as {', '.join(match.profile.variants)}"


def _found_row(found: Found) -> tuple[str, str, str, str]:
    answer = "value"
    if found.garbled:
        answer = f"garbled ({found.garbled})"
    elif found.exception is not None:
        answer = f"exception {found.exception}"
    latency = NONE if found.latency_s is None else f"{found.latency_s * 1000:.0f}"
    return str(found.unit), setup_text(found.settings), answer, latency


def _is_number(text: str) -> bool:
    return text == NONE or text.replace(".", "", 1).replace("%", "").strip().isdecimal()


def value_text(value: Value | None) -> str:
    """A value with the digits that mean something."""
    if value is None:
        return NONE
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def point_text(quantity: str, point: Point) -> str:
    """A point in a line: value, unit, what it means."""
    value = point.reading.value
    if value is None:
        return f"{quantity}: {NONE} ({point.reading.quality.value})"
    unit = f" {point.row.unit}" if point.row.unit else ""
    meaning = f" ({point.text})" if point.text else ""
    if point.row.bits:
        meaning = f" ({', '.join(point.bits) or 'none set'})"
    return f"{quantity} = {value_text(value)}{unit}{meaning}"
