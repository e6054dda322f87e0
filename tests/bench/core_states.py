"""How many states of the core are explored, how long it takes, and that nothing is violated."""

from __future__ import annotations

import time
from pathlib import Path

from agent.core.core_product import explored
from bench.rows import Row


def run(directory: Path) -> list[Row]:
    """The whole exploration, as continuous integration runs it."""
    del directory  # nothing is written
    begun_s = time.monotonic()
    _, counts = explored()
    took_s = time.monotonic() - begun_s
    found = counts.values()
    violations = sum(len(count.violations) for count in found)
    return [
        Row(name="core_states", value=sum(count.states for count in found), unit="states"),
        Row(name="core_steps_run", value=sum(count.runs for count in found), unit="steps"),
        Row(name="core_steps_covered", value=sum(count.covered for count in found), unit="steps"),
        Row(name="core_violations", value=violations, unit="violations", bound=0),
        Row(name="core_exploration_time", value=took_s, unit="s", bound=60),
    ]
