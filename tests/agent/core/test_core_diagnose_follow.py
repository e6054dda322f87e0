"""What is remembered beside the faults: switchings, vehicles, and a mirror contact that lies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core.diagnose.picture import (
    GAP_MAX_S,
    SWITCHINGS_KEPT,
    VEHICLES_KEPT,
    Beside,
    Picture,
    alone,
    follow,
)
from laddvakt_agent.core.inputs import Inputs, Pilot, Sample
from laddvakt_agent.core.life.state import Life, Power


def _step(
    before: Beside, now_s: float, *, closed: bool | None = None, since_s: float = 0.0,
    pilot: Pilot | None = Pilot.C, amps: float | None = 0.0, mirror: bool | None = None,
    limit_a: float = 16.0, past: tuple[float, float] = (0.0, 0.0), exclusive: bool = True,
) -> Beside:  # fmt: skip
    life = Life(
        power=Power.CLOSED if closed else Power.OFF, commanded_since_s=since_s, limit_a=limit_a,
        past_limit_a=past[0], past_until_s=past[1],
    )  # fmt: skip
    inputs = Inputs(
        pilot=None if pilot is None else Sample(value=pilot, taken_s=now_s),
        current_a=None if amps is None else Sample(value=(amps, amps, 0.0), taken_s=now_s),
        feedback_closed=None if mirror is None else Sample(value=mirror, taken_s=now_s),
    )
    settings = replace(ONE, meter_exclusive=exclusive)
    return follow(settings, life, before, inputs, now_s)


def test_switchings_are_remembered_with_their_times() -> None:
    world = World().charge()
    beside = Beside()
    for _ in range(3):
        beside = follow(world.settings, world.connector.life, beside, world.inputs, world.now_s)
    assert beside.switchings == ()  # what was commanded before anybody looked is no switching
    assert {device.name for device in beside.devices} == {"evse1", "meter1", "relay1", "rcm1"}
    world.authorised = False
    world.run(2.0)
    world.pilot = Pilot.B
    for _ in range(20):
        world.step(0.25)
        beside = follow(world.settings, world.connector.life, beside, world.inputs, world.now_s)
    (opened,) = beside.switchings
    assert opened.closed is False
    assert opened.at_s == world.connector.life.commanded_since_s
    assert beside.last_before(opened.at_s) is None
    assert beside.last_before(opened.at_s + 0.1) is opened


def test_only_the_newest_switchings_are_kept() -> None:
    beside = _step(Beside(), 0.0)
    for n in range(1, 30):
        beside = _step(beside, float(n), closed=n % 2 == 1, since_s=float(n))
    assert [s.at_s for s in beside.switchings] == [
        float(n) for n in range(30 - SWITCHINGS_KEPT, 30)
    ]


def test_a_visit_goes_from_plug_to_unplug() -> None:
    beside = _step(Beside(), 1.0, pilot=Pilot.A)
    assert beside.visits == ()
    beside = _step(beside, 2.0, pilot=Pilot.INVALID)
    assert beside.visits == ()  # who knows what that is
    beside = _step(beside, 3.0, pilot=Pilot.B)
    beside = _step(beside, 4.0, pilot=None)
    beside = _step(beside, 5.0, pilot=Pilot.INVALID)
    assert [(v.from_s, v.until_s) for v in beside.visits] == [(3.0, None)]
    beside = _step(beside, 6.0, pilot=Pilot.A)
    beside = _step(beside, 7.0, pilot=Pilot.A)
    assert [(v.from_s, v.until_s) for v in beside.visits] == [(3.0, 6.0)]
    for n in range(10, 40):
        beside = _step(beside, float(n), pilot=Pilot.B if n % 2 else Pilot.A)
    assert len(beside.visits) == VEHICLES_KEPT


def test_what_a_vehicle_drew() -> None:
    beside = _step(Beside(), 1.0, pilot=Pilot.C)
    beside = _step(beside, 2.0, closed=True, amps=0.5)
    assert beside.visits[-1].drawn_s == 0.0
    beside = _step(beside, 3.0, closed=False, amps=12.0)
    assert beside.visits[-1].drawn_s == 0.0
    beside = _step(beside, 4.0, closed=True, amps=12.0)
    beside = _step(beside, 6.0, closed=True, amps=8.0)
    assert (beside.visits[-1].drawn_s, beside.visits[-1].ratio) == (3.0, 0.75)
    beside = _step(beside, 600.0, closed=True, amps=12.0)
    assert beside.visits[-1].drawn_s == 3.0 + GAP_MAX_S
    # An offer that was lowered a moment ago may still be taken; one withdrawn has no share.
    beside = _step(beside, 601.0, closed=True, amps=16.0, limit_a=8.0, past=(16.0, 600.0))
    assert beside.visits[-1].ratio == 1.0
    beside = _step(beside, 620.0, closed=True, amps=16.0, limit_a=0.0, past=(16.0, 600.0))
    assert beside.visits[-1].ratio == 1.0
    beside = _step(beside, 621.0, closed=True, amps=16.0, limit_a=8.0, past=(16.0, 600.0))
    assert beside.visits[-1].ratio == 2.0


def _closed_at_ten(
    *, idle: bool = True, mirror: bool | None = False, amps: float | None = 5.0,
    exclusive: bool = True,
) -> Beside:  # fmt: skip
    """Open until 10 s, then commanded closed; looked at 1 s later."""
    beside = _step(Beside(), 5.0, closed=False, amps=0.0 if idle else 3.0)
    return _step(
        beside, 11.0, closed=True, since_s=10.0, amps=amps, mirror=mirror, exclusive=exclusive
    )


@pytest.mark.parametrize(
    ("beside", "against"),
    [
        (_closed_at_ten(), True),
        (_closed_at_ten(idle=False), False),
        (_closed_at_ten(mirror=True), False),
        (_closed_at_ten(mirror=None), False),
        (_closed_at_ten(amps=0.4), False),
        (_closed_at_ten(amps=None), False),
        (_closed_at_ten(exclusive=False), False),
    ],
    ids=["lies", "it flowed before", "it followed", "unknown", "no current", "no meter", "others"],
)
def test_a_current_that_begins_convicts_an_open_mirror_contact(
    beside: Beside, against: bool
) -> None:
    assert beside.against_s == (11.0 if against else None)


def test_a_current_that_goes_on_is_no_beginning() -> None:
    """The mirror contact followed and opens later: what the meter still shows may be old."""
    beside = _closed_at_ten(mirror=True)
    beside = _step(beside, 12.0, closed=True, since_s=10.0, amps=5.0, mirror=False)
    assert beside.against_s is None


def test_a_reading_from_before_the_command_says_nothing() -> None:
    beside = _closed_at_ten()
    assert _step(beside, 12.0, closed=True, since_s=20.0, amps=5.0, mirror=False) == replace(
        beside, looked_s=12.0, commanded_s=20.0, switchings=_step(
            beside, 12.0, closed=True, since_s=20.0, amps=5.0
        ).switchings, visits=_step(beside, 12.0, closed=True, since_s=20.0, amps=5.0).visits,
    )  # fmt: skip


def test_one_connector_alone() -> None:
    shown = alone(ONE, (), Inputs(), 3.0)
    assert shown.connectors == {"1": Beside()}
    assert (shown.line_of("line1"), shown.places("meter1")) == (None, frozenset({"1"}))
    assert Picture(now_s=0.0).places("1") == frozenset()
