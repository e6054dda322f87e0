"""Faults on our own side: whoever waits is told, and the line goes on."""

from __future__ import annotations

import asyncio
import logging

import pytest

from hal.virtual.rig import Rig, holding, on_rig
from laddvakt_hal.bus import Bus, TcpSettings
from laddvakt_hal.echo import Echo
from laddvakt_hal.errors import BusDown, Garbled
from laddvakt_hal.frame import Function, Request


def _fail(*_: object) -> None:
    raise RuntimeError("disk full")


def test_listener_that_fails_costs_the_line_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def test(rig: Rig) -> None:
        rig.bus.on_frame = _fail
        for address in (5, 7):
            assert await rig.outcome(1, address) == (address, address + 1)
        assert rig.bus.on_frame is _fail

    with caplog.at_level(logging.ERROR):
        on_rig(test)
    assert [record.message for record in caplog.records] == [
        "memory: whoever listens to the frames failed"
    ]


def test_watcher_of_the_line_that_fails_does_not_end_it(caplog: pytest.LogCaptureFixture) -> None:
    async def test(rig: Rig) -> None:
        rig.bus.on_change = _fail
        rig.line.unplug()
        await asyncio.sleep(1)
        rig.line.plug()
        await asyncio.sleep(2)
        assert await rig.outcome(1, 5) == (5, 6)

    on_rig(test)
    assert len(caplog.records) == 3  # gone, back, closed


def test_fault_of_ours_is_told_logged_and_survived(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asked, and whoever waited behind, gets `BusDown`; the line is opened again."""

    async def test(rig: Rig) -> None:
        heard = rig.line.heard
        rig.line.heard = _fail
        errors = await asyncio.gather(rig.outcome(1), rig.outcome(2))
        assert [type(error) for error in errors] == [BusDown, BusDown]
        assert "disk full" in rig.bus.down_reason
        assert (rig.bus.stats[1].requests, rig.bus.stats[1].port_gone) == (1, 1)
        rig.line.heard = heard
        await asyncio.sleep(2)
        assert await rig.outcome(1, 5) == (5, 6)

    on_rig(test)
    assert "internal error" in caplog.text


def test_statistics_taken_away_meanwhile_begin_anew() -> None:
    async def test(rig: Rig) -> None:
        asked = asyncio.create_task(rig.outcome(1, 5))
        await asyncio.sleep(0.005)
        del rig.bus.stats[1]
        assert await asked == (5, 6)
        assert rig.bus.stats[1].requests == 1

    on_rig(test)


def test_host_that_is_no_name_is_explained() -> None:
    async def work() -> None:
        bus = Bus(TcpSettings(name="gw", host="a" * 70 + ".example"))
        with pytest.raises(BusDown, match="no host name; correct it"):
            await bus._link.open(0.0)

    asyncio.run(work())


@pytest.mark.parametrize("port", [0, -1, 70000])
def test_port_number_no_peer_can_have(port: int) -> None:
    with pytest.raises(ValueError, match=r"1\.\.65535"):
        TcpSettings(name="t", host="h", port=port)


def test_closing_counts_what_was_under_way() -> None:
    async def test(rig: Rig) -> None:
        asked = asyncio.create_task(rig.outcome(1))
        await asyncio.sleep(0.005)
        await rig.bus.close()
        assert isinstance(await asked, BusDown)
        assert (rig.bus.stats[1].requests, rig.bus.stats[1].port_gone) == (1, 1)

    on_rig(test)


def test_bytes_of_a_request_that_never_left_are_not_counted() -> None:
    async def test(rig: Rig) -> None:
        await rig.outcome(1)
        with pytest.raises(Garbled):
            await rig.bus.transact(holding(0))
        assert (rig.bus.stats[0].bytes_sent, rig.bus.stats[0].bytes_received) == (0, 0)

    on_rig(test)


def test_read_that_rules_an_echo_out_is_counted_with_its_write() -> None:
    async def test(rig: Rig) -> None:
        rig.link._echo = Echo(None)
        write = Request(unit=1, function=Function.WRITE_REGISTER, address=7, values=(1,))
        await rig.bus.transact(write)
        assert (rig.bus.stats[1].bytes_sent, rig.bus.stats[1].bytes_received) == (16, 8 + 7)

    on_rig(test)
