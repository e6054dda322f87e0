"""The clock is unset, set, stepped, synchronised and lost in any order: the records stay right.

`LADDVAKT_CLOCK_EXAMPLES=20000 pytest tests/agent/test_clock_torture.py` for the long form.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TypeAlias

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock_world import World, settled

EXAMPLES = int(os.environ.get("LADDVAKT_CLOCK_EXAMPLES", "60"))
MEMORY = Path("/dev/shm")

Move: TypeAlias = tuple[object, ...]
SPANS_S = st.sampled_from([0.5, 7.0, 61.0, 400.0, 3600.0, 90_000.0])
STEPS_S = st.sampled_from([-1e8, -86_400.0, -3600.0, -5.0, 5.0, 3600.0, 86_400.0, 1e8])
MOVES = st.one_of(
    st.tuples(st.just("wait"), SPANS_S),
    st.tuples(st.just("step"), STEPS_S),
    st.tuples(st.sampled_from(["unset", "sync", "sync", "lose"])),
    st.tuples(st.just("peer"), st.floats(-0.4, 0.4)),
    st.tuples(st.sampled_from(["session", "session", "status", "fault"])),
    st.tuples(st.just("push"), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("restart"), st.booleans(), st.sampled_from([0.0, 0.0, -7200.0, 7200.0])),
    st.tuples(st.just("brief"), SPANS_S, st.sampled_from(["kept", "saved", "unset"])),
    st.tuples(
        st.just("reboot"), SPANS_S, st.sampled_from(["kept", "saved", "unset"]), st.booleans()
    ),
)


BILLED: list[Move] = [("session",), ("wait", 61.0), ("session",), ("wait", 61.0), ("push", 0, True)]
# Each is the only thing that shows one defect; chance alone finds them seldom.
AHEAD: list[Move] = [("sync",), ("reboot", 7.0, "kept", True), ("step", 86_400.0), ("status",)]
STORIES: dict[str, list[Move]] = {
    "told ahead, then set back": [*AHEAD, ("push", 0, True), ("sync",), ("status",), *BILLED],
    "set by hand once synchronised": [("sync",), ("step", 3600.0), *BILLED],
    "set while the agent was away": [("sync",), ("restart", True, 7200.0), *BILLED],
    "resumed over an outage": [("sync",), ("session",), ("wait", 400.0), ("brief", 400.0, "saved"),
                               ("wait", 61.0), *BILLED[2:]],
    "begun in 1970, ended synchronised": [("session",), ("wait", 3600.0), ("sync",), *BILLED[1:]],
    "told by the backend": [("session",), ("peer", 0.2), ("wait", 61.0), *BILLED[2:], ("sync",)],
    "power away twice, never set": [("session",), ("wait", 61.0), ("reboot", 61.0, "unset", False),
                                    ("reboot", 7.0, "saved", True), ("sync",), *BILLED],
}  # fmt: skip


@pytest.mark.parametrize("moves", STORIES.values(), ids=STORIES)
def test_a_story_of_the_clock(moves: list[Move]) -> None:
    """What happened in it is told with its true times, and never goes back."""
    _live(moves)


@pytest.mark.timeout(60 + EXAMPLES)
@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
@given(moves=st.lists(MOVES, max_size=30))
def test_the_clock_may_do_what_it_likes(moves: list[Move]) -> None:
    """No row is reordered, no duration negative, nothing told goes back; the end is right."""
    _live(moves)


def _live(moves: list[Move]) -> None:
    base = MEMORY if MEMORY.is_dir() else None
    made = tempfile.TemporaryDirectory(dir=base, prefix="laddvakt-clock-")
    with made as folder, structlog.testing.capture_logs():
        world = World(Path(folder))
        try:
            for move in moves:
                play(world, move)
                world.check()
            settled(world)
            world.check()
        finally:
            world._stop(clean=True)


def play(world: World, move: Move) -> None:
    """One move."""
    name, *arguments = move
    getattr(world, str(name))(*arguments)
