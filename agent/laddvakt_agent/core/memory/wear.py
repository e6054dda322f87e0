"""How often a contactor was closed, and opened under load: what its life is measured by."""

from __future__ import annotations

from dataclasses import dataclass, replace

from laddvakt_agent.core.freshness import UNLOADED_A, currents_a
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Wear:
    """Counts since the contactor was new; the first two must survive restarts.

    `operations` are closings commanded, `load_openings` openings commanded while at least 1 A
    flowed. The other two carry what was seen last to the next moment.
    """

    operations: int = 0
    load_openings: int = 0
    closed: bool = False
    carried_a: float = 0.0  # the highest phase current when last known, while closed


def remember_wear(
    settings: Settings, life: Life, before: Wear, inputs: Inputs, now_s: float
) -> Wear:
    """The counts at this moment; the same object when nothing changed.

    A meter that has fallen silent leaves its last current standing: what flowed is likelier than
    nothing.
    """
    if not (before.closed or life.closed):
        return before
    carried_a = max(currents_a(settings, inputs, now_s), default=before.carried_a)
    if not before.closed:
        return replace(before, operations=before.operations + 1, closed=True, carried_a=carried_a)
    if life.closed:
        return before if carried_a == before.carried_a else replace(before, carried_a=carried_a)
    loaded = carried_a >= UNLOADED_A
    return replace(before, load_openings=before.load_openings + loaded, closed=False, carried_a=0.0)
