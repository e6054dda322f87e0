"""What a board says itself: its own fault where its word is known, else `board_error`."""

from __future__ import annotations

import pytest

from agent.core.core_world import World
from laddvakt_agent.core.detect.reported import REPORTS, with_report
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_agent.core.scene import AWAY, UNKNOWN
from laddvakt_hal.profile import known_profiles, load_profile


def test_words_and_codes_exist() -> None:
    """Every word is one that a profile's board can say, every code one of the catalogue."""
    said: set[str] = set()
    for profile in map(load_profile, known_profiles()):
        if profile.board is not None:
            said.update(profile.board.error_bits.values())
            for row in profile.board.errors:
                said.update(profile.bit_texts(row, 0xFFFFFFFF) if profile.rows[row].bits else ())
    assert set(REPORTS) <= said
    assert set(REPORTS.values()) <= CATALOGUE.keys()


@pytest.mark.parametrize(("word", "code"), REPORTS.items(), ids=REPORTS)
def test_each_word_raises_its_fault(word: str, code: str) -> None:
    """Fitted with nothing that could infer it, the board's word alone raises the fault."""
    world = World().run(6.0)
    world.errors = (word,)
    world.run(CATALOGUE[code].confirm_s + 1.0)
    assert code in world.faults
    assert world.faults[code].evidence == f"board reports {word}"
    assert "board_error" not in world.faults


def test_an_unknown_word_stays_a_board_error() -> None:
    """A bit the profile does not name blocks all the same."""
    world = World().run(6.0)
    world.errors = ("bit7",)
    world.run(1.0)
    assert set(world.faults) == {"board_error"}


def test_silence_does_not_take_a_word_back() -> None:
    """A reported fault is over when the board says so, not when it says nothing."""
    world = World().run(6.0)
    world.errors = ("pilot_error",)
    world.run(2.0)
    world.errors = ()
    world.silent.add("board_errors")
    world.run(20.0)
    assert "pilot_fault" in world.faults
    world.silent.clear()
    world.run(60.0)
    assert "pilot_fault" not in world.faults


def test_a_board_that_is_not_heard_takes_nothing_back() -> None:
    """What was not inferred may still stand in its silent error word."""
    assert with_report("pilot_fault", AWAY, None) is UNKNOWN
    assert with_report("pilot_fault", AWAY, {}) is AWAY
    assert with_report("tilted", AWAY, None) is AWAY  # no board reports that
    word = {"contactor_welded": "contactor_welded"}
    assert with_report("contactor_welded", AWAY, word).present
