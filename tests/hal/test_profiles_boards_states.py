"""What the boards say of vehicle, PWM and faults, word by word as the sources list it."""

from __future__ import annotations

import pytest

from laddvakt_hal.profile import known_profiles, load_profile

CHARX, SIMPLE = "phoenix-charx-sec", "simpleevse-wb-din"
LETTERS = {"A": "A", "B1": "B", "B2": "B", "C1": "C", "C2": "C", "D1": "D", "D2": "D"}
PILOTS = {
    "alfen-ng910": LETTERS | {"E": "E", "F": "F"},
    "bender-cc612-cc613": {"1": "A", "2": "B", "3": "C", "4": "D", "5": "E"},
    "heidelberg-energy-control": {"2": "A", "3": "A", "4": "B", "5": "B", "6": "C", "7": "C"}
    | {"8": "C", "9": "E", "10": "F", "11": "invalid"},
    CHARX: LETTERS | {"A1": "A", "A2": "A", "E0": "E", "F0": "F"},
    SIMPLE: {"1": "A", "2": "B", "3": "C", "4": "D", "5": "E"},
}
PWM_ON = {
    "alfen-ng910": {"B2", "C2", "D2"},
    "heidelberg-energy-control": {"5", "7", "8"},
    CHARX: {"B2", "C2", "D2"},
    SIMPLE: {"2"},
}
# Bits beside the errors, and what they are.
NOT_ERRORS = {
    "bender-cc612-cc613": {7, 31},  # no backend
    CHARX: {1, 4, 5, 6},  # derating, load management, event actions, card reader
    SIMPLE: {0, 3},  # relay on, waiting before the pilot is released
}
TRIPS = {
    "bender-cc612-cc613": {0: "residual_current_trip", 6: "contactor_welded"}
    | {24: "residual_current_trip", 30: "contactor_welded"},
    CHARX: {27: "contactor_error", 30: "residual_current_trip", 31: "residual_sensor_error"},
    SIMPLE: {1: "vehicle_diode_error", 4: "residual_check_error"},
}


def test_every_board_is_listed() -> None:
    assert {name for name in known_profiles() if load_profile(name).board} == {*PILOTS}


@pytest.mark.parametrize("name", PILOTS)
def test_states(name: str) -> None:
    """A vehicle that charges is never taken for one that does not, nor the PWM."""
    board = load_profile(name).board
    assert board is not None
    no_mode = {"A"} if name == CHARX else set()  # it says A1 and A2
    wanted = {raw: state for raw, state in PILOTS[name].items() if raw not in no_mode}
    assert board.pilot_states == wanted
    assert board.pwm_on == PWM_ON.get(name, set())


@pytest.mark.parametrize("name", PILOTS)
def test_no_fault_is_left_out(name: str) -> None:
    """Only what is no fault at all is passed over; trips and welds come by name."""
    profile = load_profile(name)
    board = profile.board
    assert board is not None
    assert board.not_errors == NOT_ERRORS.get(name, set())
    for bit, text in TRIPS.get(name, {}).items():
        [row] = board.errors
        assert board.error_bits.get(bit, profile.bit_texts(row, 1 << bit)[0]) == text
