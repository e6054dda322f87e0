"""A sweep asks the likely places first, knows what it costs, and ends where it should."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from hal.survey_kit import PORT, FakeDevice, FakeLine, FakePort
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.settings import LineSettings, TcpSettings, Timing
from laddvakt_hal.survey import (
    Progress,
    Step,
    Stop,
    estimate_s,
    probe,
    settings_in_order,
    steps,
    sweep,
)
from laddvakt_hal.survey_line import LineTrouble, NotAllowed, Trouble

PROFILES = tuple(load_profile(name) for name in known_profiles())
AT_19200 = (19200, "8E1")


def plan(units: range = range(1, 6), bauds: tuple[int, ...] = (9600, 19200)) -> tuple[Step, ...]:
    settings = settings_in_order(PORT, PROFILES, bauds, ("8N1", "8E1"))
    return steps(settings, units, PROFILES)


def test_factory_speeds_come_first_and_every_wanted_one_once() -> None:
    ordered = settings_in_order(PORT, PROFILES)
    pairs = [(its.baud, its.format) for its in ordered]
    assert pairs[0] == (9600, "8N1")
    assert set(pairs[1:4]) >= {(19200, "8E1"), (9600, "8E1")}
    assert len(pairs) == len(set(pairs)) == 8 * 4


def test_an_unusual_speed_that_is_wanted_is_tried() -> None:
    ordered = settings_in_order(PORT, PROFILES, (31250,), ("8O2",))
    assert [(its.baud, its.format) for its in ordered] == [(31250, "8O2")]


def test_factory_units_are_asked_at_every_speed_before_the_others_at_any() -> None:
    order = [step.units for step in plan()]
    assert order == [(1,)] * 4 + [(2, 3, 4, 5)] * 4


def test_a_line_with_one_setting_is_walked_once() -> None:
    peer = TcpSettings(name="gw", host="x")
    assert [step.units for step in steps((peer,), range(1, 4), PROFILES)] == [(1, 2, 3)]


def test_the_estimate_is_what_silence_costs() -> None:
    one = (Step(settings=PORT, units=(1,)),)
    two = (Step(settings=PORT, units=(1, 2)),)
    timing = Timing(timeout_s=0.2)
    each_s = estimate_s(two, timing) - estimate_s(one, timing)
    # 8 characters asked, 5 awaited, 3.5 of silence, at 10 bits each
    assert each_s == pytest.approx(0.2 + 16.5 * 10 / 9600)


@pytest.mark.parametrize(
    ("stop", "found"),
    [(Stop.FIRST, [1]), (Stop.LINE, [1, 3]), (Stop.NEVER, [1, 3])],
)
async def test_it_ends_with_the_first_answer_or_its_speed_or_never(
    stop: Stop, found: list[int]
) -> None:
    port = FakePort(devices={1: FakeDevice(at=AT_19200), 3: FakeDevice(at=AT_19200)})
    its = plan()
    position = [(s.settings.baud, s.settings.format) for s in its].index(AT_19200)  # type: ignore[union-attr]
    result = await sweep(its, port.open, stop=stop)
    assert [(f.unit, f.exception) for f in result.found] == [(unit, 2) for unit in found]
    asked = {(baud, form) for baud, form, unit in port.asked if unit == 1}
    assert len(asked) == (4 if stop is Stop.NEVER else position + 1)
    others = {(baud, form) for baud, form, unit in port.asked if unit == 3}
    assert others == {Stop.FIRST: set(), Stop.LINE: {AT_19200}}.get(stop, asked)
    assert result.complete is (stop is Stop.NEVER)


async def test_a_garbled_answer_is_told_but_ends_nothing() -> None:
    port = FakePort(devices={1: FakeDevice(garbled="crc"), 2: FakeDevice(at=AT_19200)})
    result = await sweep(plan(), port.open)
    assert {(f.unit, f.garbled) for f in result.found} == {(1, "crc"), (2, "")}
    assert [f.unit for f in result.clear] == [2]


async def test_a_speed_the_adapter_cannot_do_is_skipped_and_named() -> None:
    trouble = LineTrouble(Trouble.SETTINGS, "the driver refuses 9600")
    port = FakePort(devices={1: FakeDevice(at=AT_19200)}, troubles={(9600, "8N1"): trouble})
    result = await sweep(plan(), port.open)
    assert [f.unit for f in result.clear] == [1]
    assert [why for _, why in result.skipped] == ["the driver refuses 9600"]


@pytest.mark.parametrize("trouble", [Trouble.IN_USE, Trouble.MISSING, Trouble.CLOSES])
async def test_a_line_that_cannot_be_used_ends_it(trouble: Trouble) -> None:
    port = FakePort(devices={}, troubles={(9600, "8N1"): LineTrouble(trouble, "no")})
    with pytest.raises(LineTrouble, match="no"):
        await sweep(plan(), port.open)


async def test_progress_counts_every_question() -> None:
    seen: list[Progress] = []
    port = FakePort(devices={2: FakeDevice()})
    result = await sweep(plan(), port.open, stop=Stop.NEVER, on_progress=seen.append)
    assert [now.done for now in seen] == list(range(result.asked))
    assert {now.total for now in seen} == {20}
    assert (seen[-1].unit, seen[-1].found) == (5, 4)  # unit 2, once at each speed


@pytest.mark.parametrize("profile", PROFILES, ids=lambda profile: str(profile.id))
def test_the_probe_changes_nothing_in_any_known_device(profile: object) -> None:
    """A probe must not lie on a row that a read clears."""
    known = next(p for p in PROFILES if p is profile)
    request = replace(probe(1), unit=known.unit or 1)
    for row in known.rows.values():
        under = row.function is request.function and row.addr <= request.address < row.end
        assert not (row.clears and under)


async def test_a_unit_the_lines_holder_will_not_ask_is_nobody() -> None:
    """A device the agent knows to be silent must not end the whole scan."""
    line = FakeLine(devices={}, error=NotAllowed("meter1 has fallen silent", "wait"))

    @asynccontextmanager
    async def held(settings: LineSettings) -> AsyncIterator[FakeLine]:
        yield line

    result = await sweep(steps((PORT,), (1, 2), ()), held)
    assert (result.asked, result.found) == (2, ())
    assert result.refused == ((1, "meter1 has fallen silent"), (2, "meter1 has fallen silent"))
