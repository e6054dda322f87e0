"""Which faults a reply lets its reader see: the truth behind every reaction-time measurement."""

from __future__ import annotations

import struct

import pytest

from laddvakt_sim.fault_kinds import KINDS
from laddvakt_sim.plant.words import VehicleSpec
from sim.asking import Bench

STATUS, ERRORS = ("evse1", 3, 1000, 7), ("evse1", 3, 1007, 1)
METER, ENERGY = ("meter1", 4, 0, 18), ("meter1", 4, 72, 2)
INPUTS, MIRROR = ("relay1", 2, 0, 2), ("relay1", 2, 0, 1)
MONITOR = ("rcm1", 3, 8000, 16)
POINT = ("charx1", 3, 1232, 77)
EVERYTHING = (STATUS, ERRORS, METER, ENERGY, INPUTS, MONITOR, POINT)

Read = tuple[str, int, int, int]


def _shows(bench: Bench, read: Read) -> tuple[str, ...]:
    device, fc, addr, count = read
    return bench.ask(device, struct.pack(">BHH", fc, addr, count)).shows


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.charge()
    assert [_shows(bench, read) for read in EVERYTHING] == [()] * len(EVERYTHING)
    return bench


@pytest.mark.parametrize(
    ("name", "connector", "parameters", "wait_s", "shown_by"),
    [
        pytest.param("residual_current_dc", "1", {}, 0.0, {MONITOR}, id="leak 1"),
        pytest.param("residual_current_dc", "2", {}, 0.0, {POINT}, id="leak 2"),
        pytest.param("residual_current_dc", "1", {"ma": 5}, 0.0, set(), id="5 mA is no trip"),
        pytest.param("phase_lost", None, {}, 0.6, {METER, POINT}, id="phase on both"),
        pytest.param("power_lost", "1", {}, 0.6, {METER}, id="power 1"),
        pytest.param("over_current", "1", {}, 3.0, {METER}, id="over-current 1"),
        pytest.param("over_current", "2", {"amps": 20}, 3.0, {POINT}, id="over-current 2"),
        pytest.param("over_current_gross", "1", {}, 0.6, {METER}, id="gross 1"),
        pytest.param("pilot_fault", "1", {}, 0.0, {STATUS}, id="pilot 1"),
        pytest.param("pilot_fault", "2", {"state": "F"}, 0.0, {POINT}, id="pilot 2"),
        pytest.param("board_error", "1", {}, 0.0, {ERRORS}, id="board 1"),
        pytest.param("board_error", "2", {}, 0.0, {POINT}, id="board 2"),
        pytest.param("limit_not_obeyed", "1", {}, 0.0, {STATUS}, id="limit 1"),
        pytest.param("limit_not_obeyed", "2", {}, 0.0, {POINT}, id="limit 2"),
        pytest.param("unguarded_board", "2", {}, 0.0, {POINT}, id="unguarded 2"),
        pytest.param("emergency_stop", None, {}, 0.0, {INPUTS}, id="emergency stop"),
        pytest.param("contactor_opened_alone", "1", {}, 0.1, {INPUTS}, id="opened 1"),
        pytest.param("contactor_did_not_close", "1", {}, 0.1, {INPUTS}, id="did not close 1"),
        pytest.param("contactor_welded", "1", {}, 0.1, set(), id="a weld under load is invisible"),
        pytest.param("meter_frozen", "1", {}, 0.6, set(), id="standing still is no value"),
    ],
)
def test_who_shows_it(
    bench: Bench,
    name: str,
    connector: str | None,
    parameters: dict[str, object],
    wait_s: float,
    shown_by: set[Read],
) -> None:
    """Exactly these reads carry the fault."""
    bench.inject(name, connector, **parameters)
    bench.hold(wait_s)
    assert {read for read in EVERYTHING if name in _shows(bench, read)} == shown_by


def test_mirror_alone_does_not_show_the_emergency_stop(bench: Bench) -> None:
    """A reply shows only what its own registers carry."""
    bench.inject("emergency_stop")
    assert _shows(bench, MIRROR) == ()
    assert _shows(bench, INPUTS) == ("emergency_stop",)


def test_weld_on_the_second_connector_needs_a_current() -> None:
    """Without mirror contact a weld shows as current after release, as long as it flows."""
    bench = Bench()
    bench.charge(VehicleSpec(obeys_pwm_off=False))
    bench.inject("contactor_welded", "2")
    bench.write("charx1", 1300, 0, 0)
    bench.hold(10.0)
    assert _shows(bench, POINT) == ("contactor_welded",)
    bench.station.unplug("2", bench.now_s)
    bench.hold(1.0)
    assert _shows(bench, POINT) == ()


def test_stale_current_after_opening_is_no_weld(bench: Bench) -> None:
    """The meter's registers lag behind a healthy contactor; that shows nothing."""
    bench.write("charx1", 1300, 0, 0)
    assert _shows(bench, POINT) == ()


def test_peak_shows_in_the_maxima(bench: Bench) -> None:
    """A leak that is over shows in the maxima until they are read."""
    bench.inject("residual_current_dc", "1")
    bench.heal()
    assert _shows(bench, MONITOR) == ()
    assert _shows(bench, ("rcm1", 3, 8016, 16)) == ("residual_current_dc",)
    assert _shows(bench, ("rcm1", 3, 8016, 16)) == ()


def test_every_shown_name_is_a_fault(bench: Bench) -> None:
    """Whatever the devices name can be injected under that name."""
    for name, kind in KINDS.items():
        if any(parameter.required for parameter in kind.parameters.values()):
            continue
        bench.inject(name, "1" if kind.target.value == "connector" else None)
        bench.hold(0.6)
        assert {shown for read in EVERYTHING for shown in _shows(bench, read)} <= set(KINDS)
        bench.heal()
