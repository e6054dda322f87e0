"""What the bus measures reaches the plan: a slow meter on a real link in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from hal.fieldbus import Field
from hal.polled import virtually
from laddvakt_hal.adapters import meter
from laddvakt_hal.poll import REPLAN_S

SLOW_S = 0.09


def test_turnaround_is_measured_and_planned_with() -> None:
    """The profile says 20 ms; what the meter takes is what a command may have to wait."""

    async def run() -> None:
        station = Field()
        its = meter(station.fit("eastron-sdm630", 1, "meter"))
        station.line.units[0].turnaround_s = SLOW_S
        async with station.polled([its]) as poller:
            guessed_s, usual_s = (
                poller.longest_transaction_s,
                its.device.profile.timing.turnaround_s,
            )
            await asyncio.sleep(REPLAN_S + 1.0)
            measured_s = station.bus.measured_turnaround_s(1)
            assert measured_s == pytest.approx(SLOW_S, abs=0.003)
            longest_s = poller.longest_transaction_s
            assert longest_s == pytest.approx(guessed_s + SLOW_S - usual_s, abs=0.003)
            assert not any(poller.missed.values())

    virtually(run)
