"""How well the plan is kept, and how much of a line asking the silent may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from laddvakt_hal.plan import ReadClass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from laddvakt_hal.poll_plan import Item

# A silent device may cost the others this share of their reads: their mean period then grows by
# less than a tenth.
_HELD_UP = 0.075
# The longest a silent device waits for the others' sake: its return must be noticed.
MOST_PAUSE_S = 30.0


class Punctuality:
    """Periods skipped while their device answered, and how late reads came, by class."""

    def __init__(self) -> None:
        self.missed = dict.fromkeys(ReadClass, 0)
        self.lateness_s = dict.fromkeys(ReadClass, 0.0)  # worst: from due to its reply

    def note(self, item: Item, skipped: int, late_s: float) -> None:
        """A good reply; the first one, and the first after a failure, say nothing."""
        if item.steady:
            kind = item.row.kind
            self.missed[kind] += skipped
            self.lateness_s[kind] = max(self.lateness_s[kind], late_s)


class Probes:
    """When a line may be used again to ask a silent device: not at the cost of those that answer.

    A device's own quarantine does not know of the others: several dead devices would share out
    the whole line among their timeouts.
    """

    def __init__(self) -> None:
        self.next_s = 0.0

    def note(self, cost_s: float, ended_s: float, living: Sequence[Item]) -> None:
        """A silent device was asked in vain for `cost_s`; `living` are the others' reads."""
        repeated = [item.row for item in living if item.row.kind is not ReadClass.ONCE]
        if not repeated:
            self.next_s = ended_s
            return
        share = sum(row.held_s / row.period_s for row in repeated)
        round_s = min(row.period_s for row in repeated)
        # So much must pass until the others have had what they are owed meanwhile.
        caught_up_s = cost_s * share / (1 - share) if share < 1 else MOST_PAUSE_S
        # Whole periods the others surely lost: that must be a small share of what passes.
        lost_s = cost_s // round_s * round_s
        pause_s = max(round_s, caught_up_s, lost_s / _HELD_UP - cost_s)  # one timeout a round
        self.next_s = ended_s + min(MOST_PAUSE_S, pause_s)
