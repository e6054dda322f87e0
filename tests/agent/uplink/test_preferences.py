"""What a driver may prefer, and what is answered where nothing can be preferred."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.receivers.orders import SessionAt
from laddvakt_agent.uplink.receivers.preferences import Able, PreferencesReceiver, judged
from laddvakt_agent.uplink.receivers.reading import Unreadable
from laddvakt_agent.uplink.serving import Asked, Caller, Party, Refused
from laddvakt_agent.uplink.version import Version

NOW = datetime(2027, 1, 31, 10, tzinfo=UTC)
ABLE = Able(profile_types=frozenset({"FAST", "REGULAR"}), most_kw=11.0)
TOKEN = TokenRef(uid="U", type="RFID", contract_id="C", country_code="NL", party_id="TNM")
LATER = "2027-01-31T12:00:00Z"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"profile_type": "FAST"}, "ACCEPTED"),
        ({"profile_type": "REGULAR", "departure_time": LATER, "energy_need": 22}, "ACCEPTED"),
        ({"profile_type": "REGULAR", "departure_time": LATER, "energy_need": 22.1}, "NOT_POSSIBLE"),
        ({"profile_type": "FAST", "departure_time": "2027-01-31T10:00:00Z"}, "NOT_POSSIBLE"),
        ({"profile_type": "GREEN"}, "PROFILE_TYPE_NOT_SUPPORTED"),
        ({"profile_type": "FAST", "departure_time": None, "energy_need": None}, "ACCEPTED"),
    ],
)
def test_what_can_be_preferred(body: dict[str, object], said: str) -> None:
    assert judged(body, ABLE, NOW, running=True) == said


def test_a_session_that_is_over_prefers_nothing() -> None:
    assert judged({"profile_type": "FAST"}, ABLE, NOW, running=False) == "NOT_POSSIBLE"


@pytest.mark.parametrize(
    "body", [None, {}, {"profile_type": "BEST"}, {"profile_type": "FAST", "energy_need": "much"}]
)
def test_what_cannot_be_read(body: object) -> None:
    with pytest.raises(Unreadable):
        judged(body, ABLE, NOW, running=True)


def ask(
    receiver: PreferencesReceiver, method: str, segments: tuple[str, ...], party: str = "TNM"
) -> object:
    caller = Caller(
        name="emsp", version=Version.V2_2_1, registered=True, own=Party("SE", "LAD"),
        parties=frozenset({Party("NL", party)}),
    )  # fmt: skip
    asked = Asked(
        caller=caller, method=method, segments=segments, url="", request_id="", correlation_id="",
        body={"profile_type": "FAST"},
    )  # fmt: skip
    return asyncio.run(receiver.answer(asked)).data


@pytest.mark.parametrize(
    ("method", "segments", "party", "able", "http_status"),
    [
        pytest.param("GET", (), "TNM", True, 405, id="another module's"),
        pytest.param("PUT", ("s",), "TNM", True, 404, id="without the suffix"),
        pytest.param("PUT", ("none", "charging_preferences"), "TNM", True, 404, id="no session"),
        pytest.param("PUT", ("s", "charging_preferences"), "EVI", True, 404, id="another's"),
        pytest.param("PUT", ("s", "charging_preferences"), "TNM", False, 404, id="not capable"),
    ],
)
def test_who_is_refused(
    method: str, segments: tuple[str, ...], party: str, able: bool, http_status: int
) -> None:
    """An EVSE without the capability: HTTP 404 and 2001."""
    session = SessionAt(id="s", connector="1", evse_uid="E", token=TOKEN, running=True)
    receiver = PreferencesReceiver(
        session=lambda session_id: session if session_id == "s" else None,
        wall=lambda: NOW,
        able={"E": ABLE} if able else {},
    )
    with pytest.raises(Refused) as caught:
        ask(receiver, method, segments, party)
    assert caught.value.http_status == http_status
    assert caught.value.status_code == (2000 if http_status == 405 else 2001)
    if able:
        assert ask(receiver, "PUT", ("s", "charging_preferences")) == "ACCEPTED"
