"""Profiles that contradict themselves are refused: file, place and reason are named."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hal.test_profile_schema import FULL, load
from laddvakt_hal.errors import ProfileError

ARMED = """timeout_quantity = "timer"
timeout_value = 4
fallback_quantity = "fallback"
fallback_value = 0
"""
BEATEN = """heartbeat_quantity = "alive"
heartbeat_value = 1
heartbeat_s = 1
timeout_s = 4
"""
FEEDING = 'fed_by = "heartbeat"\non_expiry = "stop"\n' + ARMED + BEATEN
BY_LIMIT = 'fed_by = "limit_write"\non_expiry = "stop"\n'

WRONG = [
    pytest.param("safe_read = 16", "safe_read = 21", "safe_read: 21 is more than", id="safe"),
    pytest.param("safe_read = 16", "safe_read = 3", "rows: model: type: str4 takes 4", id="row"),
    pytest.param(
        "barriers = [4]", "barriers = [9]", "rows: energy: addr: the barrier at 9", id="cut"
    ),
    pytest.param("last = 15 }", "last = 8 }", "energy: addr: 8..9 reaches across", id="edge"),
    pytest.param(
        "last = 15 }",
        "last = 15 }, { fc = 4, first = 0, last = 1 }",
        "spans: no row of",
        id="empty",
    ),
    pytest.param(
        "barriers = [4]", "one_row = true", "one_row: one value per request", id="one-row"
    ),
    pytest.param(
        "unit_change_ms = 40", "unit_change_ms = -1", "timing: min_delay_ms: no time", id="time"
    ),
    pytest.param(
        '"voltage_sf" }', '"factor" }', "voltage: scale_from: 'factor' is not", id="factor"
    ),
    pytest.param(
        '"voltage_sf" }', '"current" }', "row current must be a whole number", id="scaled"
    ),
    pytest.param('"voltage_sf" }', '"voltage" }', "row voltage must be a whole", id="itself"),
    pytest.param('enum = "state" }', 'enum = "stat" }', "no table [enum.stat]", id="enum"),
    pytest.param('enum = "state" }', 'enum = "letter" }', "'A' in [enum.letter]", id="letter"),
    pytest.param('bits = "faults" }', 'bits = "fault" }', "no table [bits.fault]", id="bits"),
    pytest.param('15 = "too_cold"', '16 = "too_cold"', "bit 16 of [bits.faults] is out", id="bit"),
    pytest.param('15 = "too_cold"', '64 = "x"', "bits: faults: 64: bit 0..63", id="bit-64"),
    pytest.param(
        'type = "s16", unit = "W"', 'type = "s16", bits = "faults"', "s16 has no bits", id="signed"
    ),
    pytest.param('conf = "B", overlap = true', 'conf = "B"', None, id="one-says-overlap"),
    pytest.param("addr = 7", "addr = 6", "power: addr: 6 belongs to current too", id="overlap"),
    pytest.param("shift = 8", "shift = 16", "high: shift: 16 moves the whole mask", id="shift"),
    pytest.param(
        "mask = 0xFF00", "mask = 0x1FF00", "high: mask: a whole number 1..65535", id="mask"
    ),
    pytest.param("mask = 0xFF00, shift", "shift", "high: shift: goes with a mask", id="no-mask"),
    pytest.param(
        'type = "str4" }',
        'type = "str4", scale = 0.1 }',
        "model: scale: str4 is no",
        id="text-scale",
    ),
    pytest.param('readback = "fallback_now"', 'readback = "alive"', "readback: 'alive'", id="back"),
    pytest.param(
        ', readback = "fallback_now"', "", "cannot be read back; add readback", id="blind"
    ),
    pytest.param(
        'access = "rw" }', 'access = "rw", readback = "code" }', "timer: readback: goes", id="both"
    ),
    pytest.param(
        '"u32", unit = "Wh"', '"u32", write_fc = 16', "write_fc: goes with", id="read-only"
    ),
    pytest.param(
        'type = "u16", access = "w", write_fc = 6 }',
        'type = "u32", access = "w", write_fc = 6 }',
        "alive: write_fc: 6 writes one",
        id="fc6",
    ),
    pytest.param("heartbeat_value = 1", "", "heartbeat_value: is missing", id="no-beat"),
    pytest.param('"alive"\n', '"code"\n', "heartbeat_quantity: 'code' is not", id="beat-row"),
    pytest.param(
        "heartbeat_s = 1", "heartbeat_s = 4", "than heartbeat_s is expected", id="slow-beat"
    ),
    pytest.param("timeout_s = 4", "timeout_s = 5", "but timeout_value says 4 s", id="two-times"),
    pytest.param(
        'fed_by = "heartbeat"', 'fed_by = "any_request"', "goes with fed_by", id="not-fed"
    ),
    pytest.param('fallback_quantity = "fallback"\n', "", "goes with fallback_quantity", id="alone"),
    pytest.param(
        'when = { quantity = "code"', 'when = { quantity = "cod"', "'cod' is not", id="when"
    ),
    pytest.param(", values = [8] }", " }", "min, max, values or texts", id="no-test"),
    pytest.param('min = "5.22"', "min = 5.22", "min: a text is expected", id="version"),
    pytest.param('max = "9" }', "values = [9] }", "texts: go with text rows", id="text-values"),
    pytest.param(
        "{ absent = true }", "{ scales = 1 }", "without a meter: rows: energy: scales", id="field"
    ),
    pytest.param(
        "energy = { absent", "enrgy = { absent", "enrgy: is not one of the rows", id="variant-row"
    ),
    pytest.param(
        "energy = { absent", "code = { absent", "code: cannot depend on itself", id="circle"
    ),
    pytest.param(
        "energy = { absent", "firmware = { absent", "firmware depends on a variant", id="doubt"
    ),
    pytest.param('"without a meter"', '"from 5.22"', "two called 'from 5.22'", id="twice"),
    pytest.param(
        'texts = ["SB-"', 'values = [1], texts = ["SB-"', "texts go with texts", id="identity"
    ),
    pytest.param(
        "resolution_wh = 1\n",
        "resolution_wh = 0.1\n",
        "meter: resolution_wh: energy moves in steps of 1 Wh",
        id="finer-than-its-register",
    ),
    pytest.param(
        "resolution_wh = 1\n",
        "resolution_wh = 1\nrollover_wh = 4294967297\n",
        "meter: rollover_wh: energy holds no more than 4294967296 Wh",
        id="rollover",
    ),
    pytest.param(
        FEEDING,
        FEEDING.replace("timeout_value = 4", "timeout_value = 0").replace("timeout_s = 4", ""),
        "0 switches a watchdog off",
        id="watchdog-off",
    ),
    pytest.param(
        FEEDING,
        FEEDING.replace("= 4", "= 65536"),
        "watchdog: timeout_value: 65536 does not fit into u16",
        id="timer-overflows",
    ),
    pytest.param(
        "fallback_value = 0", "fallback_value = 6", "fallback_value: 6 is no stop", id="no-stop"
    ),
    pytest.param(
        "heartbeat_value = 1\n",
        "heartbeat_value = -1\n",
        "heartbeat_value: -1 does not fit into u16",
        id="beat-value",
    ),
    pytest.param(
        FEEDING,
        'fed_by = "any_request"\non_expiry = "stop"\nheartbeat_s = 1\n',
        "heartbeat_s: any request feeds it",
        id="beats-unasked",
    ),
    pytest.param(
        '{ 1 = "A", 2 = "C" }',
        '{ 1 = "A", C2 = "C" }',
        "pilot_states: C2: state is a number and never says so",
        id="letter-for-a-number",
    ),
    pytest.param(
        '{ 1 = "A", 2 = "C" }',
        '{ 1 = "A", 77 = "C" }',
        "pilot_states: 77: is not in [enum.state]",
        id="state-nobody-names",
    ),
    pytest.param(
        'errors = "faults"',
        'pwm = "state"\npwm_on = ["77"]',
        "pwm_on: 77: is not in [enum.state]",
        id="pwm-nobody-names",
    ),
    pytest.param(
        "unit_change_ms = 40",
        "unit_change_ms = nan",
        "unit_change_ms: a finite number is expected, not nan",
        id="nan",
    ),
    pytest.param("u16 = [0xFFFF]", "u16 = [0x1FFFF]", "u16: raw numbers of 1 reg", id="pattern"),
    pytest.param("u16 = [0xFFFF]", "u16 = []", "u16: is empty", id="no-pattern"),
    pytest.param(
        "[enum.state]", '[discovery]\nmethod = "dns"\n[enum.state]', "only 'sunspec'", id="method"
    ),
    pytest.param(
        "[enum.state]",
        '[discovery]\nmethod = "sunspec"\nbases = []\nmodels = [1]\n[enum.state]',
        "bases: addresses 0..65520",
        id="bases",
    ),
    pytest.param(
        "[enum.state]",
        '[discovery]\nmethod = "sunspec"\nbases = [0]\nmodels = [0]\n[enum.state]',
        "models: model ids",
        id="models",
    ),
    pytest.param('"sunssf" }', '"sunssf", model = 1 }', "model: goes with [discovery]", id="model"),
    pytest.param('limit = "limit"', 'limit = "code"', "row code must be writable", id="limit"),
    pytest.param('errors = "faults"', 'pwm = "code"', "pwm_on: goes with pwm", id="pwm"),
    pytest.param(
        'errors = "faults"',
        "limit_with = { timer = 1 }",
        "timer does not stand just before",
        id="with",
    ),
    pytest.param(
        'current = ["current"]', 'current = ["model"]', "model: must be a number", id="text"
    ),
    pytest.param('errors = "faults"', 'errors = "model"', "model: must be a whole", id="errors"),
    pytest.param(
        'fed_by = "heartbeat"',
        'fed_by = "limit_write"',
        "heartbeat_quantity: goes with",
        id="beats-for-nothing",
    ),
    pytest.param(FEEDING, BY_LIMIT + "timeout_s = 4\n", "not be written that", id="slow-writes"),
    pytest.param(FEEDING, BY_LIMIT, "heartbeat_s: is missing", id="nobody-knows-how-often"),
    pytest.param(
        FEEDING, BY_LIMIT + "heartbeat_s = 4\ntimeout_s = 4\n", "than heartbeat_s", id="too-late"
    ),
    pytest.param(
        ARMED + BEATEN,
        'heartbeat_quantity = "alive"\nheartbeat_value = 1\n',
        "heartbeat_s: is missing; how often",
        id="how-often",
    ),
    pytest.param(
        ARMED + BEATEN, BEATEN.replace("s = 1", "s = 0"), "heartbeat_s: more than 0", id="no-pause"
    ),
    pytest.param("[meter]", "[meter]\nthree_wire = 1", "three_wire: true or false", id="flag"),
    pytest.param(
        'vendor = "Some"', 'vendor = ""', "vendor: a text is expected, not ''", id="blank"
    ),
    pytest.param(
        'variants = ["Other Board"]', "variants = [1]", "variants: a list of texts", id="list"
    ),
    pytest.param(
        'variants = ["Other Board"]', 'variants = "x"', "variants: a list is", id="no-list"
    ),
    pytest.param("values = [7] }", 'values = ["7"] }', "a list of whole numbers", id="wholes"),
    pytest.param(
        'when = { quantity = "code", values = [8] }', "", "when: is missing", id="no-when"
    ),
    pytest.param(
        "rows = { energy = { absent = true } }", "rows = {}", "rows: is empty", id="no-rows"
    ),
    pytest.param("timeout_ms = 200", 'timeout_ms = "x"', "timeout_ms: a number is", id="number"),
    pytest.param("timeout_ms = 200", "", "timeout_ms: is missing", id="no-number"),
    pytest.param('access = "rw" }', 'access = "x" }', "timer: access: r, w or rw", id="access"),
    pytest.param("write_fc = 6 }", "write_fc = 5 }", "write_fc: 5 or 15 for bits", id="write-fc"),
    pytest.param(
        'conf = "A", bits = "faults" }',
        'conf = "A", bits = "faults", enum = "state" }',
        "enum: a row has an enum or bits",
        id="enum-and-bits",
    ),
    pytest.param(
        'errors = "faults"',
        'errors = ["faults", "code"]\nerror_bits = { 1 = "x" }',
        "error_bits: go with one",
        id="whose-bits",
    ),
    pytest.param(
        'errors = "faults"', 'release = "code"', "row code must be writable", id="release"
    ),
    pytest.param("resolution_a = 0.1", "resolution_a = 0", "resolution_a: more than 0", id="step"),
    pytest.param("resolution_wh = 1", "resolution_wh = 0", "resolution_wh: more than 0", id="wh"),
]


@pytest.mark.parametrize(("old", "new", "message"), WRONG)
def test_contradictions_are_refused_with_place_and_reason(
    tmp_path: Path, old: str, new: str, message: str | None
) -> None:
    assert old in FULL
    text = FULL.replace(old, new, 1)
    if message is None:
        load(tmp_path, text)
        return
    with pytest.raises(ProfileError, match=re.escape(message)) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith("some.toml: ")


def test_a_counter_that_turns_over_is_believed_until_then(tmp_path: Path) -> None:
    """A range that ends before the counter does would hide the last part of it."""
    text = FULL.replace("resolution_wh = 1\n", "resolution_wh = 1\nrollover_wh = 1000\n")
    load(tmp_path, text.replace('unit = "Wh" }', 'unit = "Wh", max = 1000 }'))
    with pytest.raises(ProfileError, match="rollover_wh: energy is refused above its max of 999"):
        load(tmp_path, text.replace('unit = "Wh" }', 'unit = "Wh", max = 999 }'))
