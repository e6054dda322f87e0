"""The lock of a socket: explored whole, and what the plan of its tries looks like in time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core import core_explore_gear as gear
from laddvakt_agent.core.life import lock
from laddvakt_agent.core.life.lock import AIMS, Lock, LockSight

IDLE = LockSight(
    wanted=False, closed=False, dead=True, plugged=True, answered=False, asked=False, said=None
)


@pytest.fixture(scope="module")
def reachable() -> list[Lock]:
    states, count = gear.LOCK.explore()
    assert count.violations == []
    assert count.states == 29
    return states


def run(state: Lock, sight: LockSight, seconds: float, obeys: bool = True) -> tuple[Lock, int]:
    """Step twice a second; the lock says where it was told to be, or the contrary."""
    commands = 0
    for tick in range(int(seconds * 2)):
        now_s = gear.NOW_S + tick / 2.0
        said = state.locked if obeys else not state.locked
        before, state = state, lock.advance(state, replace(sight, said=said), now_s)
        commands += before.since_s != state.since_s or before.told is not state.told
    return state, commands


def test_every_state_leads_to_an_open_lock(reachable: list[Lock]) -> None:
    for state in reachable:
        after, _ = run(replace(state, since_s=gear.NOW_S), IDLE, 5.0)
        assert (after.locked, after.tries, after.told) == (False, 0, True)


def test_every_state_leads_to_a_held_plug(reachable: list[Lock]) -> None:
    wanted = replace(IDLE, wanted=True, dead=None)
    for state in reachable:
        after, _ = run(replace(state, since_s=gear.NOW_S), wanted, 5.0)
        assert lock.secured(after, said=True)
        assert not lock.secured(after, said=None)
        assert not lock.secured(after, said=False)


def test_an_unlocked_lock_secures_nothing() -> None:
    assert not lock.secured(Lock(told=True, locked=False), said=True)
    assert not lock.secured(Lock(told=False, locked=True), said=True)


@pytest.mark.parametrize(
    ("seconds", "commands"),
    [(1.5, 1), (3.0, 2), (5.0, 3), (60.0, 3), (66.0, 4), (610.0, 13), (1200.0, 13), (1830.0, 15)],
    ids=["first", "second", "third", "rest", "a minute", "ten more", "ten minutes", "then seldom"],
)
def test_a_stuck_lock_is_tried_ever_more_seldom(seconds: float, commands: int) -> None:
    """3 tries, then each 60 s ten times, then each 10 min: the actuator heats up."""
    held = Lock(told=True, locked=True, since_s=gear.NOW_S - 99.0)
    _, counted = run(held, IDLE, seconds, obeys=False)
    assert counted == commands


def _told(*, locked: bool) -> Lock:
    return Lock(told=True, locked=locked, since_s=gear.NOW_S - 60.0)


@pytest.mark.parametrize(
    ("state", "sight", "locked", "moved"),
    [
        (_told(locked=True), IDLE, False, True),
        (_told(locked=True), replace(IDLE, dead=None), True, False),
        (_told(locked=True), replace(IDLE, dead=False), True, False),
        (_told(locked=True), replace(IDLE, dead=False, plugged=False), True, False),
        (_told(locked=True), replace(IDLE, dead=False, asked=True), True, False),
        (_told(locked=True), replace(IDLE, dead=False, answered=True), True, False),
        (_told(locked=True), replace(IDLE, dead=None, asked=True), True, False),
        (_told(locked=True), replace(IDLE, dead=None, answered=True), False, True),
        (_told(locked=True), replace(IDLE, closed=True, dead=None, answered=True), True, False),
        (_told(locked=True), replace(IDLE, wanted=True), True, False),
        (_told(locked=False), replace(IDLE, wanted=True), True, True),
        (_told(locked=False), replace(IDLE, dead=False), True, True),
        (_told(locked=False), replace(IDLE, said=True), False, True),
        (_told(locked=False), replace(IDLE, said=False), False, False),
        (_told(locked=False), replace(IDLE, said=False, asked=True), False, True),
        (_told(locked=True), replace(IDLE, wanted=True, said=True, asked=True), True, False),
        (_told(locked=True), replace(IDLE, wanted=True, said=False), True, True),
        (Lock(), IDLE, False, True),
        (Lock(), replace(IDLE, dead=None), False, False),
    ],
    ids=[
        "dead", "nobody can say", "welded", "welded, vehicle gone", "welded, plug asked for",
        "welded, somebody is there", "asked from afar", "somebody answers",
        "closed, somebody there", "session", "session begins", "weld while open", "came loose",
        "obeyed", "asked again", "asked in session", "feedback lost", "after a start",
        "after a start, blind",
    ],
)  # fmt: skip
def test_who_is_let_go(state: Lock, sight: LockSight, locked: bool, moved: bool) -> None:
    """A live or a used plug is held whoever asks; a dead one is let go without asking."""
    after = lock.advance(state, sight, gear.NOW_S)
    assert after.locked is locked
    assert (after.since_s == gear.NOW_S) is moved


def test_whoever_asks_need_not_wait_for_the_plan() -> None:
    stuck = Lock(told=True, locked=False, since_s=gear.NOW_S - 11.0, tries=5)
    assert lock.advance(stuck, replace(IDLE, said=True), gear.NOW_S) is stuck
    asked = lock.advance(stuck, replace(IDLE, said=True, asked=True), gear.NOW_S)
    assert asked.tries == 6
    again = lock.advance(asked, replace(IDLE, said=True, asked=True), gear.NOW_S + 9.0)
    assert again is asked


def test_deadlines_lie_where_something_may_happen() -> None:
    stuck = Lock(told=True, locked=False, since_s=100.0, tries=3)
    assert set(lock.deadlines_s(stuck)) == {101.0, 102.0, 110.0, 160.0}
    assert set(lock.deadlines_s(replace(stuck, tries=0))) == {101.0, 102.0, 110.0}


# The proof of the proof.


@pytest.mark.parametrize(
    ("gone", "notices"),
    [
        ("contactor is closed", "the plug is held while the contactor is closed"),
        ("session holds the plug", "the plug is held for its session"),
    ],
)
def test_a_missing_row_is_noticed(gone: str, notices: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "AIMS", tuple(row for row in AIMS if row[0] != gone))
    _, count = gear.LOCK.explore()
    assert notices in {violation.split(":")[0] for violation in count.violations}


def test_letting_go_unseen_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    careless = (*AIMS[:3], ("socket is dead", lambda s: s.dead is not False, False))
    monkeypatch.setattr(lock, "AIMS", careless)
    _, count = gear.LOCK.explore()
    assert "letting go needs a witness, or a person at the charger" in {
        violation.split(":")[0] for violation in count.violations
    }


def test_hasty_tries_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "gap_s", lambda _: 2.0)
    _, count = gear.LOCK.explore()
    assert {violation.split(":")[0] for violation in count.violations} == {
        "tries keep their distance"
    }
