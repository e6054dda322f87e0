"""Devices are told by their identity registers, and nothing is changed by looking."""

from __future__ import annotations

import struct

import pytest

from hal.survey_kit import PORT, FakeDevice, FakeLine, holding
from laddvakt_hal.bus import Priority, Reply
from laddvakt_hal.codec import parse_type
from laddvakt_hal.frame import Function, Request
from laddvakt_hal.identify import Confidence, identify
from laddvakt_hal.profile import known_profiles, load_profile
from laddvakt_hal.profile_model import Kind, Profile, Row
from laddvakt_hal.settings import TcpSettings
from laddvakt_hal.survey_line import NotAllowed

PROFILES = tuple(load_profile(name) for name in known_profiles())
SDM72 = holding(64512, 0x0012, 0x3456, 0x0089)
RCMB = holding(1000, 0x1234, 0x5678) | holding(1194, 610)


def ascii_words(text: str, count: int) -> tuple[int, ...]:
    return struct.unpack(f">{count}H", text.encode().ljust(2 * count, b"\0"))


def sunspec(base: int, model: int) -> dict[tuple[int, int], int]:
    """Marker, common block with maker and model, the meter model, the end."""
    common = (1, 66, *ascii_words("Acme", 16), *ascii_words("Meter 3", 16), *([0] * 34))
    return holding(base, 0x5375, 0x6E53, *common, model, 105, *([0] * 105), 0xFFFF, 0)


async def find(device: FakeDevice, **line: object) -> tuple[FakeLine, list[tuple[str, Confidence]]]:
    fake = FakeLine(devices={1: device}, **line)  # type: ignore[arg-type]
    found = await identify(fake, 1, PROFILES)
    return fake, [(match.profile.id, match.confidence) for match in found.matches]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (SDM72, ("eastron-sdm72d-m-v2", Confidence.CERTAIN)),
        (RCMB, ("bender-rcmb300", Confidence.CERTAIN)),
        (sunspec(40000, 203), ("sunspec-meter-20x", Confidence.CERTAIN)),
        (sunspec(50000, 213), ("sunspec-meter-21x", Confidence.CERTAIN)),
    ],
    ids=["sdm72", "rcmb300", "sunspec", "sunspec float"],
)
async def test_the_register_that_tells_decides(
    words: dict[tuple[int, int], int], first: tuple[str, Confidence]
) -> None:
    _, matches = await find(FakeDevice(words=words))
    assert matches[0] == first
    assert [m for m in matches if m[1] is Confidence.CERTAIN] == [first]


async def test_sunspec_says_who_made_it() -> None:
    line = FakeLine(devices={1: FakeDevice(words=sunspec(40000, 203))})
    found = await identify(line, 1, PROFILES)
    assert found.best is not None
    assert found.best.evidence == ("SunSpec at 40000, model 203", "Acme Meter 3")


async def test_another_value_is_another_device() -> None:
    _, matches = await find(FakeDevice(words=holding(64512, 0, 1, 0x0999)))
    assert "eastron-sdm72d-m-v2" not in [name for name, _ in matches]


async def test_a_kind_without_identity_is_only_possible_and_names_its_likes() -> None:
    coils = {(1, i): 0 for i in range(8)} | {(2, i): 0 for i in range(8)}
    line = FakeLine(
        devices={1: FakeDevice(words=coils | holding(0x4000, 1) | holding(0x8000, 300))}
    )
    found = await identify(line, 1, PROFILES)
    assert found.best is not None
    assert found.best.profile.id == "waveshare-modbus-rtu-relay"
    assert found.best.confidence is Confidence.POSSIBLE
    assert "kmtronic-relay" in [match.profile.id for match in found.others]


async def test_a_silent_device_costs_three_questions() -> None:
    line = FakeLine(devices={})
    found = await identify(line, 1, PROFILES)
    assert found.silent
    assert not found.matches
    assert len(line.requests) <= 4


async def test_what_fits_nothing_has_no_best() -> None:
    found = await identify(FakeLine(devices={1: FakeDevice(words={})}), 1, PROFILES)
    assert not found.silent
    assert found.best is None


@pytest.mark.parametrize(
    "words", [SDM72, RCMB, sunspec(0, 203), {}], ids=["sdm72", "rcmb300", "sunspec", "empty"]
)
async def test_it_never_writes_and_never_touches_what_a_read_changes(
    words: dict[tuple[int, int], int],
) -> None:
    line, _ = await find(FakeDevice(words=words))
    assert line.requests
    assert all(request.is_read for request in line.requests)
    changing = [row for profile in PROFILES for row in profile.rows.values() if row.clears]
    assert changing

    def touches(request: Request) -> bool:
        end = request.address + request.count
        return any(
            row.function is request.function and row.addr < end and request.address < row.end
            for row in changing
        )

    # SunSpec's chain of headers leads through addresses other devices use; only they walk it.
    chain = {(3, 0)} | {(3, at) for _, at in words}
    assert not [
        r for r in line.requests if touches(r) and (int(r.function), r.address) not in chain
    ]


@pytest.mark.parametrize("function", [Function.READ_HOLDING, Function.READ_INPUT_REGISTERS])
async def test_what_one_candidate_clears_is_read_for_no_other(function: Function) -> None:
    """Nobody knows yet which of the two it is; function 3 may be as good as 4."""

    def one(name: str, row: Row) -> Profile:
        return Profile(id=name, kind=Kind.METER, vendor="v", model="m", source="s", rows={"a": row})

    kind, other = parse_type("u32"), Function.READ_HOLDING
    harmless = one("harmless", Row(quantity="a", function=function, addr=10, type=kind))
    trap = one("trap", Row(quantity="a", function=other, addr=11, type=kind, clears=True))
    line = FakeLine(devices={1: FakeDevice(words={(int(function), n): 1 for n in range(20)})})
    found = await identify(line, 1, (harmless, trap))
    assert not line.requests
    assert found.best is None
    assert (await identify(line, 1, (harmless,))).best is not None


async def test_each_register_is_asked_once_whoever_wants_it() -> None:
    line, _ = await find(FakeDevice(words=SDM72))
    meter_code = [r for r in line.requests if r.address == 64514]
    assert len(meter_code) == 1


@pytest.mark.parametrize(
    ("settings", "expected"), [(PORT, True), (TcpSettings(name="gw", host="x"), False)]
)
async def test_factory_settings_count_as_evidence(settings: object, expected: bool) -> None:
    line = FakeLine(devices={1: FakeDevice(words=SDM72)}, settings=settings)  # type: ignore[arg-type]
    found = await identify(line, 1, PROFILES)
    assert found.best is not None
    assert found.best.at_factory_settings is expected


async def test_a_read_the_lines_holder_refuses_leaves_the_rest_to_decide() -> None:
    class Held(FakeLine):
        async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
            if request.count > 8:
                raise NotAllowed("too long", "fewer")
            return await FakeLine.transact(self, request, priority)

    found = await identify(Held(devices={1: FakeDevice(words=SDM72)}), 1, PROFILES)
    assert found.best is not None
    assert found.best.profile.id == "eastron-sdm72d-m-v2"


async def test_a_device_its_lines_holder_does_not_ask_is_not_called_silent() -> None:
    line = FakeLine(devices={}, error=NotAllowed("not configured", "stop the agent"))
    with pytest.raises(NotAllowed, match="not configured"):
        await identify(line, 1, PROFILES)
