"""How long to wait after a failure: exponential, with full jitter."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

_MAX_DOUBLINGS = 30  # beyond any useful range, and the power stays a float


class Backoff:
    """A pause that doubles with each failure and is forgotten with the first success.

    Full jitter: a uniformly random part of the pause, so that a street of chargers does not come
    back in the same second.
    """

    def __init__(self, rng: random.Random, *, min_s: float, max_s: float) -> None:
        self._rng = rng
        self._min_s = min_s
        self._max_s = max_s
        self._failures = 0
        self._until_s: float | None = None

    @property
    def failing(self) -> bool:
        """Whether the last attempt failed."""
        return self._failures > 0

    def failed(self, now_s: float, *, at_least_s: float = 0.0) -> None:
        """Wait from now on; `at_least_s` is what the receiver asked for.

        The pause comes on top of that: everybody whom it turned away at once was told the same.
        """
        ceiling_s = min(self._max_s, self._min_s * 2 ** min(self._failures, _MAX_DOUBLINGS))
        self._failures += 1
        self._until_s = now_s + at_least_s + self._rng.uniform(0, ceiling_s)

    def failed_slowly(self, now_s: float) -> None:
        """Wait half to all of the longest pause: trying sooner cannot help."""
        self._failures += 1
        self._until_s = now_s + self._rng.uniform(self._max_s / 2, self._max_s)

    def hold(self, now_s: float, for_s: float) -> None:
        """Wait without a failure: everybody's power has just come back."""
        self._until_s = now_s + for_s

    def again_now(self) -> None:
        """Somebody wants it tried at once; a next failure goes on where the last one was."""
        self._until_s = None

    def succeeded(self) -> None:
        """Wait no longer."""
        self._failures = 0
        self._until_s = None

    def remaining_s(self, now_s: float) -> float:
        """Seconds still to wait, 0 when the time has come."""
        return 0.0 if self._until_s is None else max(0.0, self._until_s - now_s)
