"""A platform that gives orders to a station whose guards step by themselves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.driven_kit import SPEED, Driven, FastTime, driven
from conformance.emsp import Received
from conformance.kit import Heard, Platform, running
from laddvakt_agent.ceilings import SessionCeilings
from laddvakt_agent.guard import Guard
from laddvakt_agent.remote import Remote
from laddvakt_agent.remote_ceilings import RemoteCeilings
from laddvakt_agent.uplink.receivers.commands import CommandsReceiver
from laddvakt_agent.uplink.receivers.judging import Limits
from laddvakt_agent.uplink.receivers.profiles import ProfilesReceiver

REAL_S = 20.0  # of real time that an order may take: a busy machine is no reason to fail
TOKEN = {
    "country_code": "NL",
    "party_id": "TNM",
    "uid": "APP-1",
    "type": "APP_USER",
    "contract_id": "NL-TNM-C1",
    "issuer": "TNM",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2027-01-31T09:00:00Z",
}


@dataclass(slots=True, repr=False)
class Orders:
    """What a test of orders turns and asks."""

    platform: Platform
    drive: Driven
    version: str = "2.2.1"
    sent: int = 0

    @property
    def receiver(self) -> CommandsReceiver:
        return next(m for m in self.platform.modules if isinstance(m, CommandsReceiver))

    @property
    def profiles(self) -> ProfilesReceiver:
        return next(m for m in self.platform.modules if isinstance(m, ProfilesReceiver))

    @property
    def ceilings(self) -> SessionCeilings:
        ceilings = self.profiles.ceilings
        assert isinstance(ceilings, RemoteCeilings)
        return ceilings.ceilings

    async def restore(self) -> None:
        """What the part's own task does when it starts."""
        await self.remote.reservations.restore()
        await self.ceilings.restore()

    @property
    def remote(self) -> Remote:
        remote = self.receiver.charger
        assert isinstance(remote, Remote)
        return remote

    @property
    def guard(self) -> Guard:
        return self.drive.guard()

    def session_id(self) -> str:
        running_session = self.guard.keeper.running
        assert running_session is not None
        return running_session.session.id

    async def order(self, verb: str, body: Mapping[str, object], **more: object) -> Heard:
        """One command; its result will come to /cb/<number>."""
        self.sent += 1
        url = {"response_url": self.platform.emsp.url(f"cb/{self.sent}")}
        whole = {name: value for name, value in {**url, **body, **more}.items() if value != ""}
        return await self.platform.ask("POST", f"{self.version}/commands/{verb}", whole)

    async def start(self, **more: object) -> Heard:
        """START_SESSION at EVSE 1."""
        body = {"token": TOKEN, "location_id": "DEMO1", "evse_uid": "DEMO1-1"}
        return await self.order("START_SESSION", body, **more)

    async def reserve(self, **more: object) -> Heard:
        """RESERVE_NOW of EVSE 1, for a quarter of an hour."""
        body = {
            "token": TOKEN,
            "location_id": "DEMO1",
            "evse_uid": "DEMO1-1",
            "reservation_id": "R-1",
            "expiry_date": "2027-01-31T10:15:00Z",
        }
        return await self.order("RESERVE_NOW", body, **more)

    def results(self, number: int | None = None) -> list[Received]:
        """What came to the response_url of the newest order, or of another."""
        return self.platform.emsp.of("POST", f"/cb/{self.sent if number is None else number}")

    async def result(self, number: int | None = None) -> Mapping[str, object]:
        """The result, once it is there."""
        wanted = self.sent if number is None else number
        await self.drive.until(lambda: self.results(wanted))
        (got,) = self.results(wanted)
        assert isinstance(got.body, dict)
        return got.body

    async def profile(
        self, method: str, session_id: str, profile: Mapping[str, object] | None = None
    ) -> Heard:
        """PUT, GET or DELETE of a session's profile."""
        self.sent += 1
        url = self.platform.emsp.url(f"cb/{self.sent}")
        path = f"{self.version}/chargingprofiles/{session_id}"
        if method == "PUT":
            body = {"charging_profile": profile, "response_url": url}
            return await self.platform.ask("PUT", path, body)
        params = {"response_url": url} | ({"duration": "900"} if method == "GET" else {})
        return await self.platform.ask(method, path, params=params)

    async def charging(self) -> str:
        """A session of ours that runs; its id."""
        self.drive.plug()
        heard = await self.start()
        assert heard.item["result"] == "ACCEPTED", heard.envelope
        assert (await self.result())["result"] == "ACCEPTED"
        return self.session_id()


@asynccontextmanager
async def orders(
    directory: Path,
    patch: Callable[[str, object], None],
    change: Callable[[str], str] = lambda text: text,
    speed: float = SPEED,
) -> AsyncIterator[Orders]:
    """Everything up; nothing is plugged in."""
    time = FastTime(speed)
    async with (
        running(directory, source=time, change=change) as platform,
        driven(platform.bench, time, patch) as drive,
    ):
        made = Orders(platform, drive)
        patient = Limits(start_s=int(speed * REAL_S), other_s=int(speed * REAL_S))
        made.receiver.judge = replace(made.receiver.judge, limits=patient)
        made.profiles.timeout_s = patient.other_s
        await made.restore()
        yield made
