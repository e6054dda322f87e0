"""Communication watchdogs of the library: what feeds them, and what they do when nobody does.

Time is a number. Each case names the requests that feed and those that do not.
"""

from __future__ import annotations

import pytest

from laddvakt_sim.firmware import library
from laddvakt_sim.firmware.library.chargepoint import Chargepoint
from sim.one_device import Asked, plain

ANY_READ = {
    "phoenix-charx-sec": "0305150001",
    "keba-p30-p40": "0303e80002",
    "heidelberg-energy-control": "0400050001",
    "bender-cc612-cc613": "0300640002",
    "abb-terra-ac": "03400c0002",
    "vestel-evc04": "0403e80001",
    "alfen-ng910": "0304b60002",
}


def charging(model: str) -> tuple[Asked, Chargepoint]:
    """A station with a charging vehicle that would take 60 A, its limit at 16 A."""
    asked = Asked(model)
    device = asked.device
    assert isinstance(device, Chargepoint)
    for phase in (1, 2, 3):
        device.set(f"current_l{phase}", 60.0)
    device.set("current_limit", 16)
    return asked, device


def arm(model: str, device: Chargepoint) -> None:
    """Switch on what is off as delivered: ten seconds."""
    if model == "phoenix-charx-sec":
        device.set("watchdog_timer", 10)
    if model == "keba-p30-p40":
        device.set("failsafe_timeout_set", 10)


def wait(asked: Asked, device: Chargepoint, seconds: float) -> None:
    """Let time pass without a request."""
    asked.now_s += seconds
    device.tell_time(asked.now_s)


@pytest.mark.parametrize(
    ("model", "timeout_s", "after_a"),
    [
        pytest.param("phoenix-charx-sec", 10.0, 16.0, id="CHARX: falls to 1306"),
        pytest.param("keba-p30-p40", 10.0, 8.0, id="KEBA: falls to 5016"),
        pytest.param("heidelberg-energy-control", 15.0, 0.0, id="Heidelberg: state F"),
        pytest.param("bender-cc612-cc613", 60.0, 9.0, id="Bender: falls to 131"),
        pytest.param("abb-terra-ac", 60.0, 0.0, id="Terra: stops"),
        pytest.param("vestel-evc04", 20.0, 8.0, id="Vestel: falls to 2000"),
        pytest.param("alfen-ng910", 60.0, 7.0, id="Alfen: falls to 1212"),
    ],
)
def test_silence_trips(model: str, timeout_s: float, after_a: float) -> None:
    """Nothing happens just before the timeout, the fallback holds right after it."""
    asked, device = charging(model)
    arm(model, device)
    if model == "phoenix-charx-sec":
        device.set("current_limit", 32)  # so that falling to 16 A is seen
    before_a = device.offered_a
    wait(asked, device, timeout_s - 0.01)
    assert device.offered_a == before_a > after_a
    wait(asked, device, 0.02)
    assert device.offered_a == after_a


@pytest.mark.parametrize("model", sorted(ANY_READ))
def test_reads_feed_where_any_request_does(model: str) -> None:
    """Reading once a second for two minutes keeps it quiet, or does not help at all."""
    asked, device = charging(model)
    arm(model, device)
    expected = library.entry(model).guard
    assert expected is not None
    tripped = False
    for _ in range(120):
        asked.ask(ANY_READ[model], after_s=1.0)
        tripped = tripped or device.expired
    assert tripped is (expected.fed_by != "any_request")


@pytest.mark.parametrize(
    ("model", "write", "feeds"),
    [
        pytest.param("vestel-evc04", "0617700001", True, id="Vestel: 6000 = 1"),
        pytest.param("vestel-evc04", "0617700000", False, id="Vestel: 6000 = 0"),
        pytest.param("vestel-evc04", "06138c000a", False, id="Vestel: the limit"),
        pytest.param("alfen-ng910", "1004ba000204 41200000", True, id="Alfen: 1210"),
        pytest.param("alfen-ng910", "0604bf0003", False, id="Alfen: phases"),
        pytest.param("keba-p30-p40", "06138c2710", True, id="KEBA: the limit"),
        pytest.param("phoenix-charx-sec", "1005150001020010", True, id="CHARX: the limit"),
        pytest.param("phoenix-charx-sec", "1000a70001020020", False, id="CHARX: not the point"),
    ],
)
def test_what_writes_feed(model: str, write: str, feeds: bool) -> None:
    """The right write, again and again, keeps the watchdog quiet; others do not."""
    asked, device = charging(model)
    arm(model, device)
    tripped = False
    for _ in range(20):
        assert asked.ask(write, after_s=6.0)[:2] != "86"
        tripped = tripped or device.expired
    assert tripped is not feeds


def test_a_heartbeat_lasts_for_one_timeout() -> None:
    """After one heartbeat other writes do not go on feeding a Vestel."""
    asked, device = charging("vestel-evc04")
    asked.ask("0617700001")
    for _ in range(3):
        asked.ask("06138c000a", after_s=6.0)
        assert not device.expired
    asked.ask("06138c000a", after_s=6.0)
    assert device.expired


@pytest.mark.parametrize(
    ("model", "read", "reply"),
    [
        pytest.param("phoenix-charx-sec", "0305150001", "0302 0010", id="CHARX: 1301 is 16"),
        pytest.param("keba-p30-p40", "03044c0002", "0304 0000 1f40", id="KEBA: 1100 is 8000"),
        pytest.param("heidelberg-energy-control", "0400050001", "0402 000a", id="Heidelberg: F"),
        pytest.param("bender-cc612-cc613", "0303e80001", "0302 0009", id="Bender: 1000 is 9"),
        pytest.param("abb-terra-ac", "03400c0002", "0304 0000 8503", id="Terra: stopped"),
        pytest.param("vestel-evc04", "04044c0001", "0402 0008", id="Vestel: 1100 is 8"),
        pytest.param("alfen-ng910", "0304b60004", "0308 40e0 0000 0000 0000", id="Alfen: 1206"),
    ],
)
def test_an_expiry_is_visible(model: str, read: str, reply: str) -> None:
    """The request that ends the silence still sees what the silence did."""
    asked, device = charging(model)
    arm(model, device)
    assert plain(asked.ask(read, after_s=100.0)) == plain(reply)


def test_keba_without_failsafe_gives_more() -> None:
    """With the failsafe off a lost master means full current, not less."""
    asked, device = charging("keba-p30-p40")
    wait(asked, device, 29.0)
    assert device.offered_a == 16.0
    wait(asked, device, 2.0)
    assert device.offered_a == 32.0


def test_alfen_counts_down() -> None:
    """1208 says how long the limit is still good; writing it starts again."""
    asked, device = charging("alfen-ng910")
    assert plain(asked.ask("0304b80002", after_s=20.0)) == plain("0304 0000 0028")
    asked.ask("1004ba000204 41200000", after_s=30.0)
    assert plain(asked.ask("0304b80002", after_s=0.0)) == plain("0304 0000 003c")
    assert device.offered_a == 10.0


def test_heidelberg_comes_back() -> None:
    """The first request after an expiry lets the written limit hold again."""
    asked, device = charging("heidelberg-energy-control")
    asked.ask(ANY_READ["heidelberg-energy-control"], after_s=20.0)
    assert device.offered_a == 16.0


def test_heidelberg_falls_silent_without_a_vehicle() -> None:
    """In standby it does not answer; a vehicle wakes it, with everything written forgotten."""
    asked, device = charging("heidelberg-energy-control")
    asked.ask("0601050064")
    device.set("pilot", "A")
    for _ in range(80):
        last = asked.ask("0301050001", after_s=10.0)
    assert last == ""
    device.set("pilot", "C")
    assert plain(asked.ask("0301050001")) == plain("0302 00a0")


def test_standby_can_be_switched_off() -> None:
    """With 4 in 258 a Heidelberg answers for ever."""
    asked, device = charging("heidelberg-energy-control")
    asked.ask("0601020004")
    device.set("pilot", "A")
    assert all(asked.ask("0301050001", after_s=10.0) for _ in range(80))


@pytest.mark.parametrize(
    "model",
    [name for name in library.models() if library.entry(name).kind == "board"],
)
def test_limits_hold_on_every_station(model: str) -> None:
    """The vehicle takes what the station offers and no more, and nothing without a vehicle."""
    asked, device = charging(model)
    wait(asked, device, 2.0)
    if "current_l1" in device.points:
        assert device.truth("current_l1") == 16.0
    device.set("pilot", "A")
    wait(asked, device, 2.0)
    assert device.offered_a == 0.0
    if "current_l1" in device.points:
        assert device.truth("current_l1") == 0.0


@pytest.mark.parametrize("name", library.models())
def test_guards_are_told(name: str) -> None:
    """A device with a watchdog names what feeds it and what it does."""
    guard = library.entry(name).guard
    if guard is None:
        assert Asked(name).device.due_s() is None
        return
    assert guard.fed_by in ("any_request", "limit_write", "heartbeat")
    assert guard.on_expiry in ("less_current", "stop", "more_current")
