"""What a served OCPI module is: it is asked, it replies. Knows nothing of HTTP libraries.

The server has already checked the token, the version, the routing headers and that a body is JSON;
a module judges the rest. Source: transport_and_format, Interface endpoints.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from laddvakt_agent.uplink.version import Version

# The modules that a platform's configuration may leave out.
_CHOSEN = frozenset(
    ("locations", "sessions", "cdrs", "tariffs", "tokens", "commands", "chargingprofiles")
)


class Role(enum.Enum):
    """Whose side of a module an endpoint is; OCPI InterfaceRole."""

    SENDER = "SENDER"
    RECEIVER = "RECEIVER"


class Missing(enum.Enum):
    """Not the same as null."""

    BODY = "no body"
    DATA = "no data"


@dataclass(frozen=True, slots=True)
class Party:
    """Country code and party id in capitals, so that parties compare as CiStrings do."""

    country_code: str
    party_id: str

    @classmethod
    def of(cls, country_code: str, party_id: str) -> Party:
        """The party, however it was written."""
        return cls(country_code.upper(), party_id.upper())


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as its token says."""

    name: str  # of the platform in our configuration
    version: Version  # by the URL that was called
    registered: bool  # False: it still shows the initial token, only versions and credentials
    parties: frozenset[Party] = frozenset()  # that it said it speaks for
    is_hub: bool = False  # it passes on what others ask, whom it need not have listed
    spoken_for: frozenset[Party] = frozenset()  # by other platforms: no hub speaks for these
    sees_faults: bool = False  # an agreement on the custom fault module stands
    modules: frozenset[str] | None = None  # exchanged with it; `None`: all there are
    versions: tuple[Version, ...] = tuple(Version)  # spoken with it, newest last
    own: Party  # the party that we are for this platform

    def speaks_for(self, party: Party) -> bool:
        """Whether this platform may act for a party.

        A hub of 2.2.1 must not list whom it routes for (credentials, Role HUB). So a hub may name
        whom it likes, but not us, nor who is registered through another platform.
        """
        if party in self.parties:
            return True
        return self.is_hub and party != self.own and party not in self.spoken_for

    def exchanges(self, identifier: str) -> bool:
        """Whether a standard module is among those it may use; custom ones have their own rule."""
        if self.modules is None or identifier not in _CHOSEN:
            return True
        return identifier in self.modules


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request to a module."""

    caller: Caller
    method: str  # GET, PUT, …, in capitals
    segments: tuple[str, ...] = ()  # of the path after the module's endpoint, unquoted
    query: Mapping[str, str] = field(default_factory=dict)
    body: object = Missing.BODY  # parsed JSON
    url: str  # of the module's endpoint as the caller sees it, without a slash at its end
    from_party: Party | None = None  # routing headers, where they were given
    to_party: Party | None = None
    request_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What goes into status line, headers and envelope."""

    data: object = Missing.DATA  # anything msgspec encodes; Decimals become JSON numbers
    http_status: int = 200
    status_code: int = 1000  # OCPI
    message: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refused(Exception):
    """A request that gets an error in its envelope; `str()` is the message for the caller."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int = 2001,
        http_status: int = 200,
        data: object = Missing.DATA,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status_code, self.http_status, self.data = status_code, http_status, data
        self.headers: Mapping[str, str] = {} if headers is None else headers


def not_allowed(asked: Asked, *allowed: str) -> Refused:
    """What to raise for a method that a module does not have there; `allowed`: those it has."""
    return Refused(
        f"{asked.method} is not possible here; {', '.join(allowed)} is",
        status_code=2000,
        http_status=405,
        headers={"Allow": ", ".join(allowed)},
    )


class Module(Protocol):
    """One module of our platform."""

    @property
    def identifier(self) -> str:
        """OCPI ModuleID; also the last segment of its endpoint."""
        ...

    @property
    def role(self) -> Role:
        """Ours."""
        ...

    @property
    def versions(self) -> frozenset[Version]:
        """In which versions it is offered."""
        ...

    def offered_to(self, caller: Caller) -> bool:
        """Whether this caller's version details list it; else it is not there for them (404)."""
        ...

    async def answer(self, asked: Asked) -> Reply:
        """Do what was asked.

        Raises:
            Refused: it cannot be done, or must not be.
        """
        ...


class Authority(Protocol):
    """Knows whose token a token is."""

    def caller(self, shown: str, version: Version) -> Caller | None:
        """Who shows this token; `None`: nobody's. Compares in constant time.

        `shown`: what stands after `Token ` in the Authorization header, as it was written: some
        platforms do not encode theirs, and only the authority knows which.
        """
        ...
