"""Readers in the configuration, and a station where nobody could charge."""

from __future__ import annotations

from importlib import resources
from string import Template

import pytest

from agent.station_kit import PLACES
from laddvakt_agent.capabilities import shown_cards
from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, ConfigError, parse

READER = '[[reader]]\nname = "front"\nport = "/dev/ttyUSB7"\nformat = "uid-line"\n'


def _station() -> str:
    text = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
    return Template(text).substitute(PLACES, dir="/tmp")


def _parsed(text: str) -> Config:
    return parse(text, "station.toml", profile)


def test_a_reader_with_what_is_usual() -> None:
    (reader,) = _parsed(_station() + READER).reader
    assert (reader.name, reader.baud, reader.reverse, reader.connectors) == (
        "front", 9600, False, (),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (READER + READER, "reader name 'front' is used twice"),
        (READER.replace("/dev/ttyUSB7", "/dev/none1"), "port /dev/none1 is that of line"),
        (READER + READER.replace("front", "back"), "port /dev/ttyUSB7 is that of reader front"),
        (READER + 'connectors = ["1", "9"]\n', "no connector is called '9'"),
        (READER.replace("uid-line", "morse"), "format"),
        (READER.replace('format = "uid-line"\n', ""), "format is missing"),
    ],
    ids=["twice", "the port of a line", "one port", "no such connector", "format", "no format"],
)
def test_a_reader_that_cannot_be(more: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace(".", r"\.")):
        _parsed(_station() + more)


PLATFORM = '[uplink]\nmode = "device"\nversions_url = "https://b.example/versions"\n'


@pytest.mark.parametrize(
    ("uplink", "could"),
    [
        (PLATFORM, True),
        (PLATFORM + 'modules = ["locations", "sessions", "cdrs", "tokens"]\n', True),
        (PLATFORM + 'modules = ["locations", "sessions", "cdrs"]\n', False),
        ("", False),
    ],
    ids=["all modules", "tokens among them", "no tokens", "no platform"],
)
def test_whether_anybody_could_charge(uplink: str, could: bool) -> None:
    """A list of one's own is needed only where no platform gives tokens."""
    text = _without(_without(_station(), "[[token]]"), "[uplink]") + uplink
    if could:
        assert _parsed(text).token == ()
        return
    with pytest.raises(ConfigError, match="nobody could charge"):
        _parsed(text)


def _without(text: str, header: str) -> str:
    """The file without the tables of that name."""
    parts = text.split("\n[")
    return "\n[".join(part for part in parts if not part.startswith(header[1:]))


@pytest.mark.parametrize(
    ("reader", "able"),
    [
        ("", {"1": False, "2": False}),
        (READER, {"1": True, "2": True}),
        (READER + 'connectors = ["2"]\n', {"1": False, "2": True}),
    ],
    ids=["no reader", "at all of them", "at one"],
)
def test_platforms_hear_where_cards_are_read(reader: str, able: dict[str, bool]) -> None:
    config = _parsed(_station() + reader)
    told = {part.id: shown_cards(part, config) for part in config.connector}
    wanted = ("RFID_READER", "TOKEN_GROUP_CAPABLE")
    assert told == {name: wanted if here else () for name, here in able.items()}
