"""Profiles: the shipped ones load, wrong ones are refused with file, row and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from laddvakt_hal.codec import parse_type
from laddvakt_hal.errors import ProfileError
from laddvakt_hal.profile import PROFILES, known_profiles, load_profile, load_profile_file
from laddvakt_hal.profile_model import FedBy, OnExpiry

RELAY = (PROFILES / "waveshare-modbus-rtu-relay.toml").read_text()
METER = (PROFILES / "eastron-sdm72d-m-v2.toml").read_text()
BOARD = (PROFILES / "simpleevse-wb-din.toml").read_text()
CHARX = (PROFILES / "phoenix-charx-sec.toml").read_text()
BENDER = (PROFILES / "bender-rcmb300.toml").read_text()


def test_the_first_profiles_keep_their_names() -> None:
    """Configurations name them."""
    assert set(known_profiles()) >= {
        "bender-rcmb300",
        "eastron-sdm72d-m-v2",
        "phoenix-charx-sec",
        "simpleevse-wb-din",
        "waveshare-modbus-rtu-relay",
    }


@pytest.mark.parametrize("name", known_profiles())
def test_profile_is_complete(name: str) -> None:
    profile = load_profile(name)
    assert profile.id == name
    assert profile.source
    assert profile.unit is not None
    assert profile.baud is not None or profile.tcp_port is not None
    assert profile.timing.timeout_s <= profile.timing.worst_latency_s
    assert not profile.hardware_checked  # nobody has: say so until somebody did


def test_watchdogs() -> None:
    assert not load_profile("simpleevse-wb-din").watchdog.guards
    watchdog = load_profile("phoenix-charx-sec").watchdog
    assert (watchdog.fed_by, watchdog.on_expiry) == (FedBy.ANY_REQUEST, OnExpiry.STOP)
    assert (watchdog.timeout_value, watchdog.fallback_value) == (1, 0)


def test_smaller_of_two_sources_limits_the_reads() -> None:
    assert load_profile("eastron-sdm72d-m-v2").limits.max_read == 20


WRONG = [
    pytest.param(RELAY, 'kind = "relay"', 'kind = "radio"', "kind: one of 'meter'", id="kind"),
    pytest.param(RELAY, "schema = 1", "schema = 2", "schema: only 1", id="schema"),
    pytest.param(RELAY, 'vendor = "Waveshare"', "", "vendor: is missing", id="missing"),
    pytest.param(RELAY, "max_read = 8", "max_reads = 8", "limits: max_read: is missing", id="typo"),
    pytest.param(RELAY, "baud = 9600", "baud = '9600'", "rtu: baud: a whole number", id="text"),
    pytest.param(RELAY, "baud = 9600", "baud = true", "rtu: baud: a whole number", id="bool"),
    pytest.param(RELAY, 'parity = "N"', 'parity = "X"', "rtu: parity: N, E or O", id="parity"),
    pytest.param(RELAY, "unit = 1", "unit = 300", "rtu: unit: a whole number 1..247", id="unit"),
    pytest.param(RELAY, 'coil = "relay_"', 'coil = "coil_"', "relay: coil_1: is not", id="coil"),
    pytest.param(RELAY, 'word_order = "big"', 'word_order = "mid"', "word_order", id="order"),
    pytest.param(RELAY, "timeout_ms = 100", "timeout_ms = 3", "timing: timeout_ms", id="timing"),
    pytest.param(
        METER,
        'addr = 0, type = "f32"',
        'addr = 0, type = "f33"',
        "voltage_l1: type: type 'f33' is unknown",
        id="type",
    ),
    pytest.param(
        METER, "addr = 0,", "addr = 65535,", "voltage_l1: addr: a whole number 0..65534", id="addr"
    ),
    pytest.param(METER, "addr = 0,", "adr = 0,", "voltage_l1: addr: is missing", id="row-typo"),
    pytest.param(
        METER,
        'conf = "A", min = 0, max = 500',
        'conf = "A", min = 9, max = 5',
        "voltage_l1: min",
        id="range",
    ),
    pytest.param(
        METER, 'unit = "V", conf = "A"', 'unit = "V", conf = "D"', "voltage_l1: conf", id="conf"
    ),
    pytest.param(
        METER, "fc = 4, addr = 0", "fc = 1, addr = 0", "voltage_l1: type: bool goes", id="fc"
    ),
    pytest.param(
        METER, 'voltage_side = "line"', 'voltage_side = "both"', "meter: voltage_side", id="side"
    ),
    pytest.param(
        METER,
        'energy = "energy_import_total"',
        'energy = "voltage_l1"',
        "must be in Wh",
        id="energy",
    ),
    pytest.param(
        METER, "resolution_wh = 10", "", "meter: resolution_wh: is missing", id="resolution"
    ),
    pytest.param(
        METER, 'quantity = "meter_code"', 'quantity = "code"', "identity: quantity", id="identity"
    ),
    pytest.param(BOARD, '5 = "E"', '5 = "G"', "pilot_states: 5: A..F", id="pilot"),
    pytest.param(
        BOARD, 'limit = "current_limit"', 'limit = "faults"', "board: limit: row faults", id="limit"
    ),
    pytest.param(
        BOARD, "current_after_boot = 0 }", "faults = 0 }", "faults: is not a writable", id="start"
    ),
    pytest.param(BOARD, "bit = 7", "bit = 16", "fine_limit: bit", id="fine"),
    pytest.param(BOARD, '4 = "residual_check_error"', '44 = "x"', "error_bits: 44", id="bits"),
    pytest.param(
        CHARX, 'on_expiry = "stop"', 'on_expiry = "nothing"', "watchdog: on_expiry", id="expiry"
    ),
    pytest.param(CHARX, '"watchdog_timer"', '"errors"', "'errors' is not a writable", id="timer"),
    pytest.param(CHARX, "s32 = [0xFFFFFFFF]", "x = [1]", "not_available: x: type", id="absent"),
    pytest.param(CHARX, "last = 1308", "last = 1", "spans: last: a whole number 1232", id="span"),
    pytest.param(
        BENDER, "trip_bits = [4, 20]", "trip_bits = []", "trip_bits: at least one", id="trip"
    ),
]


@pytest.mark.parametrize(("text", "old", "new", "message"), WRONG)
def test_wrong_profiles_are_refused_with_place_and_reason(
    tmp_path: Path, text: str, old: str, new: str, message: str
) -> None:
    assert old in text
    path = tmp_path / "some.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(ProfileError, match=re.escape(message)) as caught:
        load_profile_file(path)
    assert "some.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not = toml = at all", "not TOML"),
        (b"\xff\xfe", "not TOML"),
        (b"schema = 1", "word_order"),
        (b'schema = 1\nword_order = "big"\nrows = 3', "a table is expected"),
    ],
)
def test_files_that_are_no_profiles(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "x.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileError, match=message):
        load_profile_file(path)


def test_missing_file_and_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile_file(tmp_path / "none.toml")
    with pytest.raises(ProfileError, match=r"did you mean eastron-sdm72d-m-v2\? known: .*bender-"):
        load_profile("sdm72")
    with pytest.raises(ProfileError, match="did you mean bender-rcmb300, "):
        load_profile("bender-rcmb30x")
    with pytest.raises(ProfileError, match="is unknown; known: "):
        load_profile("xyz")


def test_every_type_in_use_is_understood() -> None:
    for name in known_profiles():
        for row in load_profile(name).rows.values():
            assert parse_type(row.type.name) == row.type
