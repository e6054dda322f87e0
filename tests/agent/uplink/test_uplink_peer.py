"""The backend's time: which answers count, what waits for it, and certificates in 1970."""

from __future__ import annotations

import random
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.uplink.backend_process import BackendProcess, in_sync, running
from agent.uplink.uplink_kit import T0, MemoryStore, TestClock, finished, settings, station
from laddvakt_agent.clock import BUILT, Clock, ClockState, FakeTime
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.book import Book, Entry, Kind
from laddvakt_agent.uplink.dated import dated_context
from laddvakt_agent.uplink.errors import CHECK_TLS, Unanswered, Unreachable, UplinkError
from laddvakt_agent.uplink.lane import Link
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.peer import NOT_TOLD, Heard, PeerTime, proven
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser

TLS = Path(__file__).parents[2] / "data" / "tls"
NOON = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)
UNSET = datetime(1970, 1, 1, 0, 2, tzinfo=UTC)
DATE = "Mon, 01 Mar 2027 12:00:00 GMT"
ENVELOPE = b'{"status_code": 1000, "timestamp": "2027-03-01T12:00:00Z"}'
LOCAL_ENVELOPE = b'{"status_code": 1000, "timestamp": "2027-03-01T14:00:00+02:00"}'
LAST_ENVELOPE = b'{"status_code": 1000, "timestamp": "9999-12-31T23:59:59Z"}'
NAMED = "https://backend.test/ocpi"


def peer_of(
    wall: datetime, *, synced: bool = False, only: Link | None = None
) -> tuple[PeerTime, Clock, FakeTime]:
    time = FakeTime(boot_s=120.0, wall=wall, synced=synced)
    clock = Clock(time)
    backoff = Backoff(random.Random(1), min_s=1.0, max_s=60.0)
    return PeerTime(clock, backoff, only), clock, time


def answer(
    headers: dict[str, str], content: bytes = b"", *, url: str = NAMED, took_s: float = 0.4
) -> Heard:
    return Heard(url=url, headers=headers, content=content, sent_s=120.0, got_s=120.0 + took_s)


@pytest.mark.parametrize(
    ("heard", "counts"),
    [
        pytest.param(answer({"Date": DATE}), True, id="date header"),
        pytest.param(answer({}, ENVELOPE), True, id="OCPI envelope"),
        pytest.param(answer({"date": "yesterday"}, ENVELOPE), True, id="no date: the envelope"),
        pytest.param(answer({"DATE": DATE}, url="http://127.0.0.1:80/"), True, id="this machine"),
        pytest.param(answer({"Date": DATE}, url="http://backend.test/"), False, id="anybody"),
        pytest.param(answer({"Date": DATE, "Age": "86400"}), False, id="from a cache"),
        pytest.param(answer({"Date": "Thu, 01 Jan 2026 12:00:00 GMT"}), False, id="long ago"),
        pytest.param(answer({}, LOCAL_ENVELOPE), True, id="OCPI envelope with another zone"),
        pytest.param(answer({}, b"<html>"), False, id="neither"),
        pytest.param(answer({"Date": "Fri, 31 Dec 9999 23:59:59 -0100"}), False, id="no time yet"),
        pytest.param(answer({}, LAST_ENVELOPE), False, id="nor that"),
    ],
)
def test_which_answers_tell_the_time(heard: Heard, counts: bool) -> None:
    peer, clock, _ = peer_of(UNSET)
    waited = peer.held
    peer.heard(heard)
    assert (waited, peer.held) == (True, not counts)
    assert clock.state() is ClockState.UNSET, "the controller's own clock is left alone"
    if counts:
        believed = peer.believed()
        assert believed is not None
        assert abs(believed - NOON) <= timedelta(seconds=0.7)  # a second and the way, halved


@pytest.mark.parametrize(
    ("wall", "synced", "asked", "held"),
    [
        pytest.param(UNSET, False, False, True, id="unset"),
        pytest.param(UNSET, False, True, True, id="unset, nobody answered"),
        pytest.param(NOON, False, False, True, id="plausible: asked about first"),
        pytest.param(NOON, False, True, False, id="plausible, nobody answered: not waited for"),
        pytest.param(NOON, True, False, False, id="synchronised"),
    ],
)
async def test_what_waits_for_the_clock(
    wall: datetime, synced: bool, asked: bool, held: bool
) -> None:
    peer, _, _ = peer_of(wall, synced=synced)
    peer._asked = asked
    assert peer.held is held


class Asked:
    """A client whose questions end like this, one after the other."""

    def __init__(self, *ends: UplinkError | None) -> None:
        self.ends = list(ends)

    async def ask(self) -> None:
        end = self.ends.pop(0)
        if end is not None:
            raise end


def link() -> Link:
    return Link(Backoff(random.Random(1), min_s=1.0, max_s=60.0))


@pytest.mark.parametrize(
    ("only", "end", "held"),
    [
        pytest.param(link(), Unreachable("no route"), True, id="nobody to tell anything"),
        pytest.param(None, Unreachable("no route"), False, id="another may be there"),
        pytest.param(link(), Unanswered("late"), False, id="no answer"),
        pytest.param(link(), None, False, id="an answer"),
    ],
)
async def test_a_plausible_clock_waits_only_where_nothing_could_be_told(
    only: Link | None, end: UplinkError | None, held: bool
) -> None:
    """Else a bill of an outage is tried, and may be kept, with the clock as it was restored."""
    peer, _, _ = peer_of(NOON, only=only)
    await peer._ask(Asked(end))
    assert peer.held is held
    assert only is None or only.backoff.failing is held


async def test_who_cannot_be_reached_is_told_with_its_remedy_and_found_again() -> None:
    only = link()
    peer, _, _ = peer_of(UNSET, only=only)
    no = Unreachable("no", remedy=CHECK_TLS)
    untrusted = []
    with capture_logs() as logs:
        for end in (no, no, None, Unanswered("late")):
            await peer._ask(Asked(end))
            untrusted.append(only.untrusted)
    assert [(log["event"], log.get("remedy")) for log in logs] == [
        ("uplink_lost", CHECK_TLS), ("uplink_restored", None), ("uplink_waits_for_clock", NOT_TOLD),
    ]  # fmt: skip
    assert untrusted == [True, True, False, False], "there is a fault that says so"
    assert peer.held, "an answer that tells no time lets nothing go in 1970"


def test_a_synchronisation_lets_everything_go() -> None:
    peer, _, time = peer_of(UNSET)
    time.step_wall(NOON)
    time.is_synced = True
    assert not peer.held


def test_who_has_proved_who_it_is() -> None:
    named = ("https://a.test/", "http://[::1]:80/", "http://localhost/", "http://a.test/")
    assert [proven(url) for url in named] == [True, True, True, False]


def _book(store: MemoryStore) -> Book:
    book = Book(store, random.Random(1), retry_min_s=1.0, retry_max_s=60.0)
    book.load()
    return book


def _told(*, moved: timedelta = timedelta(), energy_wh: float = 1834.0) -> Content:
    record = finished()
    periods = tuple(
        replace(period, started_at=period.started_at + moved) for period in record.periods
    )
    assert record.ended_at is not None
    record = replace(
        record,
        started_at=record.started_at + moved,
        ended_at=record.ended_at + moved,
        periods=periods,
        energy_wh=energy_wh,
    )
    urls = Endpoints(locations="http://l", sessions="http://s", cdrs="http://c")
    return objects.session(settings(urls), record)


async def _confirmed(store: MemoryStore, content: Content) -> tuple[Book, Entry]:
    book = _book(store)
    entry = book.want(Kind.SESSION, "s-1", content, changed_at=T0, source=1)
    await book.sending(entry, content, T0)
    await book.confirm(entry, content, T0)
    return book, entry


@pytest.mark.parametrize("status", ["COMPLETED", "INVALID"])
@pytest.mark.parametrize("restarted", [False, True], ids=["same run", "after a restart"])
async def test_what_is_over_and_confirmed_is_not_told_again_with_better_times(
    restarted: bool, status: str
) -> None:
    """Billed or not: a receiver takes nothing more of a session that is over."""
    store = MemoryStore()
    over: Content = {"status": status}
    book, _ = await _confirmed(store, _told() | over)
    book = _book(store) if restarted else book
    hours = timedelta(hours=3)
    better = _told(moved=hours) | over
    entry = book.want(Kind.SESSION, "s-1", better, changed_at=T0 + hours, source=2)
    assert not entry.pending
    other = _told(energy_wh=1.0) | over
    entry = book.want(Kind.SESSION, "s-1", other, changed_at=T0, source=3)
    assert not entry.pending, "what was billed is in the CDR"


async def test_what_still_runs_is_told_again_with_its_corrected_start() -> None:
    running = {**_told(), "status": "ACTIVE"}
    del running["end_date_time"]
    book, _ = await _confirmed(MemoryStore(), running)
    moved = {**running, "start_date_time": "2027-03-01T15:00:00.000Z"}
    assert book.want(Kind.SESSION, "s-1", moved, changed_at=T0, source=2).pending


def test_what_waited_gets_its_corrected_time_as_its_stamp() -> None:
    """An EVSE that changed in 1970 has the same status, and another time, once it is known."""
    book = _book(MemoryStore())
    content: Content = {"status": "AVAILABLE"}
    book.want(Kind.EVSE, "evse-1", content, changed_at=UNSET, source=1)
    entry = book.want(Kind.EVSE, "evse-1", content, changed_at=NOON, source=2)
    assert book.stamp(entry, content, entry.changed_at) == NOON


def _handshake(
    certificate: str,
    believed: datetime | None,
    *,
    trusted: str | None = None,
    name: str = "backend.test",
) -> None:
    """Client and server over memory; SSLError when the client does not accept the server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(TLS / f"{certificate}.pem")
    client = dated_context(lambda: believed)
    client.load_verify_locations(TLS / f"{trusted or certificate}.pem")
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(back, there, server_hostname=name)
    theirs = server.wrap_bio(there, back, server_side=True)
    waiting = [ours, theirs]
    while waiting:
        for side in tuple(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)


@pytest.mark.parametrize(
    ("name", "believed", "problem"),
    [
        pytest.param("valid", None, None, id="nothing known of the time"),
        pytest.param("valid", datetime(2027, 6, 1, tzinfo=UTC), None, id="valid now"),
        pytest.param("valid", BUILT, "begins 2027-01-01", id="not valid yet"),
        pytest.param("valid", datetime(2037, 6, 1, tzinfo=UTC), "ended 2037-01-01", id="over"),
        pytest.param("ended", None, "ended 2025-01-01", id="over before this program was built"),
    ],
)
def test_certificates_are_judged_by_the_believed_time(
    name: str, believed: datetime | None, problem: str | None
) -> None:
    if problem is None:
        _handshake(name, believed)
    else:
        with pytest.raises(ssl.SSLCertVerificationError, match=problem):
            _handshake(name, believed)


@pytest.mark.parametrize(
    ("trusted", "name", "problem"),
    [
        pytest.param("ended", "backend.test", "verify failed", id="another issuer"),
        pytest.param("valid", "other.test", "Hostname mismatch", id="another name"),
    ],
)
def test_issuer_and_name_are_checked_as_always(trusted: str, name: str, problem: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match=problem):
        _handshake("valid", None, trusted=trusted, name=name)


@pytest.mark.integration
async def test_an_unset_clock_asks_first_and_tells_right_times(backend: BackendProcess) -> None:
    """In 1970 nothing is told before the backend's answer has said what time it is."""
    time = FakeTime(boot_s=120.0, wall=UNSET, synced=False)
    clock = Clock(time)
    sync = Synchroniser(
        settings(backend.endpoints()), MemoryStore(), TestClock(datetime.now(UTC)),
        random.Random(1), peer_clock=clock,
    )  # fmt: skip
    sync.offer(station())
    assert sync.health().waits_for_clock
    async with running(sync):
        await in_sync(sync)
    first, *later = await backend.news()
    assert first["method"] == "GET"
    assert {request["method"] for request in later} == {"PUT"}
    assert not sync.health().waits_for_clock
    assert abs(clock.wall_at(120.0) - datetime.now(UTC)) < timedelta(seconds=10)
