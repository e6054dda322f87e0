"""The ChargingProfiles Receiver: ceilings for running sessions. mod_charging_profiles.

Each accepted request gets one bare result at its `response_url` before the time-out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from laddvakt_agent.core.ceiling import Profile, Step, Unit, told
from laddvakt_agent.uplink.receivers import reading
from laddvakt_agent.uplink.receivers.commands import ANSWER_S, MOST_PENDING, by_of
from laddvakt_agent.uplink.receivers.judging import INVALID
from laddvakt_agent.uplink.receivers.orders import By, SessionAt, SetProfile
from laddvakt_agent.uplink.receivers.results import Results
from laddvakt_agent.uplink.serving import Asked, Caller, Refused, Reply, Role, not_allowed
from laddvakt_agent.uplink.version import Version

MOST_PERIODS = 500
TIMEOUT_S = 30
POST_S = 10.0  # of the time-out, for the way back
BURST = 10  # requests about one session at once …
REFILL_S = 6.0  # … and one more after so long
GET_MAX_S = 86_400  # a plan for longer than a day says nothing

log = structlog.get_logger()

_Do = Callable[[], Awaitable[dict[str, object]]]


class Ceilings(Protocol):
    """The charger as far as profiles are concerned."""

    def session(self, session_id: str) -> SessionAt | None:
        """A session by its id, `None` if it is not known."""
        ...

    async def put(self, order: SetProfile) -> str:
        """Let a profile hold; a ChargingProfileResultType."""
        ...

    async def delete(self, by: By, session_id: str) -> str:
        """Let it hold no longer; `UNKNOWN` where there is none."""
        ...

    def active(self, session_id: str, duration_s: float) -> dict[str, object] | None:
        """The ActiveChargingProfile; `None`: the session has ended."""
        ...

    def note(self, by: By, verb: str, connector: str, detail: str, outcome: str) -> None:
        """Write down what was ordered and what came of it."""
        ...


class _No(Exception):
    """A request that is answered at once, with this ChargingProfileResponseType."""


@dataclass(slots=True, kw_only=True)
class ProfilesReceiver:
    """The module as the server serves it."""

    ceilings: Ceilings
    results: Results
    now_s: Callable[[], float]
    timeout_s: int = TIMEOUT_S
    identifier: str = "chargingprofiles"
    role: Role = Role.RECEIVER
    versions: frozenset[Version] = frozenset(Version)
    _spent: dict[tuple[str, str], float] = field(default_factory=dict)  # how full each bucket is
    _pending: dict[asyncio.Task[None], str] = field(default_factory=dict)  # for which platform

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """GET, PUT or DELETE of the profile of one session.

        Raises:
            Refused: it cannot be understood.
        """
        if asked.method not in ("GET", "PUT", "DELETE"):
            raise not_allowed(asked, "GET", "PUT", "DELETE")
        if len(asked.segments) != 1:
            raise Refused("name one session: …/chargingprofiles/{session_id}", http_status=404)
        by = by_of(asked)
        try:
            fields = asked.query if asked.method != "PUT" else reading.fields_of(asked.body)
            url = self._url(by, fields)
            session = self._session(by, asked.segments[0])
            do = self._to_do(asked, by, session, fields)
            self._spend(by.platform, session.id)
        except _No as no:
            self._note(by, asked, "", str(no).lower())
            return Reply(data={"result": str(no), "timeout": 0})
        except reading.Unreadable as error:
            data = {"result": "REJECTED", "timeout": 0}
            raise Refused(str(error), status_code=INVALID, data=data) from error
        task = asyncio.create_task(self._carry_out(by, asked, session, do, url), name="profile")
        self._pending[task] = by.platform
        task.add_done_callback(lambda done: self._pending.pop(done, None))
        return Reply(data={"result": "ACCEPTED", "timeout": self.timeout_s})

    async def close(self) -> None:
        """Leave what is not finished."""
        tasks = tuple(self._pending)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _url(self, by: By, fields: Mapping[str, object]) -> str:
        url = reading.url(fields, "response_url")
        if not self.results.reaches(by.platform, url):
            raise reading.Unreadable("response_url: must be where your own endpoints are")
        return url

    def _session(self, by: By, session_id: str) -> SessionAt:
        session = self.ceilings.session(session_id)
        if session is None:
            raise _No("UNKNOWN_SESSION")
        mine = sum(1 for platform in self._pending.values() if platform == by.platform)
        if not session.running or not by.owns(session.token) or mine >= MOST_PENDING:
            raise _No("REJECTED")
        return session

    def _to_do(self, asked: Asked, by: By, session: SessionAt, fields: Mapping[str, object]) -> _Do:
        match asked.method:
            case "PUT":
                order = profile_of(fields.get("charging_profile"), by, session.id)
                return lambda: self._put(order)
            case "DELETE":
                return lambda: self._delete(by, session.id)
            case _:
                duration_s = _duration(asked.query.get("duration"))
                return lambda: self._get(session.id, duration_s)

    async def _put(self, order: SetProfile) -> dict[str, object]:
        return {"result": await self.ceilings.put(order)}

    async def _delete(self, by: By, session_id: str) -> dict[str, object]:
        return {"result": await self.ceilings.delete(by, session_id)}

    async def _get(self, session_id: str, duration_s: float) -> dict[str, object]:
        active = self.ceilings.active(session_id, duration_s)
        if active is None:
            return {"result": "REJECTED"}
        return {"result": "ACCEPTED", "profile": active}

    def _spend(self, platform: str, session_id: str) -> None:
        """A bucket per session that empties with time.

        Raises:
            _No: it is full.
        """
        now_s, key = self.now_s(), (platform, session_id)
        # What is kept is the time at which the bucket will be empty again.
        self._spent = {k: empty_s for k, empty_s in self._spent.items() if empty_s > now_s}
        empty_s = self._spent.get(key, now_s) + REFILL_S
        if empty_s > now_s + BURST * REFILL_S:
            raise _No("TOO_OFTEN")
        self._spent[key] = empty_s

    async def _carry_out(self, by: By, asked: Asked, session: SessionAt, do: _Do, url: str) -> None:
        due_s = self.now_s() + self.timeout_s
        try:
            async with asyncio.timeout(self.timeout_s - POST_S):
                said = await do()
        except Exception:
            log.exception("profile_failed", platform=by.platform, session=session.id)
            said = {"result": "REJECTED"}
        self._note(by, asked, session.connector, str(said["result"]).lower())
        await asyncio.sleep(ANSWER_S)  # the request itself has been answered by then
        await self.results.post(asked, url, said, due_s)

    def _note(self, by: By, asked: Asked, connector: str, outcome: str) -> None:
        if asked.method != "GET":  # who only looks changes nothing
            verb = "profile" if asked.method == "PUT" else "no_profile"
            self.ceilings.note(by, verb, connector, f"session {asked.segments[0]}", outcome)


def profile_of(value: object, by: By, session_id: str) -> SetProfile:
    """A ChargingProfile as the core understands it.

    Raises:
        Unreadable: a field is missing or wrong.
    """
    if not isinstance(value, Mapping):
        raise reading.Unreadable("charging_profile: required, a ChargingProfile object")
    unit = value.get("charging_rate_unit")
    if unit not in ("W", "A"):
        raise reading.Unreadable("charging_profile.charging_rate_unit: W or A")
    absolute = value.get("start_date_time") is not None
    least = value.get("min_charging_rate")
    try:
        profile = Profile(
            unit=Unit(unit),
            steps=_steps(value.get("charging_profile_period")),
            duration_s=None if value.get("duration") is None else reading.whole(value, "duration"),
            least=None if least is None else reading.number(value, "min_charging_rate"),
        )
        starts_at = reading.date_time(value, "start_date_time") if absolute else None
    except reading.Unreadable as error:
        raise reading.Unreadable(f"charging_profile.{error}") from error
    return SetProfile(by=by, session_id=session_id, profile=profile, starts_at=starts_at)


def _steps(value: object) -> tuple[Step, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MOST_PERIODS:
        raise reading.Unreadable(f"charging_profile_period: a list of at most {MOST_PERIODS}")
    steps: list[Step] = []
    for place, part in enumerate(value):
        try:
            step = _step(reading.fields_of(part))
        except reading.Unreadable as error:
            raise reading.Unreadable(f"charging_profile_period[{place}].{error}") from error
        if steps and step.start_s <= steps[-1].start_s:
            raise reading.Unreadable(
                f"charging_profile_period[{place}].start_period: later than the one before"
            )
        steps.append(step)
    return tuple(steps)


def _step(fields: Mapping[str, object]) -> Step:
    limit = reading.number(fields, "limit")
    if not 0.0 <= limit < 1e6:
        raise reading.Unreadable("limit: 0 or more; this charger takes no energy back")
    return Step(start_s=float(reading.whole(fields, "start_period")), limit=told(limit))


def _duration(text: str | None) -> float:
    if text is None or not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise reading.Unreadable("duration: required, whole seconds")
    return min(float(text), GET_MAX_S)
