"""Several platforms: whose acknowledgement is whose, and when a CDR is delivered to all."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from agent.ledger.samples import WALL, cdr_of, ended, open_ledger, session_row
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.ledger import AckRow, Ledger, LedgerAcks, LedgerThread
from laddvakt_agent.ledger.acks import delivered
from laddvakt_agent.ledger.audience import BACKEND, party_of
from laddvakt_agent.ledger.check import check
from laddvakt_agent.ledger.listing import listed
from laddvakt_agent.ledger.reading import read
from laddvakt_agent.ledger.retention import ACK_KEPT, KEPT
from laddvakt_agent.ledger.rows import PartyAckRow
from laddvakt_agent.uplink.store import Acked


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path, FakeTime())


def bill(ledger: Ledger, number: int) -> str:
    """A session with its CDR; the CDR's id."""
    row = ended(session_row(f"s{number}"))
    ledger.save_session(session_row(f"s{number}"))
    ledger.close_session_with_cdr(row, cdr_of(row, f"c{number}"))
    return f"c{number}"


def ack(party: str, object_id: str, *, kind: str = "cdr", sure: bool = True) -> AckRow:
    fixed = {
        "kind": kind,
        "object_id": object_id,
        "last_updated": WALL,
        "body": '{"id":"x"}',
        "acknowledged": sure,
    }
    if party == BACKEND:
        return AckRow(**fixed)  # type: ignore[arg-type]  # the fields above
    return PartyAckRow(**fixed, party=party)  # type: ignore[arg-type]


def waiting(ledger: Ledger) -> list[str]:
    return [cdr.id for cdr in ledger.cdrs(unacknowledged_only=True)]


@pytest.mark.parametrize(
    ("audience", "confirmed_by", "waits"),
    [
        pytest.param({}, (), True, id="nobody there, nobody has it"),
        pytest.param({}, (BACKEND,), False, id="an older version's"),
        pytest.param({BACKEND: True}, (BACKEND,), False, id="the only one has it"),
        pytest.param({BACKEND: True, "hub": True}, (BACKEND,), True, id="the hub waits"),
        pytest.param({BACKEND: True, "hub": True}, ("hub",), True, id="the backend waits"),
        pytest.param({BACKEND: True, "hub": True}, (BACKEND, "hub"), False, id="both have it"),
        pytest.param({BACKEND: True, "hub": False}, (BACKEND,), False, id="no CDRs for the hub"),
        pytest.param({"hub": True}, ("hub",), False, id="without a backend"),
        pytest.param({"hub": False}, (), True, id="nobody is told CDRs"),
        pytest.param({"hub": True}, (BACKEND,), True, id="the backend has left, the hub waits"),
    ],
)
def test_a_cdr_is_delivered_once_all_that_are_told_have_it(
    ledger: Ledger, audience: dict[str, bool], confirmed_by: tuple[str, ...], waits: bool
) -> None:
    for party, cdrs in audience.items():
        ledger.audience.join(party, cdrs=cdrs)
    bill(ledger, 1)
    for party in confirmed_by:
        ledger.save_ack(ack(party, "c1"))
    assert waiting(ledger) == (["c1"] if waits else [])
    ledger.close()


def test_who_joins_is_told_what_nobody_has_and_all_that_follows(ledger: Ledger) -> None:
    """A bill that somebody has confirmed is not told twice; one that nobody has is never lost."""
    ledger.audience.join(BACKEND, cdrs=True)
    for number in (1, 2):
        bill(ledger, number)
    ledger.save_ack(ack(BACKEND, "c1"))
    ledger.audience.join("hub", cdrs=True)
    bill(ledger, 3)
    ledger.save_ack(ack(BACKEND, "c2"))
    ledger.save_ack(ack(BACKEND, "c3"))
    assert waiting(ledger) == ["c2", "c3"]
    ledger.close()


def test_a_renamed_platform_gets_what_its_old_name_had_not(ledger: Ledger) -> None:
    ledger.audience.join(BACKEND, cdrs=True)
    bill(ledger, 1)
    bill(ledger, 2)
    ledger.save_ack(ack(BACKEND, "c1"))
    ledger.audience.keep(["operator"])
    ledger.audience.join("operator", cdrs=True)
    assert waiting(ledger) == ["c2"]
    ledger.save_ack(ack("operator", "c2"))
    assert waiting(ledger) == []
    ledger.close()


def test_who_has_left_blocks_nothing_and_finds_its_own_again(ledger: Ledger) -> None:
    for party in (BACKEND, "hub"):
        ledger.audience.join(party, cdrs=True)
    bill(ledger, 1)
    ledger.save_ack(ack(BACKEND, "c1"))
    ledger.save_ack(ack("hub", "c1", sure=False))
    ledger.audience.keep([BACKEND])
    assert ledger.audience.names() == (BACKEND,)
    assert waiting(ledger) == []
    ledger.audience.join("hub", cdrs=True)
    assert waiting(ledger) == ["c1"]  # it may or may not have it: it is asked
    ledger.close()


def test_each_platform_keeps_its_own_acknowledgements(ledger: Ledger) -> None:
    for party in (BACKEND, "hub", "other"):
        ledger.audience.join(party, cdrs=True)
        ledger.save_ack(ack(party, "evse-1", kind="evse", sure=party == "hub"))
    told = ledger.audience.everybody()
    assert {name: [row.acknowledged for row in rows] for name, rows in told.items()} == {
        BACKEND: [False],
        "hub": [True],
        "other": [False],
    }
    assert [party_of(row) for row in ledger.acks("hub")] == ["hub"]
    ledger.close()


def test_a_spent_acknowledgement_is_read_while_another_platform_waits(tmp_path: Path) -> None:
    """Without it the platform that has the CDR would be sent it again beside the one that waits."""
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    for party in (BACKEND, "hub"):
        ledger.audience.join(party, cdrs=True)
    bill(ledger, 1)
    ledger.save_ack(ack("hub", "c1"))
    time.advance((ACK_KEPT + timedelta(days=1)).total_seconds())
    ledger.heartbeat(time.boot_s(), time.wall())
    sweep(ledger)
    assert [(row.object_id, row.body) for row in ledger.acks("hub")] == [("c1", "")]
    ledger.save_ack(ack(BACKEND, "c1"))
    assert ledger.acks("hub") == ()
    time.advance((KEPT + timedelta(days=1)).total_seconds())
    ledger.heartbeat(time.boot_s(), time.wall())
    sweep(ledger)
    assert ledger.cdrs() == ()
    ledger.close()


def test_no_session_goes_while_one_platform_waits_for_its_bill(tmp_path: Path) -> None:
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    for party in (BACKEND, "hub"):
        ledger.audience.join(party, cdrs=True)
    for number in (1, 2):
        bill(ledger, number)
        ledger.save_ack(ack(BACKEND, f"c{number}"))
    ledger.save_ack(ack("hub", "c1"))
    time.advance((KEPT + timedelta(days=1)).total_seconds())
    ledger.heartbeat(time.boot_s(), time.wall())
    sweep(ledger)
    assert [cdr.id for cdr in ledger.cdrs()] == ["c2"]
    ledger.close()


def sweep(ledger: Ledger) -> None:
    while ledger.retention.step(need=False):
        pass


def test_people_see_who_is_waited_for(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, FakeTime())
    for party in (BACKEND, "hub", "other"):
        ledger.audience.join(party, cdrs=True)
    bill(ledger, 1)
    ledger.save_ack(ack(BACKEND, "c1"))
    (told,) = [point for point in check(tmp_path) if point.name == "confirmed"]
    assert told.detail.startswith("not yet confirmed by hub, other: 1")
    (row,) = read(tmp_path, lambda reading: list(listed(reading, "cdrs")))
    assert (row["acknowledged"], row["waited_for"]) == (False, "hub, other")
    ledger.close()


async def test_acks_of_two_platforms_through_the_thread(tmp_path: Path) -> None:
    """Each is written to its own place, and both must have a CDR before it counts as delivered."""
    errors: list[BaseException] = []
    thread = LedgerThread(errors.append)
    ledger = open_ledger(tmp_path, FakeTime())
    first = await LedgerAcks.open(ledger, thread)
    second = await LedgerAcks.open(ledger, thread, "hub")
    third = await LedgerAcks.open(ledger, thread, "viewer", cdrs=False)
    bill(ledger, 1)
    had = Acked(last_updated=WALL, body='{"id":"c1"}', acknowledged=True)
    await first.save("cdr", "c1", had)
    assert delivered((first, second)) == frozenset()
    await second.save("cdr", "c1", had)
    assert delivered((first, second)) == {"c1"}
    assert (await thread.call(waiting, ledger)) == []
    assert delivered(()) == frozenset()
    second.remember((ack(BACKEND, "x"), ack("hub", "y"), ack("viewer", "z")))
    assert {name for _, name in second.load()} == {"c1", "y"}
    assert (second.party, third.load()) == ("hub", {})
    again = await LedgerAcks.open(ledger, thread, "hub")
    assert again.load() == {("cdr", "c1"): had}
    assert errors == []
    await thread.close()
    ledger.close()


@pytest.mark.parametrize(
    ("in_order", "same_boot", "lost"),
    [
        pytest.param(False, False, True, id="the power failed"),
        pytest.param(False, True, False, id="the agent was killed"),
        pytest.param(True, False, False, id="the controller was shut down"),
        pytest.param(True, True, False, id="the agent was restarted"),
    ],
)
def test_a_lost_supply_is_told_from_a_restart(
    tmp_path: Path, *, in_order: bool, same_boot: bool, lost: bool
) -> None:
    time = FakeTime()
    ledger = open_ledger(tmp_path, time)
    assert not ledger.power_lost  # the first start of all
    if in_order:
        ledger.close()
    else:
        os.close(ledger.renewal.lock or -1)
        ledger.renewal.lock = None
    if not same_boot:
        time.reboot("00000000-0000-4000-8000-00000000000b", off_s=60.0)
    again = open_ledger(tmp_path, time)
    assert again.power_lost is lost
    again.close()
