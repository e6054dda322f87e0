"""Parts of the laboratory: silence, broken replies, what falls open, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.acts import inject
from lab.driver import Lab
from lab.wires import Wires
from laddvakt_agent.core.faults.catalogue import CATALOGUE
from laddvakt_sim.charger import Charger
from laddvakt_sim.scenario import ActionError, Observed, load, loads, play
from laddvakt_sim.scenario.model import Plug, Reset, Start, Stop

EXAMPLES = Path(__file__).parents[2] / "firmware-sim/scenarios"

SILENT: dict[str, tuple[dict[str, object], set[str]]] = {
    "a line": ({"name": "bus_down", "line": "line1"}, {"evse1", "meter1", "relay1"}),
    "an adapter": ({"name": "adapter_gone", "line": "line2"}, {"rcm1"}),
    "a device": ({"name": "device_lost", "device": "rcm1"}, {"rcm1"}),
    "a meter": ({"name": "meter_lost", "connector": "1"}, {"meter1"}),
    "a unit at its plug": ({"name": "wire_unplugged", "line": "line1", "unit": 2}, {"meter1"}),
    "another speed": ({"name": "wire_wrong_baud", "line": "line2", "baud": 19200}, {"rcm1"}),
    "no supply for anybody": (
        {"name": "power_lost", "devices": True}, {"evse1", "meter1", "relay1", "rcm1", "charx1"},
    ),
    "no mains, but devices": ({"name": "power_lost"}, set()),
    "a reply now and then": ({"name": "crc_errors", "line": "line1", "rate": 0.3}, set()),
    "one reply": ({"name": "wire_lost", "line": "line1", "once": True}, set()),
}  # fmt: skip


def _wires(**fault: object) -> tuple[Charger, Wires]:
    charger = Charger.plain(connectors=2)
    inject(charger, fault, 0.0)
    return charger, Wires(charger, seed=1)


@pytest.mark.parametrize("name", SILENT)
def test_who_does_not_answer(name: str) -> None:
    body, silent = SILENT[name]
    _, wires = _wires(**body)
    wires.look(1.0)
    assert wires.silent == silent
    down = {line.name for line in wires.health(("line1", "line2", "tcp1")) if not line.up}
    whole = {"line1": {"evse1", "meter1", "relay1"}, "line2": {"rcm1"}, "tcp1": {"charx1"}}
    assert down == {line for line, devices in whole.items() if devices <= silent}


def test_broken_replies_are_counted_over_five_minutes() -> None:
    charger, wires = _wires(name="crc_errors", line="line1", rate=0.2)
    missed = 0
    for n in range(1, 401):
        wires.look(0.25 * n)
        missed += "evse1" in wires.missed
    (line1, line2) = wires.health(("line1", "line2"))
    assert line1.error_share == pytest.approx(0.2)
    assert (line2.error_share, line2.broken_s) == (0.0, ())
    assert 50 < missed < 110
    assert wires.rough
    charger.clear(None, None, 100.0)
    for n in range(1, 80):
        wires.look(100.0 + 5.0 * n)
    (line1,) = wires.health(("line1",))
    assert (line1.error_share, wires.rough, wires.missed) == (0.0, False, frozenset())


def test_noise_comes_with_the_contactor() -> None:
    """The bursts the agent is told of are where the contactor moved."""
    text = """
schema = 1
name = "noise"
about = "x"
duration_s = 60.0
do = [
  { at_s = 0.5, inject = { name = "wire_noise", connector = "1", line = "line1", rate = 0.9 } },
  { at_s = 1.0, plug = {} },
  { at_s = 3.0, start = {} },
  { at_s = 20.0, stop = {} },
  { at_s = 40.0, start = {} },
]
[truth]
cause = "none"
"""
    lab = Lab.of(loads(text))
    play(lab.scenario, lab)
    (line,) = lab.wires.health(("line1",))
    moved = [s.at_s for s in lab.book.beside["1"].switchings]
    assert len(line.broken_s) == len(moved) == 3
    assert all(abs(at - by) < 1.0 for at, by in zip(line.broken_s, moved, strict=True))


def _lab(name: str) -> Lab:
    return Lab.of(load(EXAMPLES / f"{name}.toml", CATALOGUE))


def test_the_same_scenario_is_the_same_to_the_last_effect() -> None:
    told = []
    for _ in range(2):
        lab = _lab("residual-trip")
        lab.keepers["1"].tells = []
        play(lab.scenario, lab)
        told.append(lab.keepers["1"].tells)
    assert told[0] == told[1] != []


def test_a_relay_that_nobody_reaches_falls_open_by_itself() -> None:
    """Not by the agent's command, which does not get through: after the dead-man's time."""
    lab, seen = _lab("normal-charge"), list[Observed]()
    for at_s, action in ((1.0, _plug(lab)), (2.0, Start(connector="1"))):
        lab.advance(at_s, seen.append)
        assert lab.act(action) is None
    lab.advance(15.0, seen.append)
    assert seen[-1].connectors["1"].contactor_closed
    inject(lab.charger, {"name": "device_lost", "device": "relay1"}, 15.0)
    lab.advance(16.5, seen.append)
    assert seen[-1].connectors["1"].contactor_closed
    lab.advance(18.0, seen.append)
    assert seen[-1].connectors["1"].contactor_closed is False


def test_what_makes_no_sense_now_is_refused() -> None:
    lab, seen = _lab("normal-charge"), list[Observed]()
    lab.advance(1.0, seen.append)
    assert lab.act(Start(connector="1")) == "no vehicle there"
    assert lab.act(Stop(connector="1")) == "no session to stop"
    assert lab.act(Reset(connector="1", by="service")) is not None
    lab.act(_plug(lab))
    assert lab.act(Start(connector="1", token="unknown")) == "that token may not charge here"
    assert lab.act(Start(connector="1")) is None
    lab.advance(5.0, seen.append)
    assert lab.act(Start(connector="1")) == "there is a session already"
    with pytest.raises(ActionError, match="unknown fault"):
        inject(lab.charger, {"name": "gremlins"}, 5.0)


def _plug(lab: Lab) -> Plug:
    (plug,) = (do.action for do in lab.scenario.do if isinstance(do.action, Plug))
    return plug
