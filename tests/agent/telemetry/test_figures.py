"""Ring, minutes and snapshots: numbers in, the same numbers out, in a bounded room."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_agent.core.inputs import Inputs, Pilot, Sample
from laddvakt_agent.core.model import Outputs, State
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.hardware import Hardware
from laddvakt_agent.telemetry.channels import CHANNELS, PILOTS, STATES, values
from laddvakt_agent.telemetry.figures import LineFigures, OwnFigures, resident_kb
from laddvakt_agent.telemetry.frozen import decoded, encoded, thinned
from laddvakt_agent.telemetry.means import FIGURES, Minute, merged
from laddvakt_agent.telemetry.ring import MOST_BYTES, SECONDS, Ring, Window
from laddvakt_hal.stats import DeviceStats

NAMES = [f"{connector}/{channel}" for connector in "12" for channel in CHANNELS]


def second(rng: random.Random, *, gaps: bool = False) -> tuple[float, ...]:
    """One second of a charging connector; with gaps some readings are missing."""
    told = [
        *(230 + rng.gauss(0, 1) for _ in range(3)),
        *(15.9 + rng.gauss(0, 0.1) for _ in range(3)),
        10_900 + rng.gauss(0, 50), 1e6 + rng.random(), 0.0004, 0.0, 41.0, 38.0, 16.0,
        float(STATES.index("charging")), float(PILOTS.index("C")), 1.0, 1.0,
    ]  # fmt: skip
    return tuple(
        math.nan if gaps and rng.random() < 0.3 and n != 13 else v for n, v in enumerate(told)
    )


@pytest.mark.parametrize("count", [0, 1, SECONDS - 1, SECONDS, SECONDS + 1, 3 * SECONDS + 7])
def test_the_ring_holds_the_newest_seconds_in_order(count: int) -> None:
    ring = Ring(["1/power_w"])
    for number in range(count):
        ring.add(float(number), (2.0 * number,))
    window = ring.window()
    seconds = [float(number) for number in range(max(0, count - SECONDS), count)]
    assert list(window.at_s) == seconds
    assert list(window.columns["1/power_w"]) == [2 * s for s in seconds]


@pytest.mark.parametrize("connectors", [1, 2, 4, 64])
def test_the_ring_never_takes_more_than_two_megabytes(connectors: int) -> None:
    ring = Ring([f"{n}/{channel}" for n in range(connectors) for channel in CHANNELS])
    assert ring.size_bytes <= MOST_BYTES
    assert ring.seconds >= 200


def test_a_reading_past_its_time_is_missing() -> None:
    known = Settings(connector="1", max_current_a=16.0)
    fresh = Inputs(
        voltage_v=Sample(value=(230.0, None, 231.0), taken_s=98.0),
        power_w=Sample(value=1000.0, taken_s=96.9),
        pilot=Sample(value=Pilot.C, taken_s=99.0),
        feedback_closed=Sample(value=True, taken_s=99.0),
    )
    told = values(known, fresh, Outputs(closed=True, limit_a=16.0), State.CHARGING, 100.0)
    by_name = dict(zip(CHANNELS, told, strict=True))
    assert (by_name["voltage_l1_v"], by_name["voltage_l3_v"]) == (230.0, 231.0)
    assert math.isnan(by_name["voltage_l2_v"])
    assert math.isnan(by_name["power_w"])
    assert (by_name["closed"], by_name["feedback"], by_name["limit_a"]) == (1.0, 1.0, 16.0)
    assert STATES[int(by_name["state"])] == "charging"
    assert PILOTS[int(by_name["pilot"])] == "C"


def test_a_minute_tells_means_extremes_and_the_last() -> None:
    minute = Minute()
    base = dict(zip(CHANNELS, second(random.Random(1)), strict=True))
    for volts, watts, register in (
        (229.0, 900.0, 5.0),
        (231.0, math.nan, 6.0),
        (math.nan, 1100.0, 7.1),
    ):
        minute.add(
            tuple({**base, "voltage_l1_v": volts, "power_w": watts, "energy_wh": register}.values())
        )
    told = minute.record()
    assert told["voltage_l1_mv"] == 230_000
    assert (told["power_w"], told["power_max_w"]) == (1000, 1100)
    assert told["energy_wh"] == 7.1
    assert (told["state"], told["seconds"], told["closed_share_pm"]) == ("charging", 3, 1000)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 60), min_size=1, max_size=15))
def test_minutes_merge_to_what_all_their_seconds_say(seed: int, lengths: list[int]) -> None:
    """To the last digit kept, where no reading is missing; extremes even then."""
    rng = random.Random(seed)
    minutes, whole = [], Minute()
    for length in lengths:
        minute = Minute()
        for _ in range(length):
            told = second(rng)
            minute.add(told)
            whole.add(told)
        minutes.append(minute.record())
    one, other = merged(minutes), whole.record()
    for name, figure in FIGURES.items():
        step = 1.0 if figure.digits is None else 10.0**-figure.digits
        a, b = one[name], other[name]
        assert isinstance(a, int | float)
        assert isinstance(b, int | float)
        assert abs(a - b) <= (1.01 * step if figure.how == "mean" else 1e-9), name
    assert (one["state"], one["seconds"]) == (other["state"], other["seconds"])


def window(seconds: int, *, gaps: bool) -> Window:
    rng, ring = random.Random(3), Ring(NAMES)
    for number in range(seconds):
        ring.add(1000.0 + number + rng.random() / 50, second(rng, gaps=gaps) * 2)
    return ring.window()


@pytest.mark.parametrize("gaps", [False, True])
def test_a_snapshot_comes_back_to_its_channels_steps(gaps: bool) -> None:
    before = window(SECONDS, gaps=gaps)
    body = encoded(before)
    after = decoded(body)
    assert all(abs(a - b) <= 0.0006 for a, b in zip(after.at_s, before.at_s, strict=True))
    for name, column in before.columns.items():
        step = CHANNELS[name.partition("/")[2]]
        for a, b in zip(after.columns[name], column, strict=True):
            assert math.isnan(a) == math.isnan(b)
            assert math.isnan(a) or abs(a - b) <= 0.51 * step
    assert len(body) < 40_000  # two hundred of them stay within an eighth of the quota


def test_a_thinned_snapshot_keeps_a_mean_of_each_minute() -> None:
    before = window(150, gaps=False)
    after = decoded(thinned(encoded(before)))
    assert [round(at_s - before.at_s[0]) for at_s in after.at_s] == [0, 60, 120]
    volts = before.columns["1/voltage_l1_v"]
    means = [sum(part) / len(part) for part in (volts[:60], volts[60:120], volts[120:])]
    assert list(after.columns["1/voltage_l1_v"]) == pytest.approx(means, abs=0.06)
    assert set(after.columns["1/state"]) == {float(STATES.index("charging"))}


def test_nothing_recorded_yet_is_an_empty_snapshot() -> None:
    assert list(decoded(encoded(Ring(NAMES).window())).at_s) == []
    bare = Window(at_s=array("d", [1.0]), columns={"1/power_w": array("d", [math.nan])})
    assert decoded(encoded(bare)).columns == {}


def test_bytes_that_are_no_snapshot_are_refused() -> None:
    with pytest.raises(ValueError, match="not a snapshot"):
        decoded(b"nonsense")


@dataclass
class Lines:
    """One line with one device, counted by hand."""

    stats: DeviceStats

    def hardware(self) -> Hardware:
        bus = SimpleNamespace(stats={7: self.stats})
        device = SimpleNamespace(unit=7)
        silent = SimpleNamespace(unit=8)
        found = SimpleNamespace(
            devices={"meter1": device, "never asked": silent},
            line_of={"meter1": "line1", "never asked": "line1"},
            buses={"line1": bus},
        )
        return cast("Hardware", found)


def test_a_line_tells_what_was_new_in_its_quarter() -> None:
    stats = DeviceStats(requests=100, ok=90, crc=4, wrong_unit=1, wrong_reply=2, echo=3)
    stats.latencies_s.extend((0.020, 0.021, 0.040))
    lines, hardware = LineFigures(), Lines(stats).hardware()
    (first,) = lines.records(hardware)
    assert first == {
        "line": "line1", "device": "meter1", "requests": 100, "no_reply": 0, "crc": 4, "short": 0,
        "exception": 0, "port_gone": 0, "wrong": 6, "p50_us": 21_000, "p95_us": 40_000,
    }  # fmt: skip
    assert lines.records(hardware) == []  # nobody was asked
    stats.requests, stats.no_reply = 150, 2
    (second,) = lines.records(hardware)
    assert (second["requests"], second["no_reply"], second["crc"]) == (50, 2, 0)


def test_the_agent_tells_its_worst_delay_and_what_it_wrote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = iter([1000, 4000, 9000])
    monkeypatch.setattr("laddvakt_agent.telemetry.figures.written_bytes", lambda: next(written))
    own = OwnFigures()
    for now_s in (0.0, 1.0, 2.25, 3.2):
        own.look(now_s)
    told = own.record(900.0)
    assert (told["late_max_ms"], told["written_bytes"]) == (250, 3000)
    assert told["rss_kb"] == pytest.approx(resident_kb() or 0, rel=0.2)
    assert own.record(1800.0)["late_max_ms"] == 0


def test_a_day_is_told_by_the_last_day_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour after the start by that hour; after weeks not by the weeks before."""
    total = 0
    monkeypatch.setattr("laddvakt_agent.telemetry.figures.written_bytes", lambda: total)
    own = OwnFigures()
    own.look(0.0)
    for quarter in range(1, 4 * 24 * 3):
        total += 100_000 if quarter <= 96 else 1000
        own.record(900.0 * quarter)
        if quarter == 3:
            assert own.written_per_day(900.0 * quarter) is None
        if quarter == 4:
            assert own.written_per_day(900.0 * quarter) == 96 * 100_000
    assert own.written_per_day(900.0 * quarter) == 96 * 1000
