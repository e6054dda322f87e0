"""Interference of a contactor on the lines: bits turn over around every movement."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from laddvakt_sim.faults import Fault
    from laddvakt_sim.line_words import Message

NAME = "wire_noise"
# Movements are looked for this often. Contacts travel 20 ms after the coil, so that a movement is
# known in time for interference up to 15 ms before it.
LOOK_S = 0.005


class NoiseWatch:
    """Looks for movements while there is such a fault, and announces them to its line.

    `moves` gives the times of the movements a fault is about, those under way included; `order`
    sends an order to a line.
    """

    def __init__(
        self,
        moves: Callable[[Fault], Iterable[float | None]],
        order: Callable[[str, Message], None],
    ) -> None:
        self._moves = moves
        self._order = order
        self._faults: tuple[Fault, ...] = ()
        self._announced: dict[tuple[str, str | None, str], float] = {}

    @property
    def active(self) -> bool:
        """True while there is somebody to look for."""
        return bool(self._faults)

    def afflict(self, faults: tuple[Fault, ...]) -> None:
        """Make these the faults from now on."""
        self._faults = tuple(fault for fault in faults if fault.name == NAME)

    def look(self) -> None:
        """Announce the movements that have happened or are under way, each once."""
        for fault in self._faults:
            last_s = max(self._announced.get(fault.key, 0.0), fault.injected_at_s)
            known = {at_s for at_s in self._moves(fault) if at_s is not None and at_s > last_s}
            for at_s in sorted(known):
                self._announced[fault.key] = at_s
                self._announce(fault, at_s)

    def _announce(self, fault: Fault, at_s: float) -> None:
        within_s = (fault.number("within_ms") or 0.0) / 1000
        seed = int(fault.number("seed") or 0) + int(at_s * 1000)
        window: Message = {"from": at_s - within_s, "to": at_s + within_s}
        rest: Message = {"k": "nz", "rate": fault.number("rate"), "seed": seed}
        self._order(str(fault.parameters["line"]), rest | window)
