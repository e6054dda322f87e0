"""What a platform offers: its versions, and the endpoints of the one we agree on.

Source: version_information_endpoint, credentials.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import structlog

from laddvakt_agent.uplink.errors import Unanswered, Unauthorised, Unreachable, UplinkError
from laddvakt_agent.uplink.parties.agreement import Endpoint
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.serving import Role
from laddvakt_agent.uplink.structs import Invalid, decode
from laddvakt_agent.uplink.structs.registration import Endpoint as OfferedEndpoint
from laddvakt_agent.uplink.structs.registration import OfferedVersion
from laddvakt_agent.uplink.version import Version
from laddvakt_agent.uplink.wire import Wire, authorization

UNUSABLE, NO_VERSION, NO_ENDPOINTS = 3001, 3002, 3003  # status_codes, Server errors
OTHER_VERSION = (
    "ask the operator of the platform for one of these versions, and look at version in [[uplink]]"
)
_MOST = 100  # versions, or endpoints: a list longer than this is none

log = structlog.get_logger()


class NotAgreed(Exception):
    """Nothing can be agreed on; the message says why, `remedy` what a person can do."""

    def __init__(
        self, message: str, *, status_code: int, remedy: str, told: str | None = None
    ) -> None:
        """`told`: what they are told instead of the message."""
        super().__init__(message)
        self.told = message if told is None else told
        self.status_code = status_code  # OCPI, for the answer to whoever wanted to register
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What was found."""

    version: Version
    endpoints: tuple[Endpoint, ...]

    @property
    def credentials(self) -> str:
        """Where to register.

        Raises:
            NotAgreed: nowhere.
        """
        for endpoint in self.endpoints:
            if endpoint.identifier.lower() == "credentials":  # its role does not matter
                return endpoint.url
        raise NotAgreed(
            f"your version {self.version.value} lists no credentials module",
            status_code=NO_ENDPOINTS,
            remedy="ask the operator of the platform where to register",
        )


@dataclass(frozen=True, slots=True)
class Visitor:
    """Asks one platform with one token, without the headers of functional modules."""

    wire: Wire
    token: str
    raw: bool

    async def get(self, url: str) -> object:
        """The data of an answer.

        Raises:
            UplinkError: any other outcome than success.
        """
        return await self.send("GET", url)

    async def send(self, method: str, url: str, body: object = None) -> object:
        """The same with any method.

        Raises:
            UplinkError: any other outcome than success.
        """
        shown = authorization(self.token, raw=self.raw)
        answer = await self.wire.send(method, url, body, authorization=shown)
        return answer.data


async def discover(
    visitor: Visitor, platform: Platform, versions_url: str, allowed: Iterable[Version]
) -> Offer:
    """The newest version that both sides speak, and its endpoints; those we need are there.

    Raises:
        NotAgreed: they cannot be asked, or do not offer what is needed.
    """
    try:
        offered = _versions(await visitor.get(versions_url))
    except UplinkError as error:
        raise _unusable("versions", error) from error
    mutual = [version for version in allowed if version in offered]
    if not mutual:
        ours = ", ".join(version.value for version in allowed)
        raise NotAgreed(
            f"your versions at {versions_url} do not include {ours}",
            status_code=NO_VERSION,
            remedy=OTHER_VERSION,
        )
    version = max(mutual, key=list(Version).index)
    try:
        endpoints = _endpoints(version, await visitor.get(offered[version]))
    except UplinkError as error:
        raise _unusable(f"details of {version.value}", error) from error
    missing = [
        f"{name} {role.value}"
        for name, role in platform.needed
        if not any(one.identifier.lower() == name and one.role is role for one in endpoints)
    ]
    if missing:
        raise NotAgreed(
            f"your version {version.value} lacks what is needed here: {', '.join(missing)}",
            status_code=NO_ENDPOINTS,
            remedy="ask the operator of the platform for these modules, or take them out of needs "
            "in [[uplink]]",
        )
    return Offer(version=version, endpoints=endpoints)


def _versions(data: object) -> dict[Version, str]:
    """The versions that are known here, with their addresses."""
    known = {version.value: version for version in Version}
    found: dict[Version, str] = {}
    for item in _items(data):
        try:
            offered = decode(Version.V2_3_0, OfferedVersion, item)
        except Invalid as error:
            log.warning("version_unreadable", reason=str(error))
            continue
        if offered.version in known:
            found.setdefault(known[offered.version], offered.url)
    return found


def _endpoints(version: Version, data: object) -> tuple[Endpoint, ...]:
    """What can be read of the endpoints; the rest is told."""
    details = data[0] if isinstance(data, list) and len(data) == 1 else data
    listed = details.get("endpoints") if isinstance(details, dict) else None
    found = []
    for item in _items(listed):
        try:
            offered = decode(version, OfferedEndpoint, item)
        except Invalid as error:
            log.warning("endpoint_unreadable", reason=str(error))
            continue
        role = Role(offered.role.upper())
        found.append(Endpoint(identifier=offered.identifier, role=role, url=offered.url))
    return tuple(found)


def _items(data: object) -> Iterator[object]:
    return iter(data[:_MOST]) if isinstance(data, list) else iter(())


def _unusable(what: str, error: UplinkError) -> NotAgreed:
    return NotAgreed(
        f"your {what} cannot be read: {error}",
        status_code=UNUSABLE,
        remedy=error.remedy,
        # Not what was answered: a URL of theirs may lead where they cannot look themselves.
        told=f"your {what} cannot be read: {_in_short(error)}",
    )


def _in_short(error: UplinkError) -> str:
    if isinstance(error, Unreachable):
        return "no connection"
    if isinstance(error, Unauthorised):
        return "your token was refused"
    if isinstance(error, Unanswered):
        return "there was no answer in an OCPI envelope"
    return "the answer was no success"
