"""One registered platform as the rest of the uplink calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from laddvakt_agent.uplink.client import Answer
    from laddvakt_agent.uplink.serving import Party, Role
    from laddvakt_agent.uplink.version import Version


class Outward(Protocol):
    """Where a platform listens, and a way to ask it."""

    @property
    def name(self) -> str:
        """Of the platform in our configuration."""
        ...

    @property
    def version(self) -> Version:
        """The one agreed on."""
        ...

    @property
    def own(self) -> Party:
        """The party that we are for it."""
        ...

    def endpoint(self, identifier: str, role: Role) -> str | None:
        """The URL of one of its modules; `None`: it has none, or none was configured."""
        ...

    async def send(
        self,
        method: str,
        url: str,
        body: object = None,
        *,
        correlation_id: str | None = None,
        to: Party | None = None,
    ) -> Answer:
        """One request with our token and the headers that belong to the module.

        `to`: the party behind the platform, instead of the configured one.

        Raises:
            UplinkError: any other outcome than success; the subclass says what to do.
        """
        ...
