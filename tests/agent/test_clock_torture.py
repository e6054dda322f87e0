"""The clock is unset, set, stepped, synchronised and lost in any order: the records stay right.

`LADDVAKT_CLOCK_EXAMPLES=20000 pytest tests/agent/test_clock_torture.py` for the long form.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock_world import World, settled

EXAMPLES = int(os.environ.get("LADDVAKT_CLOCK_EXAMPLES", "60"))
MEMORY = Path("/dev/shm")

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
    st.tuples(
        st.just("reboot"), SPANS_S, st.sampled_from(["kept", "saved", "unset"]), st.booleans()
    ),
)


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
@given(moves=st.lists(MOVES, max_size=30))
def test_the_clock_may_do_what_it_likes(moves: list[tuple[object, ...]]) -> None:
    """No row is reordered, no duration negative, nothing told goes back; the end is right."""
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


def play(world: World, move: tuple[object, ...]) -> None:
    """One move."""
    match move:
        case ("wait", float() as seconds):
            world.wait(seconds)
        case ("step", float() as seconds):
            world.step(seconds)
        case ("peer", float() as error_s):
            world.peer(error_s)
        case ("push", int() as lost, bool() as asked):
            world.push(lost, asked=asked)
        case ("restart", bool() as clean, float() as step_s):
            world.restart(clean=clean, step_s=step_s)
        case ("reboot", float() as off_s, str() as clock, bool() as clean):
            world.reboot(off_s, clock, clean=clean)
        case (str() as name,):
            getattr(world, name)()
        case _:
            raise AssertionError(move)
