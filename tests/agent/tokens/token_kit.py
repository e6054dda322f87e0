"""Platforms that answer by the book, and the tokens they speak of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from laddvakt_agent.uplink.client import Answer
from laddvakt_agent.uplink.errors import Missing, Rejected, Unanswered, UplinkError
from laddvakt_agent.uplink.serving import Party, Role
from laddvakt_agent.uplink.version import Version

Content: TypeAlias = dict[str, object]


def token(uid: str = "04A1B2C3", **changed: object) -> Content:
    """A Token object; `None` leaves a field out."""
    content: Content = {
        "country_code": "SE",
        "party_id": "TNM",
        "uid": uid,
        "type": "RFID",
        "contract_id": f"SE-TNM-{uid}",
        "issuer": "TheMobilityCompany",
        "valid": True,
        "whitelist": "ALLOWED",
        "last_updated": "2027-01-31T10:00:00Z",
    }
    return {name: value for name, value in {**content, **changed}.items() if value is not None}


def info(allowed: str = "ALLOWED", uid: str = "04A1B2C3", **more: object) -> Content:
    """An AuthorizationInfo object."""
    return {"allowed": allowed, "token": token(uid), **more}


def unknown() -> UplinkError:
    return Missing("HTTP 404, OCPI 2004", status_code=2004)


def needs_more() -> UplinkError:
    return Rejected("OCPI 2002", status_code=2002)


def silent() -> UplinkError:
    return Unanswered("no answer within 10 s")


Reply: TypeAlias = "Content | list[Content] | UplinkError | None"


@dataclass
class Platform:
    """One `Outward`; `replies` in their order, the last one again and again."""

    name: str = "backend"
    replies: list[Reply] = field(default_factory=list)
    delay_s: float = 0.0
    serves_tokens: bool = True
    asked: list[tuple[str, str, object, Party | None]] = field(default_factory=list)
    version: Version = Version.V2_2_1
    own: Party = field(default_factory=lambda: Party.of("SE", "LAD"))

    def endpoint(self, identifier: str, role: Role) -> str | None:
        here = self.serves_tokens and (identifier, role) == ("tokens", Role.SENDER)
        return f"https://{self.name}.example/ocpi/tokens/" if here else None

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        del correlation_id
        self.asked.append((method, url, body, to))
        await asyncio.sleep(self.delay_s)
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, UplinkError):
            raise reply
        return Answer(data=reply, location_url=None)


@dataclass
class Lists:
    """`uplink.pull.pulled` with lists laid out beforehand."""

    objects: list[object] = field(default_factory=list)
    error: UplinkError | None = None
    calls: list[datetime | None] = field(default_factory=list)
    between: Callable[[], None] = lambda: None

    async def pulled(
        self, out: object, url: str, *, date_from: datetime | None = None
    ) -> AsyncIterator[object]:
        del out, url
        self.calls.append(date_from)
        for one in tuple(self.objects):
            yield one
        self.between()
        if self.error is not None:
            raise self.error
