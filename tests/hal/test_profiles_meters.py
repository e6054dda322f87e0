"""Meter profiles: what the words mean, what is read together, and which meter is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hal.meter_words import GOLDEN, Golden
from hal.test_device import Wire
from laddvakt_hal.adapters import meter
from laddvakt_hal.bus import Priority, Reply
from laddvakt_hal.device import Device
from laddvakt_hal.frame import Request
from laddvakt_hal.plan import Block, ReadClass, plan_device, wire_cost
from laddvakt_hal.profile import load_profile
from laddvakt_hal.profile_model import Kind, Profile
from laddvakt_hal.reading import Quality
from laddvakt_hal.settings import SerialSettings

METERS = sorted(GOLDEN)
BASE = 40000 + 2 + 68  # a SunSpec meter model behind the marker and the common model
CHAIN = {40000: 0x5375, 40001: 0x6E53, 40002: 1, 40003: 66}

# Registers per request, as the manuals and drivers have it.
MOST = {
    "abb-b23-b24": 125,
    "bauer-bsm-ws36a": 125,
    "cg-em24-din-rtu": 11,
    "cg-em24-e1-tcp": 80,
    "cg-em300-et300": 50,
    "cg-em530-em540": 50,
    "cg-em580-ocmf": 125,
    "dzg-dvh4013": 20,
    "eastron-sdm120": 20,
    "eastron-sdm230": 60,
    "eastron-sdm630": 60,
    "inepro-pro380": 32,
    "iskra-wm3m4c": 120,
    "janitza-umg604": 56,
    "janitza-umg96rm": 120,
    "orno-or-we-516-517": 60,
    "phoenix-eem-350-d-mcb": 11,
    "phoenix-eem-ma37x": 57,
    "schneider-iem3155-iem3255": 60,
    "siemens-pac1600": 30,
    "siemens-pac2200": 68,
    "sunspec-meter-20x": 125,
    "sunspec-meter-21x": 125,
}
# Addresses no read may touch: refused there, or nobody ever tried.
GAPS = {
    "abb-b23-b24": [(3, 0x5008, 0x545F), (3, 0x5478, 0x5AFF), (3, 0x5B3E, 0x88FF)],
    "bauer-bsm-ws36a": [(3, 40070, 40081), (3, 40084, 40089), (3, 40499, 40523)],
    "cg-em24-din-rtu": [(4, 46, 49), (4, 54, 54), (4, 56, 61), (4, 76, 91)],
    "cg-em24-e1-tcp": [(4, 56, 59), (4, 62, 63), (4, 70, 77)],
    "cg-em300-et300": [(4, 0x9A, 0xF5), (3, 0x2006, 0x4FFF)],
    "dzg-dvh4013": [(3, 0x14, 0x3FFF), (3, 0x4002, 0x401F), (3, 0x4062, 0x40FF)],
    "eastron-sdm120": [(4, 126, 341)],
    "eastron-sdm630": [(4, 126, 223), (4, 226, 341), (4, 344, 345)],
    "iskra-wm3m4c": [(4, 113, 125), (4, 132, 139), (4, 156, 413), (4, 416, 417)],
    "janitza-umg604": [(3, 1373, 1438), (3, 1441, 9850)],
    "phoenix-eem-350-d-mcb": [(4, 6, 11), (4, 24, 39), (4, 54, 54), (4, 56, 61)],
    "phoenix-eem-ma37x": [(3, 0x803F, 0x80FF)],
    "schneider-iem3155-iem3255": [(3, 3061, 3066), (3, 3111, 3202)],
    "siemens-pac1600": [(3, 31, 36), (3, 43, 48), (3, 61, 6686), (3, 6715, 6726)],
    "siemens-pac2200": [(3, 73, 800), (3, 813, 999)],
}
# Requests of one round of voltages, currents and power at 9600 baud.
LIVE_READS = {
    "cg-em24-din-rtu": 3,
    "phoenix-eem-350-d-mcb": 3,
    "iskra-wm3m4c": 3,
    "schneider-iem3155-iem3255": 3,  # at 9600 baud its holes cost more than requests
}
# Rows of the role that only one source knows.
UNCONFIRMED = {
    "dzg-dvh4013": {"voltage_l1", "voltage_l2", "voltage_l3", "current_l1", "current_l2"}
    | {"current_l3", "power_import_total", "energy_import_total"},
    "iskra-wm3m4c": {"energy_counter1", "serial"},
    "cg-em530-em540": {"serial", "identification"},
    "cg-em580-ocmf": {"serial"},
    "eastron-sdm230": {"meter_code"},
    "cg-em24-e1-tcp": {"serial"},
}
SURE_OF_THE_LINE = {
    "bauer-bsm-ws36a",
    "cg-em24-din-rtu",
    "cg-em300-et300",
    "eastron-sdm120",
    "eastron-sdm230",
    "eastron-sdm630",
    "inepro-pro380",
    "janitza-umg96rm",
    "schneider-iem3155-iem3255",
}


class Registers(Wire):
    """A meter's registers; undefined ones read 0."""

    def __init__(self, words: Mapping[tuple[int, int], int]) -> None:
        super().__init__()
        self.words = words

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        span = range(request.address, request.address + request.count)
        self.answers = [[self.words.get((int(request.function), at), 0) for at in span]]
        return await super().transact(request, priority)


def device(profile: Profile, golden: Golden) -> Device:
    """A meter that has these words; a SunSpec one has a chain of models before them."""
    start = BASE if profile.discovery else 0
    words = {(3, at): word for at, word in CHAIN.items()} if profile.discovery else {}
    if profile.discovery:
        rows = profile.rows.values()
        length = max(row.end for row in rows if row.block is None) - 2
        words |= {(3, BASE): profile.discovery.models[0], (3, BASE + 1): length}
    for quantity, (raw, _) in golden.items():
        row = profile.rows[quantity]
        words |= {(int(row.function), start + row.addr + i): word for i, word in enumerate(raw)}
    wire = Registers(words)
    return Device(profile, wire, 1, "m", lambda: wire.now_s)


def expect(its: Device, quantity: str, value: float | str | Quality) -> None:
    reading = its.reading(quantity)
    if isinstance(value, Quality):
        assert (reading.value, reading.quality) == (None, value), quantity
    elif isinstance(value, str):
        assert reading.value == value, quantity
    else:
        assert reading.value == pytest.approx(value, rel=1e-7), quantity


def blocks(profile: Profile, wanted: Mapping[str, ReadClass], baud: int) -> list[Block]:
    line = SerialSettings(name="l", port="/dev/null", baud=baud, parity=profile.parity or "N")
    cost = wire_cost(line, profile.timing)
    return [block for _, block in plan_device(profile, wanted, cost)]


def needed(profile: Profile, its: Device) -> dict[str, ReadClass]:
    """What the role reads, factors included."""
    wanted = dict(meter(its).wanted)
    for quantity, kind in tuple(wanted.items()):
        for other in profile.needs(quantity):
            wanted[other] = min(kind, wanted.get(other, kind))
    return wanted


@pytest.mark.parametrize("name", METERS)
async def test_words_mean_what_the_manual_says(name: str) -> None:
    profile = load_profile(name)
    its = device(profile, GOLDEN[name])
    for quantity, (_, value) in GOLDEN[name].items():
        await its.fetch(quantity)
        expect(its, quantity, value)


@pytest.mark.parametrize("name", METERS)
async def test_role_is_read_in_blocks(name: str) -> None:
    golden = GOLDEN[name]
    its = device(load_profile(name), golden)
    assert await its.resolve() is None
    wanted = needed(its.profile, its)
    wanted = {q: kind for q, kind in wanted.items() if kind is not ReadClass.ONCE}
    for block in blocks(its.profile, wanted, 9600):
        assert await its.read_block(block, Priority.SAFETY) is None
    for quantity in golden.keys() & wanted.keys():
        expect(its, quantity, golden[quantity][1])
    roles = its.profile.meter
    assert roles is not None
    value = golden[roles.energy][1]
    assert isinstance(value, float | int)
    wh = value * (1000 if its.profile.rows[roles.energy].unit == "kWh" else 1)
    assert meter(its).energy_wh().value == pytest.approx(wh, rel=1e-7)


@pytest.mark.parametrize("name", METERS)
@pytest.mark.parametrize("baud", [9600, 115200])
def test_no_read_is_too_long_or_crosses_a_forbidden_gap(name: str, baud: int) -> None:
    profile = load_profile(name)
    everything = {q: ReadClass.NORMAL for q, row in profile.rows.items() if row.readable}
    for wanted in (everything, needed(profile, device(profile, {}))):
        planned = blocks(profile, wanted, baud)
        assert {row.quantity for block in planned for row in block.rows} == wanted.keys()
        for block in planned:
            assert block.count <= MOST[name]
            assert len(block.rows) == 1 or not any(row.alone for row in block.rows)
            for function, first, last in GAPS.get(name, []):
                apart = block.addr > last or block.addr + block.count <= first
                assert block.function != function or apart, (block.addr, block.count)


@pytest.mark.parametrize("name", METERS)
def test_live_values_come_in_few_reads(name: str) -> None:
    profile = load_profile(name)
    wanted = needed(profile, device(profile, {}))
    live = {q: kind for q, kind in wanted.items() if kind <= ReadClass.STATUS}
    assert len(blocks(profile, live, 9600)) == LIVE_READS.get(name, 1)


@pytest.mark.parametrize("name", [name for name in METERS if name.startswith("eastron")])
def test_eastron_floats_are_never_cut(name: str) -> None:
    profile = load_profile(name)
    wanted = {q: ReadClass.NORMAL for q in profile.rows if q != "meter_code"}
    for block in blocks(profile, wanted, 9600):
        assert (block.addr % 2, block.count % 2) == (0, 0)


@pytest.mark.parametrize("name", METERS)
def test_what_is_known_and_what_is_assumed(name: str) -> None:
    """Counters that are billed and values that open a contactor have two sources, or are named."""
    profile = load_profile(name)
    assert (profile.id, profile.kind, profile.hardware_checked) == (name, Kind.METER, False)
    assert profile.assumptions
    rows = [profile.rows[q] for q in needed(profile, device(profile, {}))]
    assert {r.quantity for r in rows if r.confidence != "A"} == UNCONFIRMED.get(name, set())
    assert profile.serial_confirmed is (profile.baud is None or name in SURE_OF_THE_LINE)
    live = [r for r in profile.rows.values() if r.unit in ("V", "A", "W", "Hz")]
    assert all(r.minimum is not None and r.maximum is not None for r in live)
    assert profile.timing.min_delay_s == 0  # pauses of field practice are not the meter's own


def test_sdm120_waits_after_another_unit() -> None:
    assert load_profile("eastron-sdm120").timing.unit_change_s == 0.2


@pytest.mark.parametrize(
    ("name", "rollover_wh"),
    [
        ("cg-em300-et300", 2**31 * 100),
        ("dzg-dvh4013", 2**32),
        ("siemens-pac1600", 2**32),
        ("siemens-pac2200", 10**12),
        ("abb-b23-b24", None),
        ("sunspec-meter-20x", None),
    ],
)
def test_counters_turn_over(name: str, rollover_wh: float | None) -> None:
    roles = load_profile(name).meter
    assert roles is not None
    assert roles.rollover_wh == rollover_wh


@pytest.mark.parametrize(
    ("name", "quantity", "words", "matches"),
    [
        pytest.param("cg-em300-et300", "identification", (341,), True, id="em340"),
        pytest.param("cg-em300-et300", "identification", (340,), False, id="high-word-first"),
        pytest.param("cg-em300-et300", "identification", (348,), False, id="em340-s27"),
        pytest.param("cg-em24-din-rtu", "identification", (348,), True, id="s27-is-an-em24"),
        pytest.param("cg-em24-din-rtu", "identification", (341,), False, id="em340-is-no-em24"),
        pytest.param("cg-em24-e1-tcp", "identification", (1650,), True, id="em24-e1"),
        pytest.param("cg-em530-em540", "identification", (1744,), True, id="em540"),
        pytest.param("eastron-sdm630", "meter_code", (0,), True, id="early-sdm630"),
        pytest.param("eastron-sdm630", "meter_code", (0x89,), False, id="sdm72-is-no-sdm630"),
        pytest.param("eastron-sdm120", "meter_code", (0x20,), True, id="sdm120"),
        pytest.param("abb-b23-b24", "type_designation", (0x4133, 0x3120), False, id="abb-a31"),
        pytest.param("iskra-wm3m4c", "model", (0x574D, 0x334D, 0x3443, *(0,) * 5), True, id="wm3"),
        pytest.param("bauer-bsm-ws36a", "bsm_model", (203,), False, id="any-sunspec-meter"),
    ],
)
async def test_only_the_right_meter_is_believed(
    name: str, quantity: str, words: tuple[int, ...], matches: bool
) -> None:
    its = device(load_profile(name), {quantity: (words, 0)})
    await its.fetch(quantity)
    assert its.identity_matches() is matches


@pytest.mark.parametrize(
    ("name", "quantity", "value", "text"),
    [
        ("cg-em24-e1-tcp", "application", 7, "H"),
        ("cg-em300-et300", "cfg_baud", 5, "115200"),
        ("eastron-sdm120", "cfg_baud", 0.0, "2400"),
        ("eastron-sdm630", "cfg_parity_stop", 1.0, "8E1"),
        ("bauer-bsm-ws36a", "snapshot_start_status", 2, "updating"),
        ("cg-em580-ocmf", "ocmf_command", 0x42, "start"),
        ("iskra-wm3m4c", "session_state", 2, "active after power failure"),
        ("iskra-wm3m4c", "session_command", 0x4200, "begin (B)"),
    ],
)
def test_codes_have_words(name: str, quantity: str, value: float, text: str) -> None:
    assert load_profile(name).text_of(quantity, value) == text


def test_bits_have_names() -> None:
    found = load_profile("cg-em580-ocmf").bit_texts("device_state", 0x1041)
    assert found == ("voltage_l1_over_range", "current_l1_over_range", "charging_module_fault")
    assert load_profile("sunspec-meter-21x").bit_texts("events", 0x24) == (
        "power_failure",
        "over_current",
    )
