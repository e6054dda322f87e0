"""What we push: cases 38, 41, 42, 44, 49 to 52, 54, 55, 58, 73 and 74, for both versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.uplink.uplink_kit import T0, cdr, evse, fault, finished, period, session, station
from conformance.told_kit import BOTH, Receiver, asked, told
from laddvakt_agent.published import EvseStatus, SessionRecord
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.server.stamps import objects_in
from laddvakt_agent.uplink.text import Content
from laddvakt_agent.uplink.version import Version

pytestmark = pytest.mark.integration

versions = pytest.mark.parametrize("version", BOTH, ids=[version.value for version in BOTH])
STANDARD = {
    "AVAILABLE",
    "BLOCKED",
    "CHARGING",
    "INOPERATIVE",
    "OUTOFORDER",
    "PLANNED",
    "REMOVED",
    "RESERVED",
    "UNKNOWN",
}
AT = "LOC1/evse-1"


def charging(energies: tuple[float, ...], **changes: Any) -> SessionRecord:  # noqa: ANN401 - of `session`
    """A running session with these complete periods, and one that has just begun."""
    periods = tuple(period(10 * number, wh) for number, wh in enumerate((*energies, 0.0)))
    return session(
        periods=periods, energy_wh=sum(energies), changed_at=T0 + timedelta(minutes=5), **changes
    )


@versions
def test_c38_a_status_is_patched_at_the_evse_with_its_time(
    tmp_path: Path, version: Version
) -> None:
    async def case(one: Receiver) -> None:
        await one.tell()
        (request,) = await one.tell(evse(EvseStatus.CHARGING, at=T0 + timedelta(minutes=1)))
        assert asked([request]) == [f"PATCH locations/SE/LAD/{AT}"]
        assert request["body"] == {
            "status": "CHARGING",
            "last_updated": "2027-03-01T12:01:00.000Z",
        }

    told(tmp_path, case, version)


def test_c38_faults_ride_on_the_evse_from_2_3_0_on(tmp_path: Path) -> None:
    """PATCH while faults come, PUT when one leaves: a PATCH cannot take it away."""

    async def case(one: Receiver) -> None:
        await one.tell()
        first, second = fault("f-1"), fault("f-2", code="contactor_welded")
        broken = evse(EvseStatus.OUTOFORDER, at=T0 + timedelta(minutes=1))
        (status, _) = await one.tell(broken, faults=(first,))
        assert asked([status]) == [f"PATCH locations/SE/LAD/{AT}"]
        assert [item["id"] for item in status["body"]["faults"]] == ["f-1"]
        (status, _) = await one.tell(broken, faults=(first, second))
        assert asked([status]) == [f"PATCH locations/SE/LAD/{AT}"]
        gone = replace(first, cleared_at=T0 + timedelta(minutes=2))
        (status, _) = await one.tell(broken, faults=(gone, second))
        assert asked([status]) == [f"PUT locations/SE/LAD/{AT}"]
        assert [item["id"] for item in status["body"]["faults"]] == ["f-2"]
        assert status["body"]["connectors"][0]["id"] == "1"
        well = evse(EvseStatus.AVAILABLE, at=T0 + timedelta(minutes=3))
        over = replace(second, cleared_at=T0 + timedelta(minutes=3))
        (status, _) = await one.tell(well, faults=(gone, over))
        assert asked([status]) == [f"PUT locations/SE/LAD/{AT}"]
        (kept,) = one.storage.objects("locations")
        found = kept["evses"]
        assert isinstance(found, list)
        assert [("faults" in item, item["status"]) for item in found] == [  # type: ignore[index,operator,call-overload]  # a checked Location
            (False, "AVAILABLE")
        ] * 2

    told(tmp_path, case, Version.V2_3_0)


def test_c38_no_extra_field_for_2_2_1_or_without_an_agreement(tmp_path: Path) -> None:
    async def case(one: Receiver) -> None:
        await one.tell()
        broken = evse(EvseStatus.OUTOFORDER, at=T0 + timedelta(minutes=1))
        (status, _) = await one.tell(broken, faults=(fault(),))
        assert set(status["body"]) == {"status", "last_updated"}

    told(tmp_path, case, Version.V2_2_1)


@versions
@pytest.mark.parametrize("mode", ["http_404", "status_2001", "status_2003", "http_405"])
def test_c41_a_refused_patch_is_followed_by_get_and_put(
    tmp_path: Path, version: Version, mode: str
) -> None:
    async def case(one: Receiver) -> None:
        await one.tell(sessions=(charging((100.0,)),))
        one.server.behave({"mode": mode, "count": 1, "module": "sessions"})
        requests = await one.tell(sessions=(charging((100.0, 200.0)),))
        at = "sessions/SE/LAD/s-1"
        assert asked(requests) == [f"PATCH {at}", f"GET {at}", f"PUT {at}"]
        assert len({r["body"]["last_updated"] for r in requests if r["body"]}) == 1

    told(tmp_path, case, version)


@versions
def test_c41_an_object_that_the_receiver_has_lost_is_put(tmp_path: Path, version: Version) -> None:
    async def case(one: Receiver) -> None:
        await one.tell(sessions=(charging((100.0,)),))
        one.storage.remove("sessions")
        requests = await one.tell(sessions=(charging((100.0, 200.0)),))
        assert [line.split()[0] for line in asked(requests)] == ["PATCH", "GET", "PUT"]
        assert [item["kwh"] for item in one.storage.objects("sessions")] == [0.3]

    told(tmp_path, case, version)


@versions
def test_c42_ids_in_the_url_are_those_in_the_body(tmp_path: Path, version: Version) -> None:
    """Also where an id is not of OCPI's characters, or needs quoting."""

    async def case(one: Receiver) -> None:
        odd = charging((100.0,))
        requests = await one.tell(
            sessions=(replace(odd, id="s 1 å"), replace(odd, id="x" * 50)),
            faults=(fault("f 1"),),
        )
        puts = [r for r in requests if r["method"] == "PUT"]
        assert len(puts) == 4
        for request in puts:
            assert request["status_code"] == 1000, request["errors"]
            assert request["body"]["id"] == request["object_id"].rpartition("/")[2]

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize("lost", [False, True], ids=["confirmed", "in doubt since"])
def test_c43_an_evse_that_is_no_more_is_told_as_removed(
    tmp_path: Path, version: Version, *, lost: bool
) -> None:
    """After a change of the configuration, and at each start from then on."""

    async def case(one: Receiver) -> None:
        await one.tell()
        if lost:
            one.server.behave({"mode": "lost_reply"})
            await one.start()
            one.sync.offer(station())
            assert not await one.sync.settle(1.0)
            one.server.behave({"mode": "ok"})
        place = one.settings.location
        one.settings = replace(one.settings, location=replace(place, evses=place.evses[:1]))
        removed_at = set()
        for _ in range(2):
            await one.start()
            await one.offer(replace(station(), evses=(evse(EvseStatus.AVAILABLE),)))
            (kept,) = one.storage.objects("locations")
            statuses = {item["uid"]: item["status"] for item in objects_in(kept, "evses")}
            assert statuses == {"evse-1": "AVAILABLE", "evse-2": "REMOVED"}
            removed_at |= {item["last_updated"] for item in objects_in(kept, "evses")[1:]}
        assert len(removed_at) == 1, "it changed once"

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize("mode", ["silent", "drop", "http_503"])
def test_c44_after_an_outage_the_present_state_alone_is_told_once(
    tmp_path: Path, version: Version, mode: str
) -> None:
    """Nothing that was true in between is replayed."""

    async def case(one: Receiver) -> None:
        await one.tell()
        one.server.behave({"mode": mode})
        for minute, status in enumerate(
            (EvseStatus.CHARGING, EvseStatus.OUTOFORDER, EvseStatus.RESERVED), start=1
        ):
            one.sync.offer(station(evse(status, at=T0 + timedelta(minutes=minute))))
            assert not await one.sync.settle(100.0)
        one.news()
        one.server.behave({"mode": "ok"})
        requests = await one.tell(evse(EvseStatus.CHARGING, at=T0 + timedelta(minutes=9)))
        assert [(r["object_id"], r["body"]["status"]) for r in requests] == [(AT, "CHARGING")]
        assert [r["http_status"] for r in requests] == [200]

    told(tmp_path, case, version)


@versions
def test_c49_a_session_is_put_patched_and_ended(tmp_path: Path, version: Version) -> None:
    async def case(one: Receiver) -> None:
        await one.tell()
        at = "sessions/SE/LAD/s-1"
        (begun,) = await one.tell(sessions=(session(),))
        assert (asked([begun]), begun["body"]["status"]) == ([f"PUT {at}"], "ACTIVE")
        assert "end_date_time" not in begun["body"]
        (update,) = await one.tell(sessions=(charging((100.0,)),))
        assert asked([update]) == [f"PATCH {at}"]
        (ended,) = await one.tell(sessions=(finished(),))
        assert ended["method"] in {"PATCH", "PUT"}
        assert ended["body"]["status"] == "COMPLETED"
        assert ended["body"]["end_date_time"] == "2027-03-01T12:20:00.000Z"

    told(tmp_path, case, version)


@versions
def test_c50_a_patch_carries_new_periods_alone(tmp_path: Path, version: Version) -> None:
    async def case(one: Receiver) -> None:
        await one.tell(sessions=(charging((100.0, 200.0)),))
        (update,) = await one.tell(sessions=(charging((100.0, 200.0, 300.0, 400.0)),))
        assert update["method"] == "PATCH"
        energies = [_energy(item) for item in update["body"]["charging_periods"]]
        assert energies == [0.3, 0.4]
        (kept,) = one.storage.objects("sessions")
        assert isinstance(kept["charging_periods"], list)
        assert [_energy(item) for item in kept["charging_periods"]] == [0.1, 0.2, 0.3, 0.4]  # type: ignore[arg-type]

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize("mode", ["lost_reply", "http_500_kept", "silent"])
def test_c50_a_patch_in_doubt_is_not_repeated(tmp_path: Path, version: Version, mode: str) -> None:
    """It would add its periods twice; a PUT says all of them."""

    async def case(one: Receiver) -> None:
        await one.tell(sessions=(charging((100.0,)),))
        one.server.behave({"mode": mode, "count": 1, "module": "sessions"})
        requests = await one.tell(sessions=(charging((100.0, 200.0)),))
        assert [r["method"] for r in requests] == ["PATCH", "PUT"]
        (kept,) = one.storage.objects("sessions")
        assert isinstance(kept["charging_periods"], list)
        assert [_energy(item) for item in kept["charging_periods"]] == [0.1, 0.2]  # type: ignore[arg-type]

    told(tmp_path, case, version)


@versions
def test_c51_a_correction_is_a_put(tmp_path: Path, version: Version) -> None:
    """A period that was told otherwise, and a value that is there no more."""

    async def case(one: Receiver) -> None:
        await one.tell(sessions=(charging((100.0, 200.0)),))
        (request,) = await one.tell(sessions=(charging((150.0, 200.0)),))
        assert request["method"] == "PUT"
        (request,) = await one.tell(sessions=(charging((150.0, 200.0), meter_id=None),))
        assert request["method"] == "PUT"
        assert "meter_id" not in request["body"]

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize("lost", [False, True], ids=["confirmed", "its answer was lost"])
def test_c52_nothing_is_written_after_completed(
    tmp_path: Path, version: Version, *, lost: bool
) -> None:
    """Not in this run, nor after a restart; the CDR says how it was."""

    async def case(one: Receiver) -> None:
        await one.tell(sessions=(session(),))
        if lost:
            one.server.behave({"mode": "lost_reply", "count": 1, "module": "sessions"})
        ended = await one.tell(sessions=(finished(),))
        writes = [r["method"] for r in ended if r["method"] != "GET"]
        assert len(writes) == 1
        better = replace(finished(), energy_wh=1900.0, changed_at=T0 + timedelta(hours=1))
        assert await one.tell(sessions=(better,)) == []
        await one.start()
        await one.tell()
        assert await one.tell(sessions=(better,)) == []

    told(tmp_path, case, version)


@versions
def test_c54_a_cdr_is_posted_and_its_place_kept(tmp_path: Path, version: Version) -> None:
    async def case(one: Receiver) -> None:
        requests = await one.tell(sessions=(finished(),), cdrs=(cdr(),))
        assert asked(requests[-1:]) == ["POST cdrs"]
        acked = one.store.kept["cdr", "c-1"]
        assert acked.acknowledged
        assert acked.location_url is not None
        assert acked.location_url.startswith(str(one.settings.endpoints.cdrs))
        await one.start()
        await one.tell()
        assert await one.tell(sessions=(finished(),), cdrs=(cdr(),)) == []

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize(
    ("mode", "restarted"),
    [
        pytest.param("http_500", False, id="http 500"),
        pytest.param("http_500_kept", False, id="http 500, but kept"),
        pytest.param("http_500_kept", True, id="http 500, but kept, restarted"),
        pytest.param("silent", False, id="no answer"),
        pytest.param("lost_reply", False, id="answer lost"),
        pytest.param("lost_reply", True, id="answer lost, restarted"),
        pytest.param("drop", True, id="connection broken, restarted"),
    ],
)
def test_c55_a_cdr_in_doubt_arrives_once_under_its_id(
    tmp_path: Path, version: Version, mode: str, *, restarted: bool
) -> None:
    """Looked for before it is sent again: a receiver that counts twice would bill twice."""

    async def case(one: Receiver) -> None:
        await one.tell(sessions=(finished(),))
        one.server.behave({"mode": mode, "count": 1, "module": "cdrs"})
        one.sync.offer(station(sessions=(finished(),), cdrs=(cdr(),)))
        assert not await one.sync.settle(0.0)
        if restarted:
            await one.start()
        requests = await one.tell(sessions=(finished(),), cdrs=(cdr(),))
        posts = [r for r in requests if r["method"] == "POST"]
        assert {r["body"]["id"] for r in posts if r["body"]} <= {"c-1"}
        assert [item["id"] for item in one.storage.objects("cdrs")] == ["c-1"]
        assert all(r["status_code"] != 2001 for r in posts), "sent again without a look"
        methods = [r["method"] for r in requests]
        assert len(posts) == 1 or "GET" in methods[methods.index("POST") :]

    told(tmp_path, case, version)


@versions
def test_c58_a_credit_cdr_takes_the_first_one_back(tmp_path: Path, version: Version) -> None:
    """A new id, a reference to the first; then a new CDR. The first one is not touched."""

    async def case(one: Receiver) -> None:
        first = cdr()
        await one.tell(sessions=(finished(),), cdrs=(first,))
        credit = objects.credit_of(first, T0 + timedelta(days=1))
        corrected = replace(first, id="c-2", created_at=T0 + timedelta(days=1, minutes=1))
        requests = await one.tell(sessions=(finished(),), cdrs=(first, credit, corrected))
        assert asked(requests) == ["POST cdrs", "POST cdrs"]
        kept = {str(item["id"]): item for item in one.storage.objects("cdrs")}
        assert list(kept) == ["c-1", credit.id, "c-2"]
        assert len(credit.id) <= 39
        assert kept[credit.id]["credit"] is True
        assert kept[credit.id]["credit_reference_id"] == "c-1"
        assert kept[credit.id]["total_energy"] == kept["c-1"]["total_energy"]
        assert "credit" not in kept["c-2"]

    told(tmp_path, case, version)


@versions
@pytest.mark.parametrize("status", [EvseStatus.OUTOFORDER, EvseStatus.INOPERATIVE])
def test_c73_a_fault_is_told_within_a_second_and_so_is_its_end(
    tmp_path: Path, version: Version, status: EvseStatus
) -> None:
    """By the loop's time: nothing waits where nothing has to. Real time is in the bench."""

    async def case(one: Receiver) -> None:
        await one.tell()
        for minute, wanted in enumerate((status, EvseStatus.AVAILABLE), start=1):
            begun_s = one.clock.now_s()
            moment = T0 + timedelta(minutes=minute)
            await one.tell(evse(wanted, at=moment), faults=(fault(changed_at=moment),))
            assert one.clock.now_s() - begun_s <= 1.0
            (kept,) = one.storage.objects("locations")
            assert isinstance(kept["evses"], list)
            assert kept["evses"][0]["status"] == wanted.value  # type: ignore[index,call-overload]  # a checked Location

    told(tmp_path, case, version)


def test_c73_no_status_is_outside_the_enum() -> None:
    assert {status.value for status in EvseStatus} <= STANDARD


@versions
@pytest.mark.parametrize("mode", ["status_4001", "status_4002", "status_4003"])
def test_c74_what_a_hub_could_not_deliver_is_told_again(
    tmp_path: Path, version: Version, mode: str
) -> None:
    """HTTP 200 is no success: the receiver behind the hub has not got it."""

    async def case(one: Receiver) -> None:
        await one.tell(sessions=(session(),))
        one.server.behave({"mode": mode})
        wanted = {"sessions": (finished(),), "cdrs": (cdr(),)}
        one.sync.offer(station(evse(EvseStatus.CHARGING, at=T0 + timedelta(minutes=1)), **wanted))  # type: ignore[arg-type]
        assert not await one.sync.settle(60.0)
        waiting = {(w.kind, w.object_id) for w in one.sync.waiting()}
        assert waiting == {("evse", "evse-1"), ("session", "s-1"), ("cdr", "c-1")}
        assert one.storage.objects("cdrs") == []
        one.server.behave({"mode": "ok"})
        assert await one.sync.settle(1000.0)
        (kept,) = one.storage.objects("sessions")
        assert kept["status"] == "COMPLETED"

    told(tmp_path, case, version)


def _energy(item: Content) -> float:
    dimensions = item["dimensions"]
    assert isinstance(dimensions, list)
    (volume,) = [one["volume"] for one in dimensions if one["type"] == "ENERGY"]  # type: ignore[index,call-overload]  # a checked period
    assert isinstance(volume, float)
    return volume
