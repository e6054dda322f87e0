"""Something that comes and goes at fixed times."""

from __future__ import annotations


class Blinker:
    """On for `for_s` once in `every_s`; `first_s` is when it comes on for the first time."""

    def __init__(self, *, first_s: float, every_s: float, for_s: float) -> None:
        self.on = False
        self._every_s = max(every_s, for_s)
        self._for_s = for_s
        self._came_s = first_s - self._every_s
        self._next_s = first_s

    def due_s(self) -> float:
        """When it changes next."""
        return self._next_s

    def fire(self, now_s: float) -> None:
        """Let it change as often as was due."""
        while now_s >= self._next_s:
            self.on = not self.on
            if self.on:
                self._came_s = self._next_s
                self._next_s = self._came_s + self._for_s
            else:
                self._next_s = self._came_s + self._every_s
