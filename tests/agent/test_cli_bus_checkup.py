"""What `bus doctor` finds out on a line of its own: scripted devices on real pseudo-terminals."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hal.slave import PtySlave, framed, registers
from laddvakt_agent.cli.bus_checkup import checkup
from laddvakt_agent.cli.bus_where import Known, Where
from laddvakt_hal.bus import SerialSettings, TcpSettings
from laddvakt_hal.profile import load_profile
from laddvakt_hal.settings import Timing
from laddvakt_hal.survey_line import Trouble
from laddvakt_hal.verdict import Verdict, judge

pytestmark = pytest.mark.integration
METER = load_profile("eastron-sdm72d-m-v2")
QUICK = replace(METER, timing=Timing(timeout_s=0.06, worst_latency_s=0.06))
TIMES = 8
TCGETS2 = 0x802C542A


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here comes late or only now and then: no need to wait for it."""
    for name, value in (("LATE_S", 0.1), ("TIMES", TIMES), ("FACTORY_PAIRS", 3)):
        monkeypatch.setattr(f"laddvakt_agent.cli.bus_checkup.{name}", value)


class Meters:
    """Two meters on one line, with whatever is wrong with them."""

    def __init__(self, path: Path) -> None:
        self.speed = 9600
        self.silent: set[int] = set()
        self.garbled: set[int] = set()
        self.echo = False
        self._slave = PtySlave(path, self.answer)
        self._own = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def answer(self, frame: bytes) -> list[tuple[float, bytes]]:
        parts = [(0.0, frame)] if self.echo else []
        unit, code = frame[0], struct.pack(">BH", 2, 0x89)
        if unit not in (1, 2) or unit in self.silent or self._speed() != self.speed:
            return parts
        reply = registers(unit, frame[1], [0x89] * frame[5])
        if unit in self.garbled:
            reply = framed(bytes((unit, frame[1])) + code)[:-1] + b"\0"
        return [*parts, (0.01, reply)]

    def close(self) -> None:
        os.close(self._own)
        self._slave.unplug()

    def _speed(self) -> int:
        return int(struct.unpack("=IIIIB19sII", fcntl.ioctl(self._own, TCGETS2, bytes(44)))[7])


@asynccontextmanager
async def meters(path: Path) -> AsyncIterator[tuple[Meters, Where]]:
    played = Meters(path)
    settings = SerialSettings(name="line1", port=str(path))
    devices = tuple(Known(name=f"m{unit}", unit=unit, profile=QUICK.id) for unit in (1, 2))
    try:
        yield played, Where(settings=settings, devices=devices)
    finally:
        played.close()


async def verdicts(where: Where) -> list[Verdict]:
    return list(judge(await checkup(where, (QUICK,))))


async def test_a_well_line_is_well(tmp_path: Path) -> None:
    async with meters(tmp_path / "line1") as (_, where):
        (found,) = await verdicts(where)
    assert (found.code, found.because) == ("all_good", f"{2 * TIMES} of {2 * TIMES} answered")


async def test_a_garbled_device_beside_a_good_one_is_named(tmp_path: Path) -> None:
    async with meters(tmp_path / "line1") as (played, where):
        played.garbled = {2}
        (found,) = await verdicts(where)
    assert (found.code, found.subject) == ("two_on_one_address", "m2 (unit 2)")


async def test_another_speed_is_found_and_told(tmp_path: Path) -> None:
    """The meter's profile alone names 9600: others are tried because factories use them."""
    async with meters(tmp_path / "line1") as (played, where):
        played.speed = 19200
        fast = load_profile("bender-rcmb300")
        (found,) = judge(await checkup(where, (QUICK, fast)))
    assert found.code == "other_settings"
    assert found.values["device"] == "m1"
    assert found.values["setup"].startswith("19200")


@pytest.mark.parametrize(("echo", "code"), [(False, "nothing_answers"), (True, "only_echo")])
async def test_nobody_at_any_speed(tmp_path: Path, echo: bool, code: str) -> None:
    async with meters(tmp_path / "line1") as (played, where):
        played.silent, played.echo = {1, 2}, echo
        (found,) = await verdicts(where)
    assert found.code == code


async def test_without_names_whoever_is_near_is_asked(tmp_path: Path) -> None:
    async with meters(tmp_path / "line1") as (_, known):
        evidence = await checkup(Where(settings=known.settings), (METER,))
    assert [unit.unit for unit in evidence.units] == [1, 2]
    assert all(unit.blind for unit in evidence.units)


async def test_what_cannot_be_opened_is_evidence_too(tmp_path: Path) -> None:
    port = SerialSettings(name="x", port=str(tmp_path / "none"))
    evidence = await checkup(Where(settings=port), (METER,))
    assert evidence.trouble is Trouble.MISSING
    peer = TcpSettings(name="x", host="127.0.0.1", port=9)
    evidence = await checkup(Where(settings=peer), (METER,))
    assert evidence.trouble is Trouble.REFUSED
