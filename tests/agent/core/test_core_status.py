"""The OCPI status: total over every life and every fault, and the cascade's order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from agent.core.core_world import ONE, World
from laddvakt_agent.core import machine
from laddvakt_agent.core.effects import differences
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.faults.rules import Act
from laddvakt_agent.core.life.state import Life, Power
from laddvakt_agent.core.machine import Connector
from laddvakt_agent.core.model import ReservationDropped, State
from laddvakt_agent.core.recover.tracks import Phase, Summary, Track
from laddvakt_agent.core.status import CASCADE, EvseStatus, ocpi_status, why

NOW_S = 1000.0
IDLE = Life(state=State.AVAILABLE, read_once=True)
RESERVED = replace(IDLE, state=State.RESERVED, reserved=True)
SESSION = replace(IDLE, state=State.CHARGING, plugged=True, session=True)


def track(
    code: str, *, locked: bool = False, act: Act | None = None, since_s: float = 0.0
) -> Track:
    rule = CATALOGUE[code]
    return Track(
        rule=rule,
        subject="1",
        phase=Phase.ACTIVE,
        act=rule.strongest if act is None else act,
        locked=locked,
        raised_s=NOW_S - since_s,
    )


def status(life: Life, *tracks: Track) -> str:
    connector = machine.initial(ONE, (), 0.0)
    return ocpi_status(replace(connector, life=life, tracks=tracks), NOW_S).value


@pytest.mark.parametrize(
    ("life", "tracks", "expected"),
    [
        (Life(), (), "UNKNOWN"),
        (Life(), (track("contactor_welded", locked=True),), "UNKNOWN"),
        (Life(), (track("device_lost"),), "INOPERATIVE"),
        (IDLE, (), "AVAILABLE"),
        (IDLE, (track("temperature_derate"),), "AVAILABLE"),
        (IDLE, (track("clock_unset"),), "AVAILABLE"),
        (SESSION, (), "CHARGING"),
        (RESERVED, (), "RESERVED"),
        (replace(RESERVED, state=State.PREPARING, plugged=True), (), "RESERVED"),
        (replace(SESSION, reserved=True), (), "CHARGING"),
        (replace(RESERVED, state=State.UNAVAILABLE), (), "INOPERATIVE"),
        (RESERVED, (track("emergency_stop"),), "INOPERATIVE"),
        (SESSION, (track("enclosure_open"),), "INOPERATIVE"),
        (RESERVED, (track("contactor_welded", locked=True),), "OUTOFORDER"),
        (RESERVED, (track("storage_full", act=Act.FINISH),), "INOPERATIVE"),
        (SESSION, (track("storage_full", act=Act.FINISH),), "CHARGING"),
        (SESSION, (track("ledger_damaged", act=Act.FINISH, locked=True),), "CHARGING"),
        (IDLE, (track("ledger_damaged", act=Act.FINISH, locked=True),), "OUTOFORDER"),
        (SESSION, (track("neutral_lost"),), "OUTOFORDER"),
        (
            SESSION,
            (track("ledger_damaged", act=Act.FINISH, locked=True), track("over_voltage")),
            "CHARGING",
        ),
        (SESSION, (track("over_voltage", since_s=61.0),), "INOPERATIVE"),
        (SESSION, (track("over_voltage", since_s=61.0), track("phase_lost")), "INOPERATIVE"),
        (SESSION, (track("over_voltage", locked=True),), "OUTOFORDER"),
        (replace(IDLE, plugged=True), (track("pilot_diode_missing"),), "CHARGING"),
        (IDLE, (track("pilot_diode_missing"),), "INOPERATIVE"),
        (IDLE, (track("over_voltage"),), "INOPERATIVE"),
        (RESERVED, (track("over_voltage"),), "INOPERATIVE"),
        (SESSION, (track("emergency_stop"), track("contactor_welded")), "INOPERATIVE"),
    ],
    ids=[
        "unread", "unread and welded", "unread and silent", "free", "derated", "noted", "session",
        "reserved", "reserved and plugged", "reserved, session", "reserved, closed",
        "reserved, stopped", "opened", "reserved, welded", "reserved, finish", "session, finish",
        "session, service and finish", "service and finish", "session, local", "session, two",
        "session, after a minute", "session, the first counts", "session, locked out",
        "unplug-class, there", "unplug-class, gone", "auto", "reserved, auto", "stop before weld",
    ],
)  # fmt: skip
def test_cascade(life: Life, tracks: tuple[Track, ...], expected: str) -> None:
    assert status(life, *tracks) == expected


def _lives() -> Iterator[Life]:
    for state, power, flags in itertools.product(
        State, (Power.OFF, Power.CLOSED), itertools.product((False, True), repeat=4)
    ):
        yield Life(
            state=state,
            power=power,
            read_once=flags[0],
            plugged=flags[1],
            session=flags[2],
            reserved=flags[3],
        )


def _faces() -> list[Track]:
    """One fault of each kind that the cascade can tell apart, young and old."""
    kinds: dict[tuple[object, ...], Track] = {}
    acts = (Act.NONE, Act.DERATE, Act.FINISH, Act.RAMP, Act.TRIP)
    for code, act, locked in itertools.product(CATALOGUE, acts, (False, True)):
        shown = track(code, act=act, locked=locked)
        special = code if code in ("emergency_stop", "device_lost") else ""
        kinds.setdefault((shown.needs, shown.locked_out, act, special), shown)
    return [replace(t, raised_s=NOW_S - ago_s) for t in kinds.values() for ago_s in (0.0, 61.0)]


def test_total_over_every_life_and_fault() -> None:
    """Every life with no fault, one of each kind and pairs of them has exactly one status."""
    faces, names = _faces(), set[str]()
    bare = machine.initial(ONE, (), 0.0)
    pairs = [(one, two) for one, two in zip(faces, faces[7:] + faces[:7], strict=True)]
    sets: list[tuple[Track, ...]] = [(), *((face,) for face in faces), *pairs]
    for life in _lives():
        for tracks in sets:
            name, found = why(replace(bare, life=life, tracks=tracks), NOW_S)
            names.add(name)
            _check(life, tracks, found)
    assert names == {row[0] for row in CASCADE}


def _check(life: Life, tracks: tuple[Track, ...], found: EvseStatus) -> None:
    blocked = any(t.act >= Act.RAMP for t in tracks)
    assert not (found is EvseStatus.AVAILABLE and (blocked or life.session))
    assert not (found is EvseStatus.RESERVED and (blocked or life.session or not life.reserved))
    finishing = any(t.act >= Act.FINISH for t in tracks)
    if finishing and not life.session:
        assert found not in (EvseStatus.AVAILABLE, EvseStatus.RESERVED)


def test_a_reservation_is_dropped_with_the_status() -> None:
    """Told when a reserved connector becomes out of order; again only after it was not."""
    welded = (track("contactor_welded", locked=True),)
    free = replace(RESERVED, reserved=False)

    def dropped(
        before: tuple[Life, tuple[Track, ...]], after: tuple[Life, tuple[Track, ...]]
    ) -> bool:
        effects = differences(before, after, Summary(act=Act.TRIP, code="contactor_welded"), ())
        told = [e for e in effects if isinstance(e, ReservationDropped)]
        assert all(e.reason == "out of order: contactor_welded" for e in told)
        return bool(told)

    assert dropped((RESERVED, ()), (RESERVED, welded))
    assert dropped((free, welded), (RESERVED, welded))
    assert not dropped((RESERVED, welded), (RESERVED, welded))
    assert not dropped((RESERVED, ()), (RESERVED, (track("over_voltage"),)))
    assert not dropped((RESERVED, ()), (RESERVED, (track("emergency_stop"),)))
    assert not dropped((free, ()), (free, welded))
    assert not dropped((RESERVED, ()), (RESERVED, (replace(welded[0], phase=Phase.CLEAR),)))
    assert not dropped((RESERVED, ()), (RESERVED, (track("ledger_damaged", act=Act.NONE),)))


def test_the_world_shows_a_reserved_connector() -> None:
    world = World(override={"reserved": True}).run(6.0)
    connector: Connector = world.connector
    assert why(connector, world.now_s) == ("reserved", EvseStatus.RESERVED)
