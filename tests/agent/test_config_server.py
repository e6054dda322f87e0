"""What `[server]` may say, and how it is told what is wrong with it."""

from __future__ import annotations

from importlib import resources
from string import Template

import pytest

from agent.station_kit import PLACES
from laddvakt_agent.cli.run import profile
from laddvakt_agent.config import Config, ConfigError, parse
from laddvakt_agent.uplink.server.part import place_of

TEXT = (resources.files("laddvakt_agent.demo") / "station.toml").read_text("utf-8")


def config(server: str) -> Config:
    text = Template(TEXT).substitute(PLACES, dir="/tmp") + f"\n[server]\n{server}\n"
    return parse(text, "station.toml", profile)


def test_behind_a_relay() -> None:
    """Without a certificate it listens on this machine alone."""
    place = place_of(config('url = "https://cp.example.com"\nmax_requests_per_s = 5'))
    assert place is not None
    assert (place.host, place.port, place.certificate) == ("127.0.0.1", 8443, None)
    assert (place.limits.rate_per_s, place.limits.total_per_s) == (5.0, 15.0)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        pytest.param('host = "::1"', "server.url is missing", id="no-url"),
        pytest.param('url = "ftp://x"', "how others reach us", id="no-http"),
        pytest.param('url = "https://x?a"', "is no base others could reach", id="query"),
        pytest.param('url = "https://u:p@x"', "is no base others could reach", id="user"),
        pytest.param('url = "http://cp.example.com"', "must begin with https", id="clear"),
        pytest.param('url = "https://x"\nhost = "0.0.0.0"', "without a certificate", id="open"),
        pytest.param('url = "https://x"\nhost = "1.2"', "is no address", id="no-address"),
        pytest.param('url = "https://x"\ncertificate = "/c"', "needs server.key", id="no-key"),
        pytest.param('url = "https://x"\nkey = "/c"', "needs server.certificate", id="no-cert"),
        pytest.param(
            'url = "https://x"\nkey = "/none"\ncertificate = "/none"', "cannot be used", id="absent"
        ),
        pytest.param('url = "https://x"\nport = 0', "server.port = 0 is outside", id="port"),
    ],
)
def test_told_with_its_line(server: str, said: str) -> None:
    """Every mistake names file, line and remedy."""
    with pytest.raises(ConfigError) as error:
        config(server)
    assert any(said in problem for problem in error.value.problems), error.value.problems
    assert all(problem.startswith("station.toml") for problem in error.value.problems)
