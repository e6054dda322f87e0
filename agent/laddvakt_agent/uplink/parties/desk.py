"""What people may do with the platforms: see, register, rotate, unregister."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from laddvakt_agent.uplink.version import Version


class DeskError(Exception):
    """It could not be done; the message says why, `remedy` what a person can do."""

    def __init__(self, message: str, *, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """One platform for people; no token is in it."""

    name: str
    mode: str  # device or platform
    registered: bool  # something is agreed on, or its addresses are configured
    version: Version | None = None
    versions_url: str | None = None  # theirs
    parties: tuple[str, ...] = ()  # like "SE EMS"
    roles: tuple[str, ...] = ()  # OCPI Role of each party, in the same order
    modules: tuple[str, ...] = ()  # theirs, like "locations RECEIVER"
    since: datetime | None = None
    renewed: datetime | None = None  # the last time the tokens changed
    confirmed: bool = True  # False: they have not shown our newest token yet
    trouble: str = ""  # why nothing is agreed on, as last seen
    remedy: str = ""


class UplinkDesk(Protocol):
    """For the local API and the command line; in the agent's loop."""

    async def register(
        self, name: str, url: str | None = None, token: str | None = None
    ) -> Overview:
        """Register with a platform of the configuration.

        `url`: of its versions, instead of the configured one; `token`: the initial one from its
        operator, instead of the configured one.

        Raises:
            DeskError: unknown, in device mode, registered already, or it did not work.
        """
        ...

    async def rotate(self, name: str) -> Overview:
        """Exchange both tokens, and what has changed at their side with them.

        Raises:
            DeskError: unknown, not registered, or it did not work: the old tokens stay good.
        """
        ...

    async def unregister(self, name: str) -> Overview:
        """End the agreement; here it ends even when they cannot be told: see `trouble`.

        Raises:
            DeskError: unknown or not registered.
        """
        ...

    def overview(self) -> tuple[Overview, ...]:
        """Every platform of the configuration, in its order."""
        ...
