"""One object's trouble is its own: what a platform cannot take holds up nothing else for good."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from agent.uplink.accelerated import LoopClock, run_accelerated
from agent.uplink.uplink_kit import MemoryStore, cdr, evse, finished, session, settings, station
from laddvakt_agent.published import EvseStatus, Station
from laddvakt_agent.uplink.answers import Answer
from laddvakt_agent.uplink.errors import (
    Missing,
    Rejected,
    ServerFailed,
    Unanswered,
    Unauthorised,
    UplinkError,
)
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.settings import Endpoints
from laddvakt_agent.uplink.sync import Synchroniser
from laddvakt_agent.uplink.version import Version

ALL = Endpoints(locations="http://b/l", sessions="http://b/s", cdrs="http://b/c")
HOUR_S = 3600.0

Answers = Callable[[str, str, object], UplinkError | None]  # method, path, body


@dataclass
class Platform:
    """Takes everything but what `answers` says; it has no memory to show."""

    answers: Answers
    taken: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    name: str = "backend"
    version: Version = Version.V2_2_1
    own: Party = field(default_factory=lambda: Party("SE", "LAD"))

    def endpoint(self, identifier: str, role: Role) -> str | None:
        raise NotImplementedError

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        del correlation_id, to
        path = url.removeprefix("http://b/")
        self.asked.append(f"{method} {path}")
        await asyncio.sleep(0.01)
        error = self.answers(method, path, body)
        if error is not None:
            raise error
        if method == "GET":
            raise Missing("HTTP 404")
        named = body.get("id") if isinstance(body, dict) and method == "POST" else None
        self.taken.append(f"{method} {named or path}")
        return Answer(data=None, location_url=None)


def told(platform: Platform, *stations: Station, within_s: float = HOUR_S) -> Synchroniser:
    """Offer them one after the other, each until all is told or the time is over."""

    async def lived() -> Synchroniser:
        made = replace(settings(ALL), retry_min_s=2.0, retry_max_s=900.0, request_timeout_s=10.0)
        via: Outward = platform
        sync = Synchroniser(made, MemoryStore(), LoopClock(), random.Random(1), via=via)
        task = asyncio.create_task(sync.run())
        for one in stations:
            sync.offer(one)
            await sync.settle(within_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return sync

    return run_accelerated(lived())


FAILURES = {
    "http 500": ServerFailed("HTTP 500"),
    "no answer": Unanswered("late"),
    "refused": Rejected("OCPI 2001"),
}
failures = pytest.mark.parametrize("error", FAILURES.values(), ids=FAILURES.keys())


@failures
def test_a_cdr_that_is_never_taken_holds_up_no_other(error: UplinkError) -> None:
    """Some answer HTTP 500 to one bill and take every other; that one is tried on and on."""

    def answers(method: str, path: str, body: object) -> UplinkError | None:
        is_bad = isinstance(body, dict) and body.get("id") == "c-1"
        return error if method == "POST" and path == "c" and is_bad else None

    platform = Platform(answers)
    bills = tuple(cdr(f"c-{number}", f"s-{number}") for number in (1, 2, 3))
    sync = told(platform, station(cdrs=bills))
    assert [line for line in platform.taken if line.startswith("POST")] == ["POST c-2", "POST c-3"]
    assert [one.object_id for one in sync.waiting()] == ["c-1"]
    assert platform.asked.count("POST c") > 5, "and the first one is not given up"


@failures
def test_a_session_that_is_never_taken_holds_up_no_other(error: UplinkError) -> None:
    def answers(method: str, path: str, body: object) -> UplinkError | None:
        del body
        return error if method == "PUT" and path.endswith("s-1") else None

    platform = Platform(answers)
    told(platform, station(sessions=(session("s-1"), session("s-2"))))
    assert "PUT s/SE/LAD/s-2" in platform.taken


LOOKS = {
    "http 500": ServerFailed("HTTP 500"),
    "a page": Unanswered("HTTP 200 without an OCPI answer", http_status=200),
    "http 403": Unauthorised("HTTP 403"),
}
looks = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())


@looks
@pytest.mark.parametrize("kind", ["status", "session", "end of session", "cdr"])
def test_whoever_shows_nothing_is_told_all_the_same(look: UplinkError, kind: str) -> None:
    """GET is not for everybody: some answer it with an error or a page, but take what they get."""
    doubts = {"status": 0, "session": 0, "end of session": 1, "cdr": 1}

    def answers(method: str, path: str, body: object) -> UplinkError | None:
        del path
        if method == "GET":
            return look
        if method == "PATCH" and kind in {"status", "session"}:
            return Missing("HTTP 404")
        if (kind == "cdr" and method == "POST") or (
            kind == "end of session" and isinstance(body, dict) and "end_date_time" in body
        ):
            doubts[kind] -= 1
            return Unanswered("late") if doubts[kind] >= 0 else None
        return None

    later = {
        "status": station(evse(EvseStatus.CHARGING)),
        "session": station(sessions=(replace(session(), energy_wh=100.0),)),
        "end of session": station(sessions=(finished(),)),
        "cdr": station(sessions=(session(),), cdrs=(cdr(),)),
    }[kind]
    platform = Platform(answers)
    sync = told(platform, station(sessions=(session(),)), later)
    assert sync.waiting() == (), platform.asked
