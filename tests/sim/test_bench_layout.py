"""The bench layout: what it gives, and a sentence for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from laddvakt_sim.bench import bench_kinds, furnish
from laddvakt_sim.cli import main
from laddvakt_sim.firmware.library import models
from laddvakt_sim.layout import LayoutError, load

GOOD = """
[[line]]
name = "line1"
[[line.device]]
model = "eastron-sdm630"
unit = 1
name = "m1"
values = { current_l1 = 12.5 }
turnaround_ms = 2
[[line.device]]
model = "kmtronic-relay"
unit = 7
[[line]]
name = "fast"
baud = 115200
format = "8E1"
echo = true
[[line.device]]
model = "cg-em300-et300"
unit = 1
[[tcp]]
name = "gw"
port = 0
timeout_ms = 250
[[tcp.device]]
model = "eastron-sdm120"
unit = 1
[[tcp.device]]
model = "eastron-sdm630"
unit = 0
[[tcp]]
name = "pipe"
framing = "rtu"
baud = 19200
[[tcp.device]]
model = "eastron-sdm630"
unit = 5
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "layout.toml"
    path.write_text(text)
    return path


def test_layout(tmp_path: Path) -> None:
    """Lines, gateways and devices with their defaults."""
    layout = load(_file(tmp_path, GOOD), models())
    slow, fast = layout.lines
    gateway, pipe = layout.nets
    assert (slow.baud, slow.format, slow.echo) == (9600, "8N1", False)
    assert (fast.baud, fast.format, fast.echo) == (115200, "8E1", True)
    assert (gateway.framing, gateway.port, gateway.timeout_s) == ("tcp", 0, 0.25)
    assert (pipe.framing, pipe.baud) == ("rtu", 19200)
    assert list(layout.devices()) == ["m1", "line1-7", "fast-1", "gw-1", "gw-0", "pipe-5"]
    world = furnish(layout, 100.0)
    assert world.devices["m1"].truth("current_l1") == 12.5
    assert world.devices["m1"].turnaround_s == 0.002
    assert [device.unit for device in world.lines["gw"]] == [1, 0]
    kinds = bench_kinds(layout)
    assert kinds["device_lost"].parameters["device"].allowed().endswith("gw-0, pipe-5")
    assert kinds["wire_babble"].parameters["line"].allowed() == "one of line1, fast, pipe"
    assert kinds["wire_tid_zero"].parameters["line"].allowed() == "one of gw"
    assert kinds["wire_noise"].parameters["device"].allowed() == "one of line1-7", "the relay board"


LINE = '[[line]]\nname = "a"\n'
DEVICE = '[[line.device]]\nmodel = "eastron-sdm630"\nunit = 1\n'
NET = '[[tcp]]\nname = "b"\n'
NET_DEVICE = DEVICE.replace("line", "tcp")

MISTAKES: tuple[tuple[str, str], ...] = (
    ("", "the file: there is no line; add [[line]] or [[tcp]]"),
    ("[[lines]]\n", "the file: unknown key 'lines'; did you mean line?"),
    ("line = 3\n", "the file: line must be a list of tables; begin each with [[line]]"),
    ("[[line]]\n" + DEVICE, "[[line]] 1: name is missing: allowed are letters"),
    ('[[line]]\nname = "a b"\n' + DEVICE, "name = 'a b': allowed are letters, digits"),
    ("[[line]]\nname = 4\n" + DEVICE, 'name = 4: allowed is text; write name = "4"'),
    (LINE, "[[line]] 1 (a): there is no device; add [[line.device]]"),
    (LINE + "baud = 200\n" + DEVICE, "baud = 200: allowed is a whole number 300 to 115200"),
    (LINE + "baud = true\n" + DEVICE, "baud = True: allowed is a whole number"),
    (LINE + 'format = "8X1"\n' + DEVICE, "format = '8X1'; did you mean 8"),
    (LINE + 'format = "fast"\n' + DEVICE, "allowed are 8N1, 8N2, 8E1, 8E2, 8O1, 8O2"),
    (LINE + "echo = 1\n" + DEVICE, "echo = 1: allowed are true and false"),
    (LINE + "baudrate = 1\n" + DEVICE, "[[line]] 1 (a): unknown key 'baudrate'; did you mean baud"),
    (LINE + DEVICE + LINE + DEVICE, "[[line]] 2: name 'a' is taken; give every line its own"),
    (LINE + DEVICE + DEVICE, "[[line]] 1 (a), a-1: unit 1 is taken; use another on this line"),
    (
        LINE + DEVICE.replace("1", "0"),
        "[[line.device]] 1: unit = 0: allowed is a whole number 1 to",
    ),
    (LINE + DEVICE.replace("unit = 1", ""), "unit is missing: allowed is a whole number 1 to 247"),
    (LINE + DEVICE.replace("sdm630", "sdm63"), "did you mean eastron-sdm630"),
    (LINE + "[[line.device]]\nunit = 1\n", "model is missing: allowed are abb-b23-b24"),
    (LINE + DEVICE + 'name = "x"\n' + NET + NET_DEVICE + 'name = "x"\n', "name 'x' is taken"),
    (LINE + DEVICE + "turnaround_ms = -1\n", "turnaround_ms = -1: allowed is a number 0 to 10000"),
    (LINE + DEVICE + "values = 3\n", "write values = { current_l1 = 16.0 }"),
    (
        LINE + DEVICE + "values = { a = [1] }\n",
        "values.a: allowed are a number, true, false or text",
    ),
    (LINE + DEVICE + "values = { a = nan }\n", "values.a: allowed are a number"),
    (NET + 'framing = "udp"\n' + NET_DEVICE, "framing = 'udp': allowed are tcp, rtu"),
    (NET + "port = 70000\n" + NET_DEVICE, "port = 70000: allowed is a whole number 0 to 65535"),
    (NET + "baud = 9600\n" + NET_DEVICE, "baud belongs to framing 'rtu'; leave it out"),
    (
        NET + 'framing = "rtu"\ntimeout_ms = 9\n' + NET_DEVICE,
        "timeout_ms belongs to framing 'tcp'; leave it out",
    ),
    (
        NET + "port = 5020\n" + NET_DEVICE + NET.replace("b", "c") + "port = 5020\n" + NET_DEVICE,
        "port 5020 is taken twice; use another, or 0 for any free one",
    ),
    ("[[line", "is not TOML: Expected"),
)


@pytest.mark.parametrize(("text", "says"), MISTAKES)
def test_mistake(tmp_path: Path, text: str, says: str) -> None:
    """The sentence names the file, the place and the remedy."""
    path = _file(tmp_path, text)
    with pytest.raises(LayoutError) as error:
        load(path, models())
    assert str(error.value).startswith(str(path))
    assert says in str(error.value)


@pytest.mark.parametrize("quantity", ["colour", "energy_resettable_import"])
def test_device_mistakes(tmp_path: Path, quantity: str) -> None:
    """What only the device knows, or none of its registers shows, is refused with its place."""
    text = LINE + DEVICE + f"values = {{ {quantity} = 1 }}\n"
    path = _file(tmp_path, text)
    with pytest.raises(
        LayoutError, match=rf"values\.{quantity} cannot be set; allowed are .*current_l1"
    ):
        furnish(load(path, models()), 0.0)


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    """Somebody with three mistakes does not have to start three times; exit code 78."""
    path = _file(tmp_path, LINE + "baud = 1\necho = 3\nx = 1\n" + DEVICE)
    outcome = CliRunner().invoke(main, ["bench", "--dir", str(tmp_path), "--layout", str(path)])
    assert outcome.exit_code == 78
    assert outcome.stderr.count(str(path)) == 3
    assert not (tmp_path / "bench.json").exists()


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nope.toml"
    outcome = CliRunner().invoke(main, ["bench", "--dir", str(tmp_path), "--layout", str(path)])
    assert outcome.exit_code == 78
    assert f"--layout {path}: No such file or directory; name a file" in outcome.stderr
