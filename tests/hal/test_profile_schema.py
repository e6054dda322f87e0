"""What a profile may say beyond plain rows, and what it may not: each refusal with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laddvakt_hal.errors import ProfileError
from laddvakt_hal.plan import ReadClass
from laddvakt_hal.profile import Profile, load_profile_file
from laddvakt_hal.profile_model import FedBy, OnExpiry
from laddvakt_hal.profile_needs import with_needs

FULL = """
schema = 1
id = "some-board"
kind = "board"
vendor = "Some"
model = "Board"
variants = ["Other Board"]
source = "manual 1"
second_source = "manual 2"
hardware_checked = false
word_order = "big"
identity = [{ quantity = "code", values = [7] }, { quantity = "model", texts = ["SB-", "SC-"] }]

[rtu]
baud = 9600
parity = "N"
stop_bits = 1
unit = 1
confirmed = false

[tcp]
port = 502
unit = 255

[timing]
timeout_ms = 200
unit_change_ms = 40
read_interval_ms = 500
write_interval_ms = 5000

[limits]
max_read = 20
safe_read = 16
spans = [{ fc = 3, first = 0, last = 15 }]
barriers = [4]

[not_available]
u16 = [0xFFFF]
sunssf = [0x8000]

[enum.state]
1 = "ready"
2 = "charging"

[enum.letter]
A = "no vehicle"

[bits.faults]
0 = "too_hot"
15 = "too_cold"

[watchdog]
fed_by = "heartbeat"
on_expiry = "stop"
timeout_quantity = "timer"
timeout_value = 4
fallback_quantity = "fallback"
fallback_value = 0
heartbeat_quantity = "alive"
heartbeat_value = 1
heartbeat_s = 1
timeout_s = 4
note = "set the fallback first"

[meter]
voltage = ["voltage"]
current = ["current"]
power = ["power"]
energy = "energy"
resolution_wh = 1
update_ms = 1000
latency_ms = 1000
voltage_side = "line"
measures_neutral = true

[board]
pilot = "state"
pilot_states = { 1 = "A", 2 = "C" }
limit = "limit"
resolution_a = 0.1
apply_s = 5
errors = "faults"

[[variant]]
name = "from 5.22"
when = { quantity = "firmware", min = "5.22", max = "9" }
rows = { energy = { scale = 0.1 }, state = { enum = "state", type = "s16" } }

[[variant]]
name = "without a meter"
when = { quantity = "code", values = [8] }
rows = { energy = { absent = true } }

[rows]
state = { fc = 3, addr = 0, type = "u16", conf = "A", enum = "state" }
faults = { fc = 3, addr = 1, type = "u16", conf = "A", bits = "faults" }
low = { fc = 3, addr = 2, type = "u16", mask = 0x00FF, conf = "B", overlap = true }
high = { fc = 3, addr = 2, type = "u16", mask = 0xFF00, shift = 8, overlap = true, note = "half" }
voltage = { fc = 3, addr = 4, type = "u16", unit = "V", scale_from = "voltage_sf" }
voltage_sf = { fc = 3, addr = 5, type = "sunssf" }
current = { fc = 3, addr = 6, type = "u16", scale = 0.1, unit = "A" }
power = { fc = 3, addr = 7, type = "s16", unit = "W" }
energy = { fc = 3, addr = 8, type = "u32", unit = "Wh" }
code = { fc = 3, addr = 10, type = "u16" }
timer = { fc = 3, addr = 11, type = "u16", unit = "s", access = "rw" }
fallback_now = { fc = 3, addr = 12, type = "u16", unit = "A" }
limit = { fc = 3, addr = 13, type = "u16", scale = 0.1, unit = "A", access = "rw", max = 32 }
model = { fc = 3, addr = 100, type = "str4" }
firmware = { fc = 3, addr = 104, type = "str4" }
fallback = { fc = 3, addr = 200, type = "u16", access = "w", readback = "fallback_now" }
alive = { fc = 3, addr = 201, type = "u16", access = "w", write_fc = 6 }
"""


def load(tmp_path: Path, text: str) -> Profile:
    path = tmp_path / "some.toml"
    path.write_text(text)
    return load_profile_file(path)


@pytest.fixture
def full(tmp_path: Path) -> Profile:
    return load(tmp_path, FULL)


def test_everything_a_profile_may_say_is_understood(full: Profile) -> None:
    assert (full.variants, full.second_source) == (("Other Board",), "manual 2")
    assert (full.unit, full.tcp_unit, full.serial_confirmed) == (1, 255, False)
    assert (full.timing.unit_change_s, full.timing.read_interval_s) == (0.04, 0.5)
    assert full.timing.write_interval_s == 5
    assert full.limits.max_read == 16
    assert (full.rows["high"].mask, full.rows["high"].shift) == (0xFF00, 8)
    assert (full.rows["high"].overlap, full.rows["high"].note) == (True, "half")
    assert full.rows["fallback"].readback == "fallback_now"
    assert full.meter is not None
    assert full.meter.measures_neutral
    assert full.board is not None
    assert (full.board.pwm, full.board.errors) == (None, ("faults",))


def test_watchdog_says_who_feeds_it_and_how_often(full: Profile) -> None:
    watchdog = full.watchdog
    assert (watchdog.fed_by, watchdog.on_expiry) == (FedBy.HEARTBEAT, OnExpiry.STOP)
    assert (watchdog.heartbeat_quantity, watchdog.heartbeat_value) == ("alive", 1)
    assert (watchdog.heartbeat_s, full.watchdog_s) == (1, 4)
    assert watchdog.note == "set the fallback first"


@pytest.mark.parametrize(
    ("quantity", "value", "text"),
    [("state", 2, "charging"), ("state", 2.0, "charging"), ("state", 9, None), ("power", 1, None)],
)
def test_values_have_texts(full: Profile, quantity: str, value: float, text: str | None) -> None:
    assert full.text_of(quantity, value) == text


def test_bits_have_texts(full: Profile) -> None:
    assert full.bit_texts("faults", 0x8003) == ("too_hot", "bit1", "too_cold")
    assert full.bit_texts("faults", 0x8003, frozenset({1})) == ("too_hot", "too_cold")
    assert full.bit_texts("power", 2) == ("bit1",)


@pytest.mark.parametrize(
    ("quantity", "needs"),
    [
        ("voltage", ("voltage_sf",)),
        ("energy", ("firmware", "code")),
        ("state", ("firmware",)),
        ("current", ()),
    ],
)
def test_rows_say_what_they_need(full: Profile, quantity: str, needs: tuple[str, ...]) -> None:
    assert full.needs(quantity) == needs


def test_factors_are_read_as_often_as_values_and_conditions_once(full: Profile) -> None:
    wanted = {"voltage": ReadClass.SAFETY, "energy": ReadClass.NORMAL, "code": ReadClass.SLOW}
    assert with_needs(full, wanted) == {
        "voltage": ReadClass.SAFETY,
        "voltage_sf": ReadClass.SAFETY,
        "energy": ReadClass.NORMAL,
        "firmware": ReadClass.ONCE,
        "code": ReadClass.SLOW,  # whatever wants it more often
    }


def test_one_value_per_request_makes_every_row_alone(tmp_path: Path) -> None:
    text = FULL.replace(
        "spans = [{ fc = 3, first = 0, last = 15 }]\nbarriers = [4]", "one_row = true"
    )
    profile = load(tmp_path, text)
    assert profile.limits.one_row
    assert all(row.alone for row in profile.rows.values())
    assert all(row.alone for v in profile.alternatives for row in v.rows.values())


RELAY = """
schema = 1
id = "r"
kind = "relay"
vendor = "v"
model = "m"
source = "s"
word_order = "big"
[relay]
coil = "relay_"
on_value = 0x0100
off_value = 0x0200
closed_value = 1
[rows]
relay_1 = { fc = 3, addr = 1, type = "u16", access = "rw", write_fc = 6 }
"""


def test_register_relays_say_what_they_write_and_read(tmp_path: Path) -> None:
    relay = load(tmp_path, RELAY).relay
    assert relay is not None
    assert (relay.on_value, relay.off_value, relay.closed_value) == (0x0100, 0x0200, 1)
    assert (relay.contact, relay.falls_open) == (None, False)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("on_value = 0x0100\n", "", "on_value: a register relay needs"),
        ("off_value = 0x0200", "off_value = 0x0100", "must differ from off_value"),
        (', access = "rw", write_fc = 6', "", "row relay_1 must be writable"),
        (
            'fc = 3, addr = 1, type = "u16", access = "rw", write_fc = 6',
            'fc = 1, addr = 1, type = "bool", access = "rw" ',
            None,
        ),
        ("closed_value = 1", 'contact = "in_"', "in_1: is not one of the rows"),
    ],
)
def test_relays_that_cannot_be_switched_are_refused(
    tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    text = RELAY.replace(old, new)
    assert text != RELAY
    if message is None:
        assert load(tmp_path, text).relay is not None
        return
    with pytest.raises(ProfileError, match=re.escape(message)):
        load(tmp_path, text)


def test_timed_output_goes_with_registers(tmp_path: Path) -> None:
    timed = load(tmp_path, RELAY.replace("closed_value", "timed_base = 0x0600\nclosed_value")).relay
    assert timed is not None
    assert timed.falls_open
