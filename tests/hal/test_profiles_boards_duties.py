"""Watchdogs, reads and writes of the boards: what they do by themselves, what they are asked."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest

from hal.board_profiles import (
    ABB,
    ALFEN,
    ALL,
    BENDER,
    C0135,
    ETREL,
    HEIDELBERG,
    KEBA,
    KMTRONIC,
    PHX_EM,
    PHX_EV,
    PHX_SER,
    R4D3B16,
    RCMS,
    VESTEL,
    device,
)
from laddvakt_hal.frame import Function
from laddvakt_hal.plan import Block, ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile
from laddvakt_hal.profile_layout import meant
from laddvakt_hal.profile_model import FedBy, OnExpiry, Profile
from laddvakt_hal.settings import SerialSettings, TcpSettings

WATCHDOGS = [
    # fed by, on expiry, guards, (timer, value), (fallback, value), (heartbeat, value), seconds
    (ABB, "any_request", "stop", True, ("comm_timeout_set", 30), None, None, 30),
    (ALFEN, "limit_write", "less_current", True, None, None, None, 60),
    (BENDER, "any_request", "stop", True, None, ("safe_current", 0), None, None),
    (
        *(HEIDELBERG, "any_request", "stop", True, ("watchdog_timeout", 2000)),
        *(("failsafe_current", 0), None, 2),
    ),
    (
        *(KEBA, "any_request", "stop", True, ("failsafe_timeout_set", 10)),
        *(("failsafe_current_set", 0), None, 10),
    ),
    (
        *(VESTEL, "heartbeat", "stop", True, ("failsafe_timeout", 4)),
        *(("failsafe_current", 0), ("alive", 1), 4),
    ),
    *(
        (name, "nothing", "nothing", False, None, None, None, None)
        for name in (ETREL, PHX_EM, PHX_EV, PHX_SER, C0135, KMTRONIC, R4D3B16, RCMS)
    ),
]


@pytest.mark.parametrize(
    ("profile", "fed_by", "on_expiry", "guards", "timer", "fallback", "heartbeat", "seconds"),
    [pytest.param(*case, id=str(case[0])) for case in WATCHDOGS],
)
def test_watchdog_classes(
    profile: str,
    fed_by: str,
    on_expiry: str,
    guards: bool,
    timer: tuple[str, float] | None,
    fallback: tuple[str, float] | None,
    heartbeat: tuple[str, float] | None,
    seconds: float | None,
) -> None:
    """What feeds each, what its expiry does, and the values the agent sets."""
    dog = load_profile(profile).watchdog
    assert (dog.fed_by, dog.on_expiry, dog.guards) == (FedBy(fed_by), OnExpiry(on_expiry), guards)
    assert (dog.timeout_quantity, dog.timeout_value) == (timer or (None, None))
    assert (dog.fallback_quantity, dog.fallback_value) == (fallback or (None, None))
    assert (dog.heartbeat_quantity, dog.heartbeat_value) == (heartbeat or (None, None))
    assert dog.timeout_s == seconds
    assert (dog.note is None) is (fed_by == "nothing")


def test_every_watchdog_is_listed() -> None:
    assert sorted(str(case[0]) for case in WATCHDOGS) == sorted(ALL)


@pytest.mark.parametrize("name", [n for n in ALL if load_profile(n).watchdog.timeout_s])
def test_two_lost_beats_do_not_expire_a_watchdog(name: str) -> None:
    """Two missed feedings and the pauses after them fit into the time."""
    profile = load_profile(name)
    dog = profile.watchdog
    beat_s = dog.heartbeat_s or max(0.25, profile.timing.read_interval_s)
    # A feeding goes missing, is noticed by its timeout, and the device is left alone for 0.75 s
    # at most; over a heartbeat or a rewritten limit only its own period counts.
    lost_s = beat_s + (0 if dog.heartbeat_s else profile.timing.timeout_s)
    assert dog.timeout_s is not None
    assert 3 * lost_s < dog.timeout_s


COMMANDS: list[tuple[str, Mapping[str, float], Function, int, tuple[int, ...]]] = [
    (ABB, {"current_limit": 16}, Function.WRITE_REGISTERS, 0x4100, (0, 16000)),
    (ABB, {"comm_timeout_set": 30}, Function.WRITE_REGISTER, 0x4106, (30,)),
    (ALFEN, {"current_limit": 0}, Function.WRITE_REGISTERS, 1210, (0, 0)),
    (ALFEN, {"current_limit": 16}, Function.WRITE_REGISTERS, 1210, (0x4180, 0)),
    (ALFEN, {"phases": 1}, Function.WRITE_REGISTER, 1215, (1,)),
    (BENDER, {"current_limit": 16}, Function.WRITE_REGISTERS, 1000, (16,)),
    (BENDER, {"safe_current": 0}, Function.WRITE_REGISTERS, 131, (0,)),
    (ETREL, {"current_limit": 10}, Function.WRITE_REGISTERS, 8, (0x4120, 0)),
    (HEIDELBERG, {"current_limit": 15.7}, Function.WRITE_REGISTERS, 261, (157,)),
    (HEIDELBERG, {"watchdog_timeout": 2000}, Function.WRITE_REGISTERS, 257, (2000,)),
    (HEIDELBERG, {"standby_control": 4}, Function.WRITE_REGISTER, 258, (4,)),
    (KEBA, {"current_limit": 0}, Function.WRITE_REGISTER, 5004, (0,)),
    (KEBA, {"current_limit": 10.5}, Function.WRITE_REGISTER, 5004, (10500,)),
    (KEBA, {"failsafe_timeout_set": 10}, Function.WRITE_REGISTER, 5018, (10,)),
    (KEBA, {"energy_limit": 10000}, Function.WRITE_REGISTER, 5010, (1000,)),
    (PHX_EM, {"current_limit": 13}, Function.WRITE_REGISTER, 300, (13,)),
    (PHX_EM, {"enable": 1}, Function.WRITE_COIL, 400, (0xFF00,)),
    (PHX_SER, {"enable": 0}, Function.WRITE_COIL, 20000, (0,)),
    (PHX_SER, {"current_limit": 32}, Function.WRITE_REGISTER, 22000, (32,)),
    (VESTEL, {"current_limit": 16}, Function.WRITE_REGISTER, 5004, (16,)),
    (VESTEL, {"alive": 1}, Function.WRITE_REGISTER, 6000, (1,)),
    (R4D3B16, {"relay_1_cmd": 0x0100}, Function.WRITE_REGISTER, 1, (0x0100,)),
    (R4D3B16, {"relay_all_cmd": 0x0800}, Function.WRITE_REGISTER, 0, (0x0800,)),
    (KMTRONIC, {"relay_1": 1}, Function.WRITE_COIL, 0, (0xFF00,)),
]


@pytest.mark.parametrize(
    ("profile", "values", "function", "address", "words"),
    [
        pytest.param(*case, id=f"{case[0]}-{next(iter(case[1]))}-{i}")
        for i, case in enumerate(COMMANDS)
    ],
)
async def test_commands_on_the_wire(
    profile: str,
    values: Mapping[str, float],
    function: Function,
    address: int,
    words: tuple[int, ...],
) -> None:
    """Function, address and words of a written value: KEBA and Vestel take function 6 only."""
    its, wire = device(profile)
    await its.write(values)
    [(request, _)] = wire.asked
    assert (request.function, request.address, request.values) == (function, address, words)


@pytest.mark.parametrize(
    ("profile", "values"),
    [
        (KEBA, {"current_limit": 64}),
        (PHX_SER, {"current_limit": 64}),
        (HEIDELBERG, {"current_limit": 16.1}),
        (PHX_EM, {"current_limit": 160}),
    ],
)
async def test_impossible_limits_are_not_sent(profile: str, values: Mapping[str, float]) -> None:
    its, wire = device(profile)
    with pytest.raises(ValueError, match="does not fit"):
        await its.write(values)
    assert not wire.asked


def readable(profile: Profile) -> set[str]:
    return {q for q, row in profile.rows.items() if row.readable and not row.absent}


def blocks(profile: Profile) -> list[Block]:
    """The reads that bring every row that may be read in passing."""
    serial = profile.baud is not None
    line = SerialSettings(name="l", port="/dev/null") if serial else TcpSettings(name="l", host="h")
    wanted = dict.fromkeys(readable(profile), ReadClass.NORMAL)
    return [block for _, block in plan_device(profile, wanted, wire_cost(line, profile.timing))]


def newest(name: str) -> Profile:
    """The profile with every row its newest firmware has."""
    return meant(load_profile(name), {"firmware": {BENDER: "5.33", VESTEL: "3.200"}.get(name, 0)})


@pytest.mark.parametrize("name", ALL)
def test_reads_stay_within_what_the_device_allows(name: str) -> None:
    """No read is too long, leaves its span, or crosses a register nobody defined."""
    profile = newest(name)
    limits = profile.limits
    planned = blocks(profile)
    assert {row.quantity for block in planned for row in block.rows} == readable(profile)
    for block in planned:
        end = block.addr + block.count
        assert block.count <= limits.max_read
        assert not any(block.addr < barrier < end for barrier in limits.barriers)
        inside = any(s.first <= block.addr and end - 1 <= s.last for s in limits.spans)
        defined = {a for row in block.rows for a in range(row.addr, row.end)}
        assert inside or len(defined) == block.count


@pytest.mark.parametrize("name", [KEBA, VESTEL])
def test_one_value_per_request(name: str) -> None:
    """These boxes refuse a read that asks for two values."""
    planned = blocks(newest(name))
    assert all(len(block.rows) == 1 for block in planned)
    assert all(block.count == block.rows[0].count for block in planned)


def test_mennekes_is_never_asked_for_what_makes_it_hang_up() -> None:
    """A read over 730 or 740 ends the connection of some models; none comes near."""
    asked = {a for b in blocks(newest(BENDER)) for a in range(b.addr, b.addr + b.count)}
    assert not asked & {730, 740}
    assert {100, 122, 131, 217, 218, 729, 1000} <= asked


def test_kmtronic_with_four_relays_can_be_read() -> None:
    """No read covers relay 4 and relay 5: a small board would refuse all of it."""
    spans = [(b.addr, b.addr + b.count) for b in blocks(load_profile(KMTRONIC))]
    assert all(end <= 4 or addr >= 4 for addr, end in spans)


@pytest.mark.parametrize("name", ALL)
def test_notes_for_the_installer(name: str) -> None:
    """Nothing was tried on hardware; every guess is written down; conf A names a second source."""
    profile = load_profile(name)
    assert not profile.hardware_checked
    assert profile.assumptions
    assert any("answers within" in text for text in profile.assumptions)
    confirmed = any(row.confidence == "A" for row in profile.rows.values())
    assert not confirmed or profile.second_source is not None or name == RCMS
    assert profile.unit is not None


@pytest.mark.parametrize("name", ALL)
def test_rows_of_one_quantity_stand_in_order(name: str) -> None:
    """L1, L2 and L3 of a quantity stand at equal distances: a slip of the pen would not."""
    rows = load_profile(name).rows
    for stem in ("voltage_l", "current_l", "power_l", "energy_import_l", "pf_l"):
        addresses = [rows[f"{stem}{n}"].addr for n in (1, 2, 3) if f"{stem}{n}" in rows]
        assert len({b - a for a, b in pairwise(addresses)}) <= 1
