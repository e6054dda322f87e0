"""Charge controllers and relay boards in their roles: only where their maps carry them."""

from __future__ import annotations

from collections.abc import Callable

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
    read,
)
from laddvakt_hal.adapters import board, meter, relay_contactor
from laddvakt_hal.device import Device
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.frame import Function
from laddvakt_hal.profile import load_profile
from laddvakt_hal.relays import relay_output
from laddvakt_hal.roles import PilotState

ROLES = [
    (ABB, ()),
    (ALFEN, ("board", "meter")),
    (BENDER, ("board", "meter")),
    (HEIDELBERG, ("board",)),
    (KEBA, ("meter",)),
    (VESTEL, ("meter",)),
    (ETREL, ()),
    (PHX_EM, ()),
    (PHX_EV, ()),
    (PHX_SER, ()),
    (C0135, ("relay",)),
    (KMTRONIC, ("relay",)),
    (R4D3B16, ("relay",)),
    (RCMS, ()),
]


@pytest.mark.parametrize(("name", "roles"), ROLES)
def test_roles_are_there_only_where_the_map_carries_them(name: str, roles: tuple[str, ...]) -> None:
    """A role that is missing says why among the assumptions."""
    profile = load_profile(name)
    found = {role for role in ("board", "meter", "relay", "residual") if getattr(profile, role)}
    assert found == set(roles)
    missing = {"board": "no board role", "residual_monitor": "no residual monitor role"}
    expected = missing.get(profile.kind.value)
    if expected is not None and "board" not in roles:
        assert any(text.startswith(expected) for text in profile.assumptions)


@pytest.mark.parametrize(
    ("profile", "words", "names"),
    [
        ((BENDER, "errors"), (0x4100, 0x0000), ("residual_current_trip", "contactor_welded")),
        ((BENDER, "errors"), (0x0000, 0x0041), ("residual_current_trip", "contactor_welded")),
        ((BENDER, "errors"), (0x0000, 0x0000), ()),
        ((PHX_EM, "errors"), (0x4800,), ("contactor_error", "dc_residual_current")),
        ((PHX_SER, "errors"), (0x4000,), ("residual_current_trip",)),
        ((PHX_SER, "errors"), (0x0801,), ("bit0", "contactor_error")),
    ],
)
async def test_error_bits(
    profile: tuple[str, str], words: tuple[int, ...], names: tuple[str, ...]
) -> None:
    """Vendors count from 1 and swap bytes; a trip and a weld are told in every order."""
    name, quantity = profile
    its, _ = device(name, words)
    await read(its, quantity)
    value = its.reading(quantity).value
    assert isinstance(value, int)
    assert its.profile.bit_texts(quantity, value) == names


@pytest.mark.parametrize(
    ("name", "words", "pilot", "pwm"),
    [
        (ALFEN, (0x4231, 0, 0, 0, 0), "B", False),
        (ALFEN, (0x4432, 0, 0, 0, 0), "D", True),
        (ALFEN, (0x4700, 0, 0, 0, 0), "invalid", False),
        (BENDER, (1,), "A", None),
        (BENDER, (4,), "D", None),
        (BENDER, (6,), "invalid", None),
        (HEIDELBERG, (4,), "B", False),
        (HEIDELBERG, (5,), "B", True),
        (HEIDELBERG, (7,), "C", True),
        (HEIDELBERG, (10,), "F", False),
        (HEIDELBERG, (11,), "invalid", False),
        (HEIDELBERG, (0,), "invalid", False),
    ],
)
async def test_pilot_and_pwm(
    name: str, words: tuple[int, ...], pilot: str, pwm: bool | None
) -> None:
    """The vehicle state, and the PWM where the board tells it."""
    its, _ = device(name, words)
    await read(its, "iec61851_state")
    assert board(its).pilot().value is PilotState(pilot)
    assert board(its).pwm_on().value is pwm


@pytest.mark.parametrize(
    ("name", "asked_a", "words", "read_a"),
    [
        (ALFEN, 16.0, (0x4180, 0), 16.0),
        (ALFEN, 0, (0, 0), 0.0),
        (BENDER, 15.9, (15,), 15.0),
        (BENDER, 0, (0,), 0.0),
        (HEIDELBERG, 15.79, (157,), 15.7),
        (HEIDELBERG, 0, (0,), 0.0),
    ],
)
async def test_board_limit_on_the_wire(
    name: str, asked_a: float, words: tuple[int, ...], read_a: float
) -> None:
    """Rounded down to the board's step, and read back in ampere."""
    its, wire = device(name)
    its_board = board(its)
    await its_board.set_limit(asked_a)
    request, _ = wire.asked[-1]
    assert request.values == words
    wire.answers.append(words)
    await read(its, "current_limit")
    assert its_board.limit_a().value == read_a


async def test_heidelberg_arms_its_watchdog_and_reads_it_back() -> None:
    """Fallback first, then the timer: 0 A and 2 s, down from the factory's 15 s."""
    its, wire = device(HEIDELBERG, (60,), (), (0,), (15000,), (), (2000,))
    assert await board(its).prepare() is True
    written = [(asked.address, asked.values) for asked, _ in wire.asked if asked.values]
    assert written == [(262, (0,)), (257, (2000,))]
    assert not board(its).needs_dead_man


@pytest.mark.parametrize(("name", "answers"), [(ALFEN, ()), (BENDER, ((0,),))])
async def test_watchdogs_nobody_can_set_do_not_guard(
    name: str, answers: tuple[tuple[int, ...], ...]
) -> None:
    """A minute, or a time nobody knows, is no dead man: a contactor of its own is needed."""
    its, _ = device(name, *answers)
    assert board(its).needs_dead_man
    assert await board(its).prepare() is False


async def test_alfen_limit_is_written_again_while_it_stays() -> None:
    """Only the rewritten limit keeps an Alfen from its safe current; reading does not."""
    its, wire = device(ALFEN)
    its_board = board(its)
    assert its_board.heartbeat_s == 3
    await its_board.set_limit(10)
    await its_board.beat()
    assert [asked.values for asked, _ in wire.asked] == [(0x4120, 0), (0x4120, 0)]


async def test_r4d3b16_contactor_lets_go_by_itself() -> None:
    """Held by the delay command, so many seconds in the low byte; opened by 0x0200."""
    its, wire = device(R4D3B16)
    contactor = relay_contactor(its, 2, None)
    await contactor.hold()
    await contactor.open()
    assert contactor.hold_s == 2.0
    sent = [(asked.function, asked.address, asked.values) for asked, _ in wire.asked]
    assert sent == [
        (Function.WRITE_REGISTER, 3, (0x0602,)),
        (Function.WRITE_REGISTER, 3, (0x0200,)),
    ]


@pytest.mark.parametrize(
    ("name", "sent", "reads", "address"),
    [
        (R4D3B16, [(0x0100,), (0x0200,)], (1,), 1),
        (C0135, [(0x0100,), (0,)], (True,), 1),
        (KMTRONIC, [(0xFF00,), (0,)], (True,), 0),
    ],
)
async def test_relay_outputs(
    name: str, sent: list[tuple[int, ...]], reads: tuple[int, ...], address: int
) -> None:
    """Every board has its own word for on; what it reads while closed is another one."""
    its, wire = device(name)
    output = relay_output(its, 0)
    await output.close()
    await output.open()
    assert [asked.values for asked, _ in wire.asked] == sent
    assert {asked.address for asked, _ in wire.asked} == {address}
    wire.answers.append(reads)
    await read(its, "relay_1")
    assert output.closed().value is True


@pytest.mark.parametrize("name", [C0135, KMTRONIC])
def test_plain_relays_hold_no_contactor(name: str) -> None:
    """Nothing would open it when the agent dies."""
    with pytest.raises(ProfileError, match="no timed output"):
        relay_contactor(device(name)[0], 0, None)


@pytest.mark.parametrize(
    ("name", "make"),
    [(n, make) for n in ALL for make in (board, meter)],
)
def test_roles_load_through_their_adapters(name: str, make: Callable[[Device], object]) -> None:
    """Where a profile has the table the adapter takes it; where not it says so."""
    its, _ = device(name)
    if getattr(its.profile, make.__name__) is not None:
        assert make(its)
        return
    with pytest.raises(ProfileError, match=f"has no \\[{make.__name__}\\]"):
        make(its)


async def test_bender_energy_is_no_value_before_its_firmware_is_known() -> None:
    """The meter of a Bender has its totals from 5.22 on."""
    words = (0x352E, 0x3333), (0x0012, 0xD687)
    its, _ = device(BENDER, words[1], *words)
    its_meter = meter(its)
    await read(its, "energy_import_total")
    assert its_meter.energy_wh().value is None
    await read(its, "firmware")
    await read(its, "energy_import_total")
    assert its_meter.energy_wh().value == 1234567
