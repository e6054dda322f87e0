"""What `[[terminal]]` may say, and how it is told what is wrong with it."""

from __future__ import annotations

import re
from importlib import resources
from string import Template

import pytest

from agent.station_kit import PLACES
from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, ConfigError, parse

TEXT = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
PROVIDER = '[[uplink]]\nname = "pay"\nmode = "platform"\n[server]\nurl = "https://cp.example.com"'


def config(terminal: str, uplink: str = PROVIDER) -> Config:
    text = Template(TEXT).substitute(PLACES, dir="/tmp")
    text = re.sub(r"\[uplink\].*?(?=\n\[fault)", lambda _: uplink, text, flags=re.DOTALL)
    return parse(f"{text}\n[[terminal]]\n{terminal}\n", "station.toml", profile)


def test_a_terminal_at_one_connector() -> None:
    (terminal,) = config('uplink = "pay"\nreference = "SN 77"\nconnectors = ["1"]').terminal
    assert (terminal.id, terminal.reference, terminal.connectors) == (None, "SN 77", ("1",))


@pytest.mark.parametrize(
    ("terminal", "said"),
    [
        pytest.param('id = "t"', "terminal[1].uplink is missing", id="no-platform"),
        pytest.param('uplink = "pay"', "needs its id, or the reference", id="no-name"),
        pytest.param('uplink = "x"\nid = "t"', "is called 'x'; there are: pay", id="unknown"),
        pytest.param('uplink = "pay"\nid = "a b"', "at most 36 characters", id="bad-id"),
        pytest.param(
            'uplink = "pay"\nid = "t"\nconnectors = ["9"]', "no connector is called '9'", id="where"
        ),
    ],
)
def test_told_with_its_line(terminal: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        config(terminal)
    assert any(said in problem for problem in error.value.problems), error.value.problems
    assert all(problem.startswith("station.toml") for problem in error.value.problems)


def test_a_platform_that_cannot_call_us_tells_of_no_terminal() -> None:
    device = '[uplink]\nmode = "device"\nlocations = "https://b/l"'
    with pytest.raises(ConfigError) as error:
        config('uplink = "backend"\nid = "t"', device)
    assert any("is called 'backend'; there are: none" in text for text in error.value.problems)
