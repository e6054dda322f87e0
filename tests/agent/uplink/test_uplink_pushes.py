"""Which requests each kind of object takes, against a receiver that answers by script."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest

from agent.uplink.uplink_kit import (
    T0,
    MemoryStore,
    TestClock,
    cdr,
    evse,
    fault,
    finished,
    session,
    settings,
)
from laddvakt_agent.published import EvseStatus
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink.book import Book, Entry, Kind
from laddvakt_agent.uplink.client import Answer
from laddvakt_agent.uplink.errors import (
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    Unauthorised,
    Unreachable,
    UplinkError,
)
from laddvakt_agent.uplink.pushes import Pushes
from laddvakt_agent.uplink.settings import Endpoints

if TYPE_CHECKING:
    from laddvakt_agent.uplink.objects import Content

AT = "http://backend/ocpi/cdrs/c-1"
OK = Answer(data=None, location_url=None)
SETTINGS = settings(Endpoints(locations="http://b/l", sessions="http://b/s/", cdrs="http://b/c"))
LATER = "2031-01-01T00:00:00Z"


class Script:
    """Answers in order; keeps what was asked."""

    def __init__(self, *answers: Answer | UplinkError) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.bodies: list[Content | None] = []
        self.chains: set[str] = set()

    def new_id(self) -> str:
        return f"chain-{len(self.chains)}"

    async def send(
        self, method: str, url: str, body: Content | None = None, *, correlation_id: str
    ) -> Answer:
        self.asked.append(f"{method} {url.removeprefix('http://b/')}")
        self.bodies.append(body)
        self.chains.add(correlation_id)
        answer = self.answers.pop(0)
        if isinstance(answer, UplinkError):
            raise answer
        return answer


def holding(content: Content) -> Answer:
    return Answer(data={**content, "last_updated": "2027-01-01T00:00:00Z"}, location_url=None)


def missing() -> UplinkError:
    return Missing("HTTP 404")


def rejected(location_url: str | None = None) -> UplinkError:
    return Rejected("OCPI 2001", location_url=location_url)


def make_book(store: MemoryStore | None = None) -> Book:
    book = Book(store or MemoryStore(), random.Random(1), retry_min_s=1.0, retry_max_s=10.0)
    book.load()
    return book


def want(book: Book, kind: Kind, object_id: str, content: Content) -> Entry:
    return book.want(kind, object_id, content, changed_at=T0, source=content)


def pushes(book: Book, script: Script) -> Pushes:
    return Pushes(SETTINGS, book, script, TestClock())


async def told(book: Book, entry: Entry) -> None:
    """As if the receiver had confirmed the present content."""
    await book.confirm(entry, entry.content, book.stamp(entry, entry.content, T0))


STATUS: Content = {"status": "CHARGING"}
ACTIVE = objects.session(SETTINGS, session())
DONE = objects.session(SETTINGS, finished())
PATCH_S, GET_S, PUT_S = (f"{verb} s/SE/LAD/s-1" for verb in ("PATCH", "GET", "PUT"))


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param([OK], [PATCH_S], id="taken"),
        pytest.param([rejected(), holding(DONE)], [PATCH_S, GET_S], id="refused, but it arrived"),
        pytest.param([missing(), missing(), OK], [PATCH_S, GET_S, PUT_S], id="unknown there"),
        pytest.param([rejected(), holding(ACTIVE), OK], [PATCH_S, GET_S, PUT_S], id="other there"),
    ],
)
async def test_a_session_update_takes_what_it_takes(
    answers: list[Answer | UplinkError], asked: list[str]
) -> None:
    """PATCH when the receiver has the rest; a failed PATCH is followed by GET, then PUT."""
    book = make_book()
    entry = want(book, Kind.SESSION, "s-1", ACTIVE)
    await told(book, entry)
    want(book, Kind.SESSION, "s-1", DONE)
    script = Script(*answers)
    await pushes(book, script).push(entry)
    assert script.asked == asked
    assert len(script.chains) == 1
    assert not entry.pending


async def test_a_session_patch_in_doubt_is_followed_by_a_put() -> None:
    """The PATCH may have added its periods; PUT replaces all of them."""
    book = make_book()
    entry = want(book, Kind.SESSION, "s-1", ACTIVE)
    await told(book, entry)
    want(book, Kind.SESSION, "s-1", {**ACTIVE, "kwh": 1.0})
    with pytest.raises(Unanswered):
        await pushes(book, Script(Unanswered("late"))).push(entry)
    assert entry.pending
    script = Script(OK)
    await pushes(book, script).push(entry)
    assert script.asked == [PUT_S]


@pytest.mark.parametrize(
    ("found", "asked"),
    [
        pytest.param(DONE, [GET_S], id="it arrived"),
        pytest.param({**DONE, "kwh": 9.0}, [GET_S], id="over in another way"),
        pytest.param(ACTIVE, [GET_S, PUT_S], id="it did not arrive"),
    ],
)
async def test_an_end_in_doubt_is_looked_for_before_it_is_told_again(
    found: Content, asked: list[str]
) -> None:
    """mod_sessions: a COMPLETED session takes no more modifications; the CDR is what counts."""
    book = make_book()
    entry = want(book, Kind.SESSION, "s-1", DONE)
    with pytest.raises(Unanswered):
        await pushes(book, Script(Unanswered("late"))).push(entry)
    script = Script(holding(found), OK)
    await pushes(book, script).push(entry)
    assert script.asked == asked
    assert not entry.pending


async def test_without_a_connection_nothing_is_in_doubt() -> None:
    """Nothing was sent, so what the receiver has is as known as before: PATCH is enough."""
    store = MemoryStore()
    book = make_book(store)
    entry = want(book, Kind.SESSION, "s-1", ACTIVE)
    await told(book, entry)
    want(book, Kind.SESSION, "s-1", DONE)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await pushes(book, Script(Unreachable("no route"))).push(entry)
    assert store.saves == 2, "an outage must not wear the disk"
    script = Script(OK)
    await pushes(book, script).push(entry)
    assert script.asked == [PATCH_S]


async def test_a_refused_completed_session_is_told_once_it_is_found_there() -> None:
    """A receiver may refuse the repetition of a final session; what it has is right."""
    book = make_book()
    entry = want(book, Kind.SESSION, "s-1", DONE)
    script = Script(rejected(), holding(DONE))
    await pushes(book, script).push(entry)
    assert script.asked == [PUT_S, GET_S]
    assert not entry.pending


async def test_a_refusal_that_stands_is_raised() -> None:
    """The receiver has something else and does not want ours: the lane must tell people."""
    book = make_book()
    entry = want(book, Kind.SESSION, "s-1", DONE)
    with pytest.raises(Rejected):
        await pushes(book, Script(rejected(), holding(ACTIVE))).push(entry)
    assert entry.pending


async def test_a_younger_object_at_the_receiver_is_outrun() -> None:
    """Our memory was lost and the clock is slow: the next attempt is later than theirs."""
    book = make_book()
    entry = want(book, Kind.FAULT, "f-1", objects.fault(SETTINGS, fault()))
    younger = Answer(data={"id": "f-1", "last_updated": LATER}, location_url=None)
    with pytest.raises(Rejected):
        await pushes(book, Script(rejected(), younger)).push(entry)
    script = Script(OK)
    await pushes(book, script).push(entry)
    assert script.bodies[0] is not None
    assert script.bodies[0]["last_updated"] == "2031-01-01T00:00:00.001Z"


def wanted_station(book: Book, status: EvseStatus) -> tuple[Entry, Entry]:
    location = want(book, Kind.LOCATION, "LOC1", objects.location(SETTINGS, {}))
    state = evse(status)
    return location, want(book, Kind.EVSE, state.uid, {"status": state.status.value})


PATCH_E, GET_E, PUT_E = (f"{verb} l/SE/LAD/LOC1/evse-1" for verb in ("PATCH", "GET", "PUT"))
PUT_L = "PUT l/SE/LAD/LOC1"


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        pytest.param([OK], [PATCH_E], id="taken"),
        pytest.param([missing(), missing(), OK], [PATCH_E, GET_E, PUT_L], id="location unknown"),
        pytest.param([rejected(), holding(STATUS)], [PATCH_E, GET_E], id="refused, but arrived"),
        pytest.param(
            [rejected(), holding({"status": "AVAILABLE"}), OK],
            [PATCH_E, GET_E, PUT_E],
            id="takes no PATCH",
        ),
    ],
)
async def test_a_status_takes_what_it_takes(
    answers: list[Answer | UplinkError], asked: list[str]
) -> None:
    """PATCH on the EVSE; if it fails GET, and PUT what is missing."""
    book = make_book()
    location, state = wanted_station(book, EvseStatus.AVAILABLE)
    await pushes(book, Script(OK)).push(location)
    assert not state.pending, "the Location carries the statuses"
    want(book, Kind.EVSE, "evse-1", STATUS)
    script = Script(*answers)
    await pushes(book, script).push(state)
    assert script.asked == asked
    assert not state.pending


async def test_a_put_evse_is_whole() -> None:
    """It replaces everything, so its connectors are there with the times they had."""
    book = make_book()
    location, state = wanted_station(book, EvseStatus.AVAILABLE)
    first = Script(OK)
    await pushes(book, first).push(location)
    want(book, Kind.EVSE, "evse-1", STATUS)
    script = Script(rejected(), holding({"status": "AVAILABLE"}), OK)
    await pushes(book, script).push(state)
    body, before = script.bodies[-1], first.bodies[0]
    assert body is not None
    assert before is not None
    evses = before["evses"]
    assert isinstance(evses, list)
    assert isinstance(evses[0], dict)
    assert body["connectors"] == evses[0]["connectors"]
    assert body["status"] == "CHARGING"
    assert str(body["last_updated"]) > str(evses[0]["last_updated"])


CDR = objects.cdr(SETTINGS, cdr())


@pytest.mark.parametrize(
    ("answers", "asked", "url"),
    [
        pytest.param([Answer(data=None, location_url=AT)], ["POST c"], AT, id="taken"),
        pytest.param([OK], ["POST c"], None, id="taken, place not said"),
        pytest.param(
            [rejected(AT), holding(CDR)], ["POST c", f"GET {AT}"], AT, id="known, place said"
        ),
        pytest.param(
            [rejected(), holding(CDR)], ["POST c", "GET c/c-1"], "http://b/c/c-1", id="known"
        ),
    ],
)
async def test_a_cdr_is_acknowledged(
    answers: list[Answer | UplinkError], asked: list[str], url: str | None
) -> None:
    """A refusal counts as "already there" only when the CDR itself is found there."""
    book = make_book()
    entry = want(book, Kind.CDR, "c-1", CDR)
    script = Script(*answers)
    await pushes(book, script).push(entry)
    assert script.asked == asked
    assert entry.acked is not None
    assert entry.acked.location_url == url
    assert not entry.pending


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param([rejected(), missing(), missing()], id="refused and not there"),
        pytest.param(
            [rejected(), holding({**CDR, "total_energy": 9.9}), missing()], id="another one there"
        ),
        pytest.param([Unanswered("late")], id="no answer"),
        pytest.param([Unauthorised("HTTP 401")], id="token refused"),
    ],
)
async def test_a_cdr_stays_until_it_is_acknowledged(answers: list[Answer | UplinkError]) -> None:
    """Whatever happens, the same CDR is tried again, also by the next start."""
    store = MemoryStore()
    book = make_book(store)
    entry = want(book, Kind.CDR, "c-1", CDR)
    with pytest.raises(UplinkError):
        await pushes(book, Script(*answers)).push(entry)
    assert entry.pending
    again = make_book(store)
    changed = {**CDR, "currency": "EUR"}  # the configuration changed meanwhile
    retried = want(again, Kind.CDR, "c-1", changed)
    script = Script(missing(), missing(), OK)
    await pushes(again, script).push(retried)
    assert script.asked == ["GET c/c-1", "GET c/SE/LAD/c-1", "POST c"]
    assert script.bodies[-1] == CDR


async def test_a_cdr_that_never_left_is_told_with_what_was_learnt_since() -> None:
    """Nobody was reached, then the clock was set right: the old times bind nobody."""
    store = MemoryStore()
    book = make_book(store)
    entry = want(book, Kind.CDR, "c-1", CDR)
    for _ in range(3):
        with pytest.raises(Unreachable):
            await pushes(book, Script(Unreachable("no route"))).push(entry)
    assert store.saves == 1, "an outage must not wear the disk"
    corrected = {**CDR, "remark": "with the clock set right"}
    want(book, Kind.CDR, "c-1", corrected)
    script = Script(Unanswered("late"), missing(), missing(), OK)
    with pytest.raises(Unanswered):
        await pushes(book, script).push(entry)
    want(book, Kind.CDR, "c-1", CDR)
    await pushes(book, script).push(entry)
    assert script.bodies == [corrected, None, None, corrected], (
        "what may have arrived stays as it was"
    )


async def test_a_cdr_in_doubt_is_looked_for_where_it_was_promised() -> None:
    """HTTP 500 with a place: the place is asked before anything is sent again."""
    book = make_book()
    entry = want(book, Kind.CDR, "c-1", CDR)
    with pytest.raises(Unanswered):
        await pushes(book, Script(Unanswered("html", location_url=AT))).push(entry)
    script = Script(holding(CDR))
    await pushes(book, script).push(entry)
    assert script.asked == [f"GET {AT}"]
    assert not entry.pending


async def test_a_receiver_that_fails_when_looked_at_gets_the_cdr_all_the_same() -> None:
    """py-ocpi answers HTTP 500 instead of 404: it is looked at three times, then told again."""
    book = make_book()
    entry = want(book, Kind.CDR, "c-1", CDR)
    script = Script(rejected(), *[ServerFailed("HTTP 500") for _ in range(4)], OK)
    tell = pushes(book, script)
    with pytest.raises(Rejected):  # not the failure to look: a person can mend the refusal
        await tell.push(entry)
    for _ in range(2):
        with pytest.raises(ServerFailed):
            await tell.push(entry)
    await tell.push(entry)
    assert script.asked == ["POST c", *["GET c/c-1"] * 4, "POST c"]
    assert not entry.pending
