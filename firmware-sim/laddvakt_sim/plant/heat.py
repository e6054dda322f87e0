"""Temperatures: bodies that follow a goal with one time constant each.

Assumptions, of the right order for a wall box: 3 °C of the enclosure per watt inside it, time
constant 20 min; 0.03 °C per W/m² of sun; a plug contact warms by 30 °C per watt, in 5 min.
"""

from __future__ import annotations

import math

ENCLOSURE_C_PER_W = 3.0
ENCLOSURE_TAU_S = 1200.0
SUN_C_PER_W = 0.03
PLUG_C_PER_W = 30.0
PLUG_TAU_S = 300.0


class Body:
    """A temperature that goes towards its goal."""

    def __init__(self, temperature_c: float, tau_s: float) -> None:
        self.temperature_c = temperature_c
        self._tau_s = tau_s

    def follow(self, span_s: float, goals_c: tuple[float, float, float]) -> None:
        """Let `span_s` pass; the goal goes along a parabola through start, middle and end.

        Exact: losses are quadratic in a current that moves along a straight line.
        """
        start, middle, end = goals_c
        tau_s, decay = self._tau_s, math.exp(-span_s / self._tau_s)
        if start == middle == end:
            self.temperature_c = end + (self.temperature_c - end) * decay
            return
        bend = 2.0 * (start - 2.0 * middle + end) / span_s**2
        slope = (4.0 * middle - 3.0 * start - end) / span_s
        at_start = start - tau_s * slope + 2.0 * tau_s**2 * bend
        at_end = end - tau_s * (slope + 2.0 * bend * span_s) + 2.0 * tau_s**2 * bend
        self.temperature_c = at_end + (self.temperature_c - at_start) * decay
