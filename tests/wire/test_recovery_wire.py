"""A real line taken apart and put together: pty, process, characters, symlinks.

One bench with three lines stands for three adapters; the agent knows one name for its port, as
udev's by-id link is one, and that link is what moves. The times are generous: what counts is that
everything is right again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hal.slave import until
from laddvakt_hal.adapters import Adapter, board, meter, relay_contactor, watches
from laddvakt_hal.bus import Bus, SerialSettings
from laddvakt_hal.device import Device
from laddvakt_hal.poll import Poller
from laddvakt_hal.profile import load_profile
from laddvakt_hal.reading import Quality
from sim.running import RunningBench, running_bench

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(60),
]

METER, BOARD, RELAY = "eastron-sdm630", "simpleevse-wb-din", "waveshare-modbus-rtu-relay"
LINES = {"line1": METER, "line2": METER, "line3": "eastron-sdm72d-m-v2"}
LAYOUT = "".join(
    f"""
[[line]]
name = "{line}"
baud = 19200
[[line.device]]
model = "{model}"
unit = 1
name = "meter_{line}"
values = {{ serial = {1000 + number} }}
[[line.device]]
model = "{BOARD}"
unit = 2
name = "board_{line}"
[[line.device]]
model = "{RELAY}"
unit = 3
name = "relay_{line}"
"""
    for number, (line, model) in enumerate(LINES.items(), 1)
)
SEEN_S, BACK_S = 6.0, 10.0  # on a quiet machine one and two


class Wired:
    """Three devices on the port behind one link, polled."""

    def __init__(self, bench: RunningBench, link: Path) -> None:
        self.bench = bench
        self.link = link
        self.use("line1")
        self.bus = Bus(SerialSettings(name="line", port=str(link), baud=19200))
        self.devices = {
            unit: Device(load_profile(name), self.bus, unit, name)
            for unit, name in enumerate((METER, BOARD, RELAY), 1)
        }
        self.meter, self.board = meter(self.devices[1]), board(self.devices[2])
        self.relay = relay_contactor(self.devices[3], 0, 0)
        roles: list[Adapter] = [self.meter, self.board, self.relay]
        self.poller = Poller(self.bus, watches(roles, self.bus), lambda _: None)

    def use(self, line: str) -> None:
        """The adapter is at that line now."""
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(self.bench.port(line))

    def qualities(self) -> tuple[Quality, ...]:
        readings = (self.meter.current_a(), self.board.pilot(), self.relay.feedback_closed())
        return tuple(reading.quality for reading in readings)

    def good(self) -> bool:
        return self.qualities() == (Quality.GOOD,) * 3

    async def inject(self, name: str, line: str, **parameters: object) -> None:
        await self.bench.ask("POST", "/faults", {"name": name, "line": line, **parameters})

    async def heal(self) -> None:
        await self.bench.ask("DELETE", "/faults")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wired]:
    """One bench and one poller for all: nothing is restarted between the cases either."""
    directory = tmp_path_factory.mktemp("recovery")
    async with running_bench(directory / "bench", LAYOUT) as bench:
        its = Wired(bench, directory / "by-id")
        await its.bus.start()
        task = asyncio.create_task(its.poller.run())
        try:
            yield its
            assert not task.done()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await its.bus.close()


@pytest_asyncio.fixture(loop_scope="module")
async def its(running: Wired) -> AsyncIterator[Wired]:
    """All is well before and after."""
    await until(running.good, BACK_S)
    yield running
    await running.heal()
    await until(running.good, BACK_S)


async def test_adapter_comes_back_under_another_number_with_another_meter(its: Wired) -> None:
    """The link moves with the adapter; the meter behind it is told by number, then by model."""
    await until(lambda: its.meter.serial().value == "1001", SEEN_S)
    await its.inject("adapter_gone", "line1")
    await until(lambda: not its.bus.up, SEEN_S)
    await until(lambda: set(its.qualities()) == {Quality.STALE}, SEEN_S)
    its.use("line2")
    await until(its.good, BACK_S)
    await until(lambda: its.meter.serial().value == "1002", BACK_S)
    change = its.devices[1].changed_identity
    assert change is not None
    assert (change.before, change.now) == (1001, 1002)
    assert its.devices[1].identity_matches() is True
    await its.inject("adapter_gone", "line2")
    await until(lambda: not its.bus.up, SEEN_S)
    its.use("line3")
    await until(lambda: its.devices[1].identity_matches() is False, BACK_S)
    assert its.meter.current_a().quality is not Quality.GOOD
    await until(lambda: its.qualities()[1:] == (Quality.GOOD,) * 2, BACK_S)
    await its.heal()
    await its.inject("adapter_gone", "line3")
    its.use("line1")
    await until(its.good, BACK_S)
    await until(lambda: its.devices[1].identity_matches() is True, BACK_S)


@pytest.mark.parametrize(
    ("unit", "fault", "parameters"),
    [
        pytest.param(3, "wire_unplugged", {}, id="power-cycled"),
        pytest.param(2, "wire_wrong_baud", {"baud": 9600, "rate": 1}, id="other-baud-rate"),
        pytest.param(1, "wire_bit_errors", {"bits": 5, "rate": 1}, id="two-on-one-address"),
    ],
)
async def test_one_unit_is_lost_and_found_and_the_others_are_not(
    its: Wired, unit: int, fault: str, parameters: dict[str, object]
) -> None:
    """Whatever keeps one unit from being heard, the line stands and the rest is read on."""
    await its.inject(fault, "line1", unit=unit, **parameters)
    await until(lambda: its.qualities()[unit - 1] is Quality.STALE, SEEN_S)
    before = {of: stats.ok for of, stats in its.bus.stats.items()}
    await asyncio.sleep(0.8)
    assert its.bus.stats[unit].ok == before[unit]
    assert all(its.bus.stats[other].ok > before[other] for other in {1, 2, 3} - {unit})
    assert its.bus.up
    await its.heal()
    await until(its.good, BACK_S)


async def test_babbling_device(its: Wired) -> None:
    """Nothing is believed while somebody babbles; everything is good again when it stops."""
    await its.inject("wire_babble", "line1", duty=0.9)
    await until(lambda: Quality.GOOD not in its.qualities(), 2 * SEEN_S)
    await its.heal()
    await until(its.good, BACK_S)
