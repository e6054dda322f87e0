"""Never a wrong value: thousands of random fault schedules on the real bus, in virtual time."""

from __future__ import annotations

import os

import pytest

from hal.virtual import gateway
from hal.virtual.loop import VirtualLoop, run_virtual
from hal.virtual.mutants import MUTANTS, Mutant
from hal.virtual.schedule import ALL, REAL, Focus, Parts, Verdict, run
from laddvakt_hal.tcp_link import TcpLink

SCHEDULES = int(os.environ.get("LADDVAKT_INVARIANT_SCHEDULES", "2000"))


def many(
    seeds: range, parts: Parts = REAL, focus: Focus = ALL, *, stop_at_first: bool = False
) -> Verdict:
    """All these schedules, one after the other, on one loop."""

    async def work(loop: VirtualLoop) -> Verdict:
        total = Verdict()
        for seed in seeds:
            one = await run(loop, seed, parts, focus)
            one.wrong = [f"schedule {seed}: {text}" for text in one.wrong]
            total.add(one)
            if stop_at_first and one.wrong:
                break
        return total

    return run_virtual(work)


@pytest.mark.timeout(600)
def test_no_accepted_value_is_ever_anything_but_the_truth() -> None:
    verdict = many(range(SCHEDULES))
    assert verdict.wrong == []
    assert verdict.good > 2 * SCHEDULES  # and the bus is of some use all the same
    assert verdict.failed > SCHEDULES  # and the schedules are no walk in the park


def _name(part: object) -> str:
    return str(getattr(part, "__name__", ""))


@pytest.mark.parametrize(("mutant", "focus"), MUTANTS.items(), ids=_name)
def test_every_defence_taken_out_is_noticed(mutant: Mutant, focus: Focus) -> None:
    """The harness is sharp: the defence is needed within 250 schedules, and with it all is well."""
    with mutant() as parts:
        assert many(range(250), parts, focus, stop_at_first=True).wrong
    if focus is not ALL:
        assert many(range(60), focus=focus).wrong == []


def over_tcp(seeds: range, *, rtu: bool) -> Verdict:
    """All these schedules over a connection in memory."""

    async def work(loop: VirtualLoop) -> Verdict:
        total = Verdict()
        for seed in seeds:
            total.add(await gateway.run(loop, seed, rtu=rtu))
        return total

    return run_virtual(work)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("rtu", [False, True], ids=["modbus-tcp", "rtu-over-tcp"])
def test_nor_through_a_gateway(rtu: bool) -> None:
    verdict = over_tcp(range(SCHEDULES // 5), rtu=rtu)
    assert verdict.wrong == []
    assert verdict.good > SCHEDULES // 5
    assert verdict.failed > SCHEDULES // 10


def test_transaction_id_that_is_not_compared_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def believe_anything(self: TcpLink, frame: bytes) -> None:
        if self._pending is not None:
            self._deliver_own(self._pending[0].to_bytes(2, "big") + frame[2:])  # type: ignore[attr-defined]

    monkeypatch.setattr(TcpLink, "_deliver_own", TcpLink._deliver, raising=False)
    monkeypatch.setattr(TcpLink, "_deliver", believe_anything)
    assert over_tcp(range(100), rtu=False).wrong
