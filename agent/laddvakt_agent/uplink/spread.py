"""When the power of a street comes back, its chargers must not all call in the same second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

SPREAD_S = 60.0  # the default window


def first_after_s(rng: random.Random, *, power_lost: bool, window_s: float) -> float:
    """How long to wait before the first request of this run, seconds.

    Only after the supply was lost: then everybody around starts now, too. A restart of the agent
    or an orderly reboot concerns this charger alone, and its first status goes at once.

    Args:
        rng: of this controller.
        power_lost: the run before this one ended without a word, and the boot with it.
        window_s: the longest wait, 0: never wait.
    """
    return rng.uniform(0.0, window_s) if power_lost and window_s > 0 else 0.0
