"""[[uplink]]: several platforms, and every mistake in them named with its line."""

from __future__ import annotations

from importlib import resources
from string import Template

import pytest

from agent.station_kit import PLACES
from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, ConfigError, parse
from laddvakt_agent.uplink.parties.platforms import platform_of
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.version import Version

_DEMO = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")
DEMO = Template(_DEMO).substitute(PLACES, dir="/nowhere")
BEFORE, AFTER = DEMO[: DEMO.index("[uplink]")], DEMO[DEMO.index("[fault.") :]
URLS = 'locations = "http://b/l"\nsessions = "http://b/s"\ncdrs = "http://b/c"\n'
SERVER = '[server]\nurl = "https://charger.example"\n'


def config(uplinks: str) -> Config:
    return parse(f"{BEFORE}{uplinks}{AFTER}", "station.toml", profile)


def problems(uplinks: str) -> list[str]:
    """What is wrong, with lines counted from the first one here."""
    with pytest.raises(ConfigError) as caught:
        config(uplinks)
    first, found = BEFORE.count("\n"), []
    for problem in caught.value.problems:
        _, line, said = problem.split(":", 2)
        found.append(f"{int(line) - first}:{said}")
    return found


def test_one_table_and_one_of_many_are_the_same() -> None:
    alone = config(f'[uplink]\nmode = "device"\n{URLS}')
    listed = config(f'[[uplink]]\nmode = "device"\n{URLS}')
    assert alone.uplink == listed.uplink
    assert [uplink.name for uplink in alone.uplink] == ["backend"]
    assert config("").uplink == ()


def test_platforms_have_terms_of_their_own() -> None:
    made = config(
        f'[[uplink]]\nname = "operator"\nmode = "device"\nversion = "2.3.0"\n{URLS}'
        '[[uplink]]\nname = "hub"\nmode = "platform"\nversions_url = "https://hub/versions"\n'
        'country_code = "de"\nparty_id = "abc"\nmodules = ["locations", "tokens"]\n'
        'needs = ["locations"]\nfaults_module = true\nraw_token = true\n'
        'to_country_code = "nl"\nto_party_id = "hub"\n' + SERVER
    )
    operator, hub = (platform_of(made, uplink, "t") for uplink in made.uplink)
    assert (operator.own, operator.registers) == (Party("SE", "LAD"), False)
    assert operator.versions == (Version.V2_3_0,)
    assert (hub.own, hub.registers, hub.to) == (Party("DE", "ABC"), True, Party("NL", "HUB"))
    assert hub.versions == tuple(Version)
    assert hub.uses("tokens")
    assert hub.uses(hub.faults)
    assert not hub.uses("cdrs")
    assert hub.faults == "deabc-faults"
    assert not operator.uses(operator.faults)


@pytest.mark.parametrize(
    ("uplinks", "expected"),
    [
        pytest.param(
            '[uplink]\nmode = "device"\n',
            [
                "1: uplink.locations is missing (a http:// or https:// URL); or give versions_url "
                "alone",
                "1: uplink.sessions is missing",
                "1: uplink.cdrs is missing",
            ],
            id="no addresses",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\nversions_url = "https://b/v"\n{URLS}',
            [
                "4: uplink.locations means nothing beside versions_url",
                "5: uplink.sessions means nothing",
                "6: uplink.cdrs means nothing",
            ],
            id="addresses twice",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\nfaults_module = true\n{URLS}',
            ["3: uplink.faults_module means nothing beside addresses: give the address in faults"],
            id="faults without an address",
        ),
        pytest.param(
            '[[uplink]]\nmode = "platform"\nlocations = "http://b/l"\n',
            [
                '2: uplink[1].mode = "platform" needs a [server]',
                '3: uplink[1].locations means nothing in mode "platform"',
            ],
            id="nowhere to be called",
        ),
        pytest.param(
            f'[[uplink]]\nmode = "device"\n{URLS}[[uplink]]\nmode = "device"\n{URLS}',
            ["7: two platforms are called 'backend': give each [[uplink]] a name of its own"],
            id="no names",
        ),
        pytest.param(
            f'[[uplink]]\nname = "a"\nmode = "device"\n{URLS}token_file = "/t"\n'
            f'[[uplink]]\nname = "b"\nmode = "device"\n{URLS}token_file = "/x/../t"\n',
            ["14: the platforms a and b share the token in /x/../t: a token tells who calls"],
            id="one token",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\n{URLS}to_party_id = "HUB"\n',
            ["6: uplink.to_party_id alone names no party: give to_country_code, too"],
            id="half a party",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\n{URLS}retry_min_s = 9.0\nretry_max_s = 8.0\n',
            ["7: uplink.retry_max_s = 8 is below retry_min_s = 9"],
            id="pauses the wrong way round",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\n{URLS}modules = ["cdrs"]\nneeds = ["cdrs", "sessions"]\n',
            ["7: uplink.needs has 'sessions', which is not among its modules"],
            id="needed and not exchanged",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\n{URLS}modules = ["cars"]\nversion = "2.1.1"\n'
            'name = "../x"\n',
            [
                "6: uplink.modules has 'cars', which is not one of: locations, sessions",
                "7: uplink.version = '2.1.1' is not one of: 2.2.1, 2.3.0",
                "8: uplink.name = '../x' is not valid (letters, digits",
            ],
            id="values that there are not",
        ),
        pytest.param(
            f'[uplink]\nmode = "device"\n{URLS}modules = "cdrs"\n',
            ["6: uplink.modules must be a list of texts, not 'cdrs'"],
            id="no list",
        ),
        pytest.param(
            f'[[uplink]]\nmode = "device"\n{URLS}[[uplink]]\nname = "b"\nfoo = 1\n',
            ["6: uplink[2].mode is missing", "8: unknown key 'foo'"],
            id="in the second",
        ),
    ],
)
def test_every_mistake_is_named_at_once_with_its_line(uplinks: str, expected: list[str]) -> None:
    found = problems(uplinks)
    assert len(found) == len(expected), found
    for said, begins in zip(found, expected, strict=True):
        assert said.startswith(begins)


@pytest.mark.parametrize("uplinks", ["uplink = 5\n", "uplink = []\nfoo = 1\n", "uplink = [7]\n"])
def test_what_is_no_table_is_told(uplinks: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(uplinks + DEMO.replace("[uplink]", "[other]"), "station.toml", profile)
    assert all(problem.startswith("station.toml") for problem in caught.value.problems)
