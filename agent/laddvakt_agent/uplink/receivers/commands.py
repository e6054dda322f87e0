"""The Commands Receiver: orders come in, are judged at once and answered later. mod_commands.

Whatever is ACCEPTED gets exactly one CommandResult at its `response_url`, and gets it before the
time-out that the answer names, or never: a result that comes too late says what is no longer true.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import structlog

from laddvakt_agent.uplink.receivers import reading
from laddvakt_agent.uplink.receivers.judging import INVALID, Accepted, Judge, No
from laddvakt_agent.uplink.receivers.orders import By, Charger, Outcome
from laddvakt_agent.uplink.receivers.results import Results
from laddvakt_agent.uplink.receivers.words import display, plain
from laddvakt_agent.uplink.serving import Asked, Caller, Party, Refused, Reply, Role, not_allowed
from laddvakt_agent.uplink.version import Version

MOST_PENDING = 20  # orders of one kind and platform at a time: no start keeps a stop waiting
ANSWER_S = 0.1  # by then the order itself has been answered

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class CommandsReceiver:
    """The module as the server serves it."""

    judge: Judge
    charger: Charger
    results: Results
    now_s: Callable[[], float]
    identifier: str = "commands"
    role: Role = Role.RECEIVER
    versions: frozenset[Version] = frozenset(Version)
    _pending: dict[tuple[str, str, bytes], asyncio.Task[None]] = field(default_factory=dict)

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """Judge a command, begin it and say so.

        Raises:
            Refused: it cannot be understood, or is not of this location.
        """
        if asked.method != "POST":
            raise not_allowed(asked, "POST")
        verb = asked.segments[0].upper() if len(asked.segments) == 1 else ""
        by = by_of(asked)
        try:
            accepted, url = self._judged(verb, by, asked)
        except No as no:
            return self._refused(no, verb, by)
        except reading.Unreadable as error:
            self.charger.note(by, verb.lower(), "", str(error), "refused")
            data = _response("REJECTED", 0, "unreadable")
            raise Refused(f"{verb}: {error}", status_code=INVALID, data=data) from error
        self._begin(verb, by, asked, accepted, url)
        return Reply(data=_response("ACCEPTED", accepted.timeout_s))

    async def close(self) -> None:
        """Leave what is not finished; its platform waits for the time-out and asks again."""
        tasks = list(self._pending.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _judged(self, verb: str, by: By, asked: Asked) -> tuple[Accepted, str]:
        body = reading.fields_of(asked.body)
        accepted, url = self.judge.order(verb, by, body), reading.url(body, "response_url")
        if not self.results.reaches(by.platform, url):
            raise No("address", status_code=INVALID)
        mine = sum(1 for key in self._pending if key[:2] == (by.platform, verb))
        if mine >= MOST_PENDING and _key(verb, by, asked) not in self._pending:
            raise No("busy")
        return accepted, url

    def _refused(self, no: No, verb: str, by: By) -> Reply:
        self.charger.note(by, verb.lower(), "", plain(no.why), "refused")
        return Reply(
            data=_response(no.result, 0, no.why),
            status_code=no.status_code,
            message=None if no.status_code == 1000 else plain(no.why),
        )

    def _begin(self, verb: str, by: By, asked: Asked, accepted: Accepted, url: str) -> None:
        """Carry it out beside; the same order sent twice is carried out and answered once.

        Its whole body says which one it is: a response_url need not be unique.
        """
        key = _key(verb, by, asked)
        if key in self._pending:
            return
        task = asyncio.create_task(
            self._carry_out(verb, by, asked, accepted, url), name=f"ocpi {verb.lower()}"
        )
        self._pending[key] = task
        task.add_done_callback(lambda _: self._pending.pop(key, None))

    async def _carry_out(
        self, verb: str, by: By, asked: Asked, accepted: Accepted, url: str
    ) -> None:
        begun_s = self.now_s()
        within_s = accepted.timeout_s - self.judge.limits.post_s
        try:
            async with asyncio.timeout(within_s + self.judge.limits.post_s / 2):
                outcome = await accepted.do(within_s)
        except TimeoutError:
            outcome = Outcome(result="TIMEOUT", why="late")
        except Exception:
            log.exception("command_failed", command=verb, platform=by.platform)
            outcome = Outcome(result="FAILED", why="failed")
        self.charger.note(
            by, verb.lower(), accepted.connector, accepted.detail, outcome.result.lower()
        )
        # The answer to the request itself should be there first.
        await asyncio.sleep(max(begun_s + ANSWER_S - self.now_s(), 0.0))
        await self.results.post(asked, url, result_of(outcome), begun_s + accepted.timeout_s)


def by_of(asked: Asked) -> By:
    """Who asks: the party in the routing headers if the platform speaks for it, else all of them.

    A party that it does not speak for owns nothing here.
    """
    caller, party = asked.caller, asked.from_party
    if party is None:
        return By(platform=caller.name, parties=caller.parties)
    own = frozenset((party,)) if caller.speaks_for(party) else frozenset[Party]()
    return By(platform=caller.name, parties=own)


def result_of(outcome: Outcome) -> dict[str, object]:
    """A CommandResult."""
    said: dict[str, object] = {"result": outcome.result}
    if outcome.why:
        said["message"] = display(outcome.why)
    return said


def _key(verb: str, by: By, asked: Asked) -> tuple[str, str, bytes]:
    body = msgspec.json.encode(asked.body, order="deterministic")
    return by.platform, verb, hashlib.sha256(body).digest()


def _response(result: str, timeout_s: int, why: str = "") -> dict[str, object]:
    """A CommandResponse."""
    said: dict[str, object] = {"result": result, "timeout": timeout_s}
    if why:
        said["message"] = display(why)
    return said
