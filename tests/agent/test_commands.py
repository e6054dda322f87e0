"""What a person may ask of a connector, and the sentence that says why not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agent.station_kit import Bench, bench
from laddvakt_agent.core.faults.catalogue import Recovery
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.recover import recovery
from laddvakt_agent.core.recover.tracks import Phase
from laddvakt_agent.diagnostics.answers import Forbidden, NotPossible
from laddvakt_agent.published import TokenRef
from laddvakt_agent.remedy import RESET_FOR

TOKEN = TokenRef(uid="T", type="RFID", contract_id="C", country_code="SE", party_id="LAD")


@pytest.fixture
async def station(tmp_path: Path) -> AsyncIterator[Bench]:
    async with bench(tmp_path) as built:
        yield built


def refusal(station: Bench, verb: str, by: str = "", *, token: str = "") -> tuple[str, str]:
    with pytest.raises(NotPossible) as caught:
        station.ask("1", verb, by, token=token)
    return caught.value.error, caught.value.remedy


def test_every_recovery_names_the_reset_the_core_takes() -> None:
    assert recovery._RANKS == RESET_FOR
    assert set(Recovery) - set(RESET_FOR) == {Recovery.AUTO}


async def test_a_reset_with_nothing_to_lift_is_refused(station: Bench) -> None:
    error, remedy = refusal(station, "reset", by="local")
    assert error == "connector 1 has no fault to reset"
    assert remedy == "see: laddvakt status"
    assert not station.guard("1").resets


@pytest.mark.parametrize(
    ("code", "locked", "by", "error", "remedy"),
    [
        ("board_error", False, "service", "no reset lifts board_error: it ends by itself",
         "see: laddvakt faults"),
        ("emergency_stop", False, "manual", "a manual reset does not lift emergency_stop",
         "there: laddvakt connector 1 reset --local"),
        ("board_error", True, "manual", "a manual reset does not lift board_error",
         "there: laddvakt connector 1 reset --local"),
        ("contactor_welded", True, "local", "a local reset does not lift contactor_welded",
         "as root: laddvakt connector 1 reset --service"),
        ("over_current_gross", False, "manual", "a manual reset does not lift over_current_gross",
         "unplug the vehicle (or, at the charger: laddvakt connector 1 reset --local)"),
    ],
)  # fmt: skip
async def test_a_reset_that_lifts_nothing_names_the_one_that_does(
    station: Bench, code: str, locked: bool, by: str, error: str, remedy: str
) -> None:
    station.stand("1", code, locked=locked)
    said = refusal(station, "reset", by=by)
    assert said[0].startswith(error)
    assert said[1].endswith(remedy)


async def test_a_reset_before_the_condition_is_gone_would_be_lost(station: Bench) -> None:
    station.stand("1", "contactor_welded", phase=Phase.ACTIVE, locked=True)
    error, remedy = refusal(station, "reset", by="service")
    assert error == "contactor_welded is not gone yet: 5.0 A > 1.0 A"
    assert remedy.endswith("laddvakt connector 1 reset --service")


async def test_what_no_detector_watches_is_the_persons_word(station: Bench) -> None:
    """A fault of a device that is configured no longer: only a reset can ever end it."""
    station.stand("1", "meter_lost", subject="old-meter", phase=Phase.ACTIVE)
    assert "local reset given" in station.ask("1", "reset", "local")
    tracks = station.guard("1").connector.tracks  # of devices nobody simulates there may be some
    assert not [track for track in tracks if track.standing and track.subject == "old-meter"]


async def test_one_fault_that_can_be_lifted_is_enough(station: Bench) -> None:
    station.stand("1", "contactor_welded", locked=True)
    station.stand("1", "emergency_stop")
    assert "local reset given" in station.ask("1", "reset", by="local")


async def test_a_service_reset_is_the_services(station: Bench) -> None:
    station.stand("1", "contactor_welded", locked=True)
    with pytest.raises(Forbidden, match="needs root"):
        station.ask("1", "reset", by="service", root=False)


async def test_out_says_when(station: Bench) -> None:
    again = "put it back with: laddvakt connector 1 in"
    assert station.ask("1", "out") == f"connector 1 is out of service; {again}"
    assert station.ask("1", "in") == "connector 1 is in service"
    guard = station.guard("1")
    guard.keeper.begin(TOKEN, "WHITELIST", Inputs(), station.clock.now_s())
    said = station.ask("1", "out")
    assert said == f"connector 1 goes out of service after this session; {again}"


async def test_what_cannot_be_started_says_why(station: Bench) -> None:
    assert refusal(station, "start", token="T")[0] == "no vehicle at connector 1"
    station.ask("1", "out")
    assert refusal(station, "start", token="T")[1] == "put it back: laddvakt connector 1 in"
    station.guard("1").durable = False
    assert "no session would be billed" in refusal(station, "start", token="T")[0]
    assert refusal(station, "stop")[0] == "connector 1 has no session to stop"
    with pytest.raises(NotPossible, match="there is no connector 7"):
        station.ask("7", "stop")
