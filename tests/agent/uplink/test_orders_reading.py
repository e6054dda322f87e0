"""What an order must say, and where its result may go."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from laddvakt_agent.core.ceiling import Profile, Step, Unit
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.receivers import reading
from laddvakt_agent.uplink.receivers.orders import By
from laddvakt_agent.uplink.receivers.profiles import profile_of
from laddvakt_agent.uplink.receivers.results import Results
from laddvakt_agent.uplink.receivers.words import WORDS, display, plain
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

OWN = Party("SE", "LAD")
TOKEN = {
    "uid": "U", "type": "RFID", "contract_id": "C", "country_code": "nl", "party_id": "tnm",
    "group_id": None, "unknown": {"field": 1},
}  # fmt: skip


@pytest.mark.parametrize(
    ("read", "value", "named"),
    [
        pytest.param(lambda of: reading.ci_string(of, "x"), None, "x: required", id="missing"),
        pytest.param(lambda of: reading.ci_string(of, "x"), "", "1 to 36", id="empty"),
        pytest.param(lambda of: reading.ci_string(of, "x"), "a" * 37, "1 to 36", id="too long"),
        pytest.param(lambda of: reading.ci_string(of, "x"), "å", "ASCII", id="not ASCII"),
        pytest.param(lambda of: reading.ci_string(of, "x"), 7, "1 to 36", id="a number"),
        pytest.param(lambda of: reading.optional(of, "x"), "\n", "printable", id="a control"),
        pytest.param(lambda of: reading.date_time(of, "x"), None, "DateTime", id="no time"),
        pytest.param(lambda of: reading.date_time(of, "x"), "soon", "DateTime", id="some time"),
        pytest.param(
            lambda of: reading.date_time(of, "x"), "0001-01-01T00:00:00+14:00", "DateTime",
            id="before all time",
        ),
        pytest.param(lambda of: reading.number(of, "x"), 10**400, "a number", id="beyond measure"),
        pytest.param(lambda of: reading.number(of, "x"), float("nan"), "a number", id="no number"),
        pytest.param(lambda of: reading.token(of, "x"), "U", "a Token object", id="no token"),
        pytest.param(
            lambda of: reading.token(of, "x"), {**TOKEN, "uid": None}, "x.uid", id="nobody's token"
        ),
        pytest.param(
            lambda of: reading.token(of, "x"), {**TOKEN, "party_id": "LONG"}, "x.party_id",
            id="a party too long",
        ),
        pytest.param(lambda of: reading.number(of, "x"), True, "a number", id="a truth"),
        pytest.param(lambda of: reading.whole(of, "x"), -1, "0 or more", id="negative"),
        pytest.param(lambda of: reading.whole(of, "x"), 2**31, "0 or more", id="huge"),
        pytest.param(lambda of: reading.url(of, "x"), "/cb", "an absolute URL", id="relative"),
        pytest.param(lambda of: reading.url(of, "x"), "ftp://h/", "absolute", id="not HTTP"),
        pytest.param(lambda of: reading.url(of, "x"), "https://h:no/", "absolute", id="no port"),
        pytest.param(lambda of: reading.url(of, "x"), "https://h/" + "a" * 255, "255", id="long"),
        pytest.param(lambda of: reading.url(of, "x"), "https://a@b/", "absolute", id="two hosts"),
        pytest.param(lambda of: reading.url(of, "x"), "https://a\\b/", "absolute", id="backslash"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    read: Callable[[Mapping[str, object]], object], value: object, named: str
) -> None:
    with pytest.raises(reading.Unreadable) as caught:
        read({"x": value})
    assert named in str(caught.value)


def test_what_is_not_needed_is_left_alone() -> None:
    """A token is known by who it is; parties compare in capitals, null is missing."""
    who, group_id = reading.token({"token": TOKEN})
    assert (who.country_code, who.party_id, group_id) == ("NL", "TNM", None)
    with pytest.raises(reading.Unreadable):
        reading.fields_of([])


@dataclass
class Fixed:
    """An `Outward` with one endpoint."""

    url: str | None
    name: str = "emsp"
    version: Version = Version.V2_2_1
    own: Party = OWN

    def endpoint(self, identifier: str, role: Role) -> str | None:
        return self.url if (identifier, role) == ("commands", Role.SENDER) else None

    async def send(self, method: str, url: str, body: object = None, **_: object) -> None:
        raise AssertionError("nothing is sent here")


@pytest.mark.parametrize(
    ("endpoint", "url", "reaches"),
    [
        pytest.param("https://e.example/ocpi", "https://e.example/any/1", True, id="same origin"),
        pytest.param(
            "https://E.example:443/o", "https://e.EXAMPLE/1", True, id="written otherwise"
        ),
        pytest.param("https://e.example/o", "https://e.example:8443/1", False, id="another port"),
        pytest.param("https://e.example/o", "http://e.example/1", False, id="without TLS"),
        pytest.param("https://e.example/o", "https://e.example.evil/1", False, id="another host"),
        pytest.param("https://e.example/o", "http://127.0.0.1/1", False, id="this machine"),
        pytest.param(None, "https://e.example/1", False, id="no endpoints"),
    ],
)
def test_where_a_result_may_go(endpoint: str | None, url: str, reaches: bool) -> None:
    """Only where the platform itself listens: our token goes with it."""
    known: dict[str, Outward] = {"emsp": Fixed(endpoint)}  # type: ignore[dict-item]
    results = Results(lambda: known, lambda: 0.0)
    assert results.reaches("emsp", url) is reaches
    assert not results.reaches("nobody", url)


def test_every_message_is_told_in_three_languages() -> None:
    """DisplayText: at most 512 characters, each language once."""
    for key in WORDS:
        texts = display(key)
        assert [text["language"] for text in texts] == ["en", "sv", "de"]
        assert all(0 < len(text["text"]) <= 512 for text in texts)
        assert len({text["text"] for text in texts}) == 3
    assert (display(""), plain("")) == ([], "")


EIGHT = {
    "charging_rate_unit": "A",
    "charging_profile_period": [{"start_period": 0, "limit": 8.0}],
}
BY = By(platform="emsp", parties=frozenset())


@pytest.mark.parametrize(
    ("profile", "named"),
    [
        pytest.param(None, "charging_profile", id="none"),
        pytest.param({"charging_rate_unit": "kW"}, "charging_rate_unit", id="unit"),
        pytest.param({**EIGHT, "duration": 1.5}, "duration", id="duration"),
        pytest.param({**EIGHT, "start_date_time": "now"}, "start_date_time", id="start"),
        pytest.param({**EIGHT, "min_charging_rate": "6"}, "min_charging_rate", id="least"),
        pytest.param(
            {**EIGHT, "charging_profile_period": [{"start_period": 0, "limit": -5}]},
            "period[0].limit", id="a negative limit",
        ),
        pytest.param(
            {**EIGHT, "charging_profile_period": [{"start_period": 5, "limit": 5}] * 2},
            "period[1].start_period", id="not ascending",
        ),
        pytest.param(
            {**EIGHT, "charging_profile_period": [{"start_period": 0, "limit": 5}] * 501},
            "at most 500", id="too many",
        ),
    ],
)  # fmt: skip
def test_a_profile_that_is_none(profile: dict[str, object] | None, named: str) -> None:
    with pytest.raises(reading.Unreadable) as caught:
        profile_of(profile, BY, "s")
    assert named in str(caught.value)


def test_a_profile_as_the_core_understands_it() -> None:
    """One decimal, rounded down; what is absent or null is not there."""
    given = {
        "charging_rate_unit": "W",
        "start_date_time": "2027-01-31T10:00:00Z",
        "duration": None,
        "min_charging_rate": 1380,
        "charging_profile_period": [{"start_period": 60, "limit": 4140.19}],
    }
    order = profile_of(given, BY, "s")
    assert order.profile == Profile(
        unit=Unit.WATT, steps=(Step(start_s=60.0, limit=4140.1),), least=1380.0
    )
    assert order.starts_at == datetime(2027, 1, 31, 10, tzinfo=UTC)
    assert profile_of({"charging_rate_unit": "A"}, BY, "s").profile == Profile(unit=Unit.AMPERE)
