"""What a fault's snapshot keeps of the ring: whole steps, told as differences, compressed. Pure."""

from __future__ import annotations

import math
import zlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from laddvakt_agent.telemetry.channels import CHANNELS, LEVELS
from laddvakt_agent.telemetry.ring import Window

FORMAT = 1
_LEVEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One channel: its first value and each change since, in steps; `None`: no reading."""

    step: float
    changes: list[int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """The readable form of a snapshot's body."""

    format: int
    every_s: float
    begun_s: float  # CLOCK_BOOTTIME of the first
    late_ms: list[int]  # each row's distance from its even place
    series: dict[str, Series]


def encoded(window: Window, *, every_s: float = 1.0) -> bytes:
    """The bytes to store; names are `connector/channel`. An empty window gives an empty body."""
    begun_s = window.at_s[0] if window.at_s else 0.0
    late = [
        round(1e3 * (at_s - begun_s - place * every_s)) for place, at_s in enumerate(window.at_s)
    ]
    series = {
        name: _series(column, CHANNELS[_channel(name)])
        for name, column in window.columns.items()
        if not all(map(math.isnan, column))
    }
    frozen = Frozen(format=FORMAT, every_s=every_s, begun_s=begun_s, late_ms=late, series=series)
    return zlib.compress(msgspec.json.encode(frozen), _LEVEL)


def decoded(body: bytes) -> Window:
    """The window again, to the channels' steps.

    Raises:
        ValueError: these bytes are no snapshot.
    """
    try:
        frozen = msgspec.json.decode(zlib.decompress(body), type=Frozen)
    except (zlib.error, msgspec.DecodeError) as error:
        raise ValueError(f"not a snapshot: {error}") from error
    at_s = array(
        "d",
        (
            frozen.begun_s + place * frozen.every_s + late / 1e3
            for place, late in enumerate(frozen.late_ms)
        ),
    )
    return Window(at_s=at_s, columns={name: _column(part) for name, part in frozen.series.items()})


def thinned(body: bytes, *, every: int = 60) -> bytes:
    """The same snapshot with one mean in place of `every` rows."""
    window = decoded(body)
    rows = range(0, len(window.at_s), every)
    columns: Mapping[str, array[float]] = window.columns
    means = {
        name: array("d", (_mean(name, column[row : row + every]) for row in rows))
        for name, column in columns.items()
    }
    at_s = array("d", (window.at_s[row] for row in rows))
    return encoded(Window(at_s=at_s, columns=means), every_s=float(every))


def _mean(name: str, part: array[float]) -> float:
    known = [value for value in part if not math.isnan(value)]
    if not known:
        return math.nan
    return known[-1] if _channel(name) in LEVELS else sum(known) / len(known)


def _channel(name: str) -> str:
    return name.rpartition("/")[2]


def _series(column: array[float], step: float) -> Series:
    changes: list[int | None] = []
    before = 0
    for value in column:
        if math.isnan(value):
            changes.append(None)
            continue
        steps = round(value / step)
        changes.append(steps - before)
        before = steps
    return Series(step=step, changes=changes)


def _column(series: Series) -> array[float]:
    column = array("d")
    steps = 0
    for change in series.changes:
        steps += change or 0
        column.append(math.nan if change is None else steps * series.step)
    return column
