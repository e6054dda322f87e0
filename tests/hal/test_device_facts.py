"""What a device turns out to be: its firmware, and which unit it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hal.test_device import Wire
from laddvakt_hal.bus import Priority, Reply
from laddvakt_hal.device import Device
from laddvakt_hal.device_facts import IdentityChange
from laddvakt_hal.errors import (
    BusDown,
    HalError,
    LayoutUnknown,
    NoReply,
    NotFound,
    Refused,
)
from laddvakt_hal.frame import Request
from laddvakt_hal.plan import Block, ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile_file
from laddvakt_hal.profile_model import Profile
from laddvakt_hal.reading import Quality

HEAD = """
schema = 1
id = "some"
kind = "meter"
vendor = "v"
model = "m"
source = "s"
word_order = "big"
"""

VARIANTS = (
    HEAD
    + """
identity = [{ quantity = "code", values = [7, 8] }, { quantity = "model", texts = ["SB-"] }]
[limits]
max_read = 20
[not_available]
u16 = [0xFFFF]
[enum.old]
0 = "available"
[enum.new]
1 = "available"
[[variant]]
name = "new"
when = { quantity = "firmware", min = 522 }
rows = { energy = { scale = 0.1 }, available = { enum = "new" }, power = { type = "u32" } }
[[variant]]
name = "no neutral"
when = { quantity = "code", values = [8] }
rows = { neutral = { absent = true } }
[rows]
firmware = { fc = 3, addr = 0, type = "u16" }
energy = { fc = 3, addr = 1, type = "u16", unit = "Wh", access = "rw" }
available = { fc = 3, addr = 2, type = "u16", enum = "old" }
power = { fc = 3, addr = 3, type = "u16", unit = "W" }
power_2 = { fc = 3, addr = 4, type = "u16", overlap = true }
code = { fc = 3, addr = 5, type = "u16" }
neutral = { fc = 3, addr = 6, type = "u16" }
model = { fc = 3, addr = 7, type = "str2" }
serial = { fc = 3, addr = 9, type = "u16" }
"""
)


class Box(Wire):
    """A device that is nothing but registers; `fails` comes instead of the next replies."""

    def __init__(self, registers: Mapping[int, int]) -> None:
        super().__init__()
        self.registers = dict(registers)
        self.fails: list[HalError | None] = []

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        self.asked.append((request, priority))
        failure = self.fails.pop(0) if self.fails else None
        if failure is not None:
            raise failure
        span = range(request.address, request.address + request.count)
        if request.is_read and not all(addr in self.registers for addr in span):
            raise Refused(2, "not there")
        if not request.is_read:
            self.registers.update(zip(span, request.values, strict=True))
        words = tuple(self.registers[addr] for addr in span) if request.is_read else ()
        return Reply(words=words, bits=(), sent_at_s=self.now_s, taken_at_s=self.now_s)


def made(tmp_path: Path, text: str, registers: Mapping[int, int]) -> tuple[Device, Box]:
    path = tmp_path / "some.toml"
    path.write_text(text)
    box = Box(registers)
    return Device(load_profile_file(path), box, 1, "d", lambda: box.now_s), box


def block(its: Device, *quantities: str) -> Block:
    cost = wire_cost(its.bus.settings, its.profile.timing)
    [(_, found)] = plan_device(its.profile, dict.fromkeys(quantities, ReadClass.SAFETY), cost)
    return found


async def read(its: Device, *quantities: str) -> HalError | None:
    return await its.read_block(block(its, *quantities), Priority.SAFETY)


OLD = {0: 521, 1: 100, 2: 0, 3: 7, 4: 9, 5: 7, 6: 3, 7: 0x5342, 8: 0x2D31, 9: 4711}


async def test_row_whose_firmware_is_not_known_has_no_value(tmp_path: Path) -> None:
    its, _ = made(tmp_path, VARIANTS, OLD)
    await read(its, "energy", "power")
    assert its.reading("energy").quality is Quality.ABSENT
    await read(its, "firmware")
    await read(its, "energy")
    assert its.reading("energy").value == 100


@pytest.mark.parametrize(("firmware", "energy", "text"), [(521, 100, None), (522, 10, "available")])
async def test_firmware_decides_what_a_row_means(
    tmp_path: Path, firmware: int, energy: float, text: str | None
) -> None:
    its, _ = made(tmp_path, VARIANTS, {**OLD, 0: firmware, 2: 1})
    await read(its, "firmware")
    await read(its, "energy", "available")
    assert its.reading("energy").value == energy
    assert its.profile.text_of("available", its.reading("available").value or 0) == text


async def test_condition_in_the_same_reply_counts_at_once(tmp_path: Path) -> None:
    its, _ = made(tmp_path, VARIANTS, {**OLD, 0: 522})
    await read(its, "firmware", "energy")
    assert its.reading("energy").value == 10


async def test_rows_that_grow_make_old_blocks_worthless(tmp_path: Path) -> None:
    its, box = made(tmp_path, VARIANTS, {**OLD, 0: 522})
    planned = block(its, "power")
    assert its.layout_version == 0
    await read(its, "firmware")
    assert its.layout_version == 1
    before = len(box.asked)
    assert isinstance(await its.read_block(planned, Priority.SAFETY), LayoutUnknown)
    assert len(box.asked) == before
    await read(its, "power")
    assert its.reading("power").value == 7 << 16 | 9
    await read(its, "firmware")
    assert its.layout_version == 1  # the same again moves nothing


async def test_row_this_firmware_has_not_is_absent_and_not_planned(tmp_path: Path) -> None:
    its, box = made(tmp_path, VARIANTS, {**OLD, 5: 8})
    await read(its, "code")
    cost = wire_cost(box.settings, its.profile.timing)
    assert plan_device(its.profile, {"neutral": ReadClass.SAFETY}, cost) == ()
    with pytest.raises(NotFound, match="has no neutral"):
        await its.fetch("neutral")


@pytest.mark.parametrize("failure", [NoReply("x"), BusDown("x")], ids=lambda e: type(e).__name__)
async def test_after_a_silence_the_firmware_must_be_read_again(
    tmp_path: Path, failure: HalError
) -> None:
    """Another unit may answer now: its values are not taken for the first one's."""
    its, box = made(tmp_path, VARIANTS, OLD)
    await read(its, "firmware")
    await read(its, "energy")
    box.fails = [failure]
    await read(its, "energy")
    assert its.reading("energy").quality is Quality.STALE
    box.registers[0] = 522
    await read(its, "energy")
    assert its.reading("energy").quality is Quality.ABSENT
    await read(its, "firmware")
    await read(its, "energy")
    assert its.reading("energy").value == 10


@pytest.mark.parametrize(("firmware", "raw"), [(521, 50), (522, 500)])
async def test_commands_learn_the_firmware_before_they_write(
    tmp_path: Path, firmware: int, raw: int
) -> None:
    its, box = made(tmp_path, VARIANTS, {**OLD, 0: firmware})
    await its.write({"energy": 50})
    assert box.registers[1] == raw
    assert [request.is_read for request, _ in box.asked] == [True, False]


async def test_nothing_is_written_while_the_meaning_is_open(tmp_path: Path) -> None:
    its, box = made(tmp_path, VARIANTS, OLD)
    box.fails = [Refused(2, "x")]
    with pytest.raises(Refused):
        await its.write({"energy": 50})
    assert box.registers[1] == 100


async def test_firmware_that_does_not_say_leaves_the_meaning_open(tmp_path: Path) -> None:
    its, box = made(tmp_path, VARIANTS, {**OLD, 0: 0xFFFF})
    with pytest.raises(LayoutUnknown, match="what energy means depends on the firmware"):
        await its.write({"energy": 50})
    with pytest.raises(LayoutUnknown):
        await its.fetch("energy")
    assert box.registers[1] == 100


async def test_row_that_turns_out_absent_in_its_own_reply_has_no_value(tmp_path: Path) -> None:
    its, _ = made(tmp_path, VARIANTS, {**OLD, 5: 8})
    await read(its, "code", "neutral")
    assert its.reading("code").value == 8
    assert its.reading("neutral").quality is Quality.ABSENT


async def test_another_unit_of_the_same_model_is_told(tmp_path: Path) -> None:
    its, box = made(tmp_path, VARIANTS, OLD)
    changes: list[IdentityChange | None] = []
    for serial, now_s in ((4711, 100.0), (4711, 101.0), (4712, 107.0)):
        box.registers[9], box.now_s = serial, now_s
        await read(its, "serial")
        changes.append(its.changed_identity)
    change = IdentityChange(quantity="serial", before=4711, now=4712, at_s=107.0)
    assert changes == [None, None, change]
    assert its.identity_matches() is None


@pytest.mark.parametrize(
    ("registers", "matches"),
    [
        pytest.param({}, True, id="right"),
        pytest.param({7: 0x5343}, False, id="other-text"),
        pytest.param({5: 9}, False, id="other-code"),
    ],
)
async def test_another_model_measures_nothing(
    tmp_path: Path, registers: dict[int, int], matches: bool
) -> None:
    """Its registers mean something else: no value is passed on, its identity is."""
    its, box = made(tmp_path, VARIANTS, {**OLD, **registers})
    await read(its, "firmware", "power_2")
    assert its.reading("power_2").value == 9
    await read(its, "code", "model")
    assert its.identity_matches() is matches
    assert its.reading("code").value == box.registers[5]
    assert (its.reading("power_2").value == 9) is matches
    await read(its, "power_2")
    assert its.reading("power_2").quality is (Quality.GOOD if matches else Quality.ABSENT)


async def test_other_devices_have_nothing_to_resolve(tmp_path: Path) -> None:
    its, box = made(tmp_path, VARIANTS, OLD)
    assert its.resolved
    assert await its.resolve() is None
    assert box.asked == []


def test_profile_is_as_written_until_something_is_known(tmp_path: Path) -> None:
    its, _ = made(tmp_path, VARIANTS, OLD)
    profile: Profile = its.profile
    assert profile.rows["energy"].scale == 1
