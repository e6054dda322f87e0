"""What the local API may ask the agent, and the ways it can say no; knows nothing of the web."""

from __future__ import annotations

from typing import Protocol, TypeAlias

JsonObject: TypeAlias = dict[str, object]


class NotPossible(Exception):
    """What was asked does not apply now; says why and what to do instead."""

    def __init__(self, error: str, remedy: str) -> None:
        super().__init__(error)
        self.error, self.remedy = error, remedy


class Forbidden(NotPossible):
    """The caller may not ask this."""


class Answers(Protocol):
    """What the supervisor can be asked."""

    def status(self) -> JsonObject:
        """Everything about the station now."""
        ...

    def faults(self) -> list[JsonObject]:
        """Standing faults and the latest cleared ones."""
        ...

    def explain(self) -> list[JsonObject]:
        """Why each connector does or does not charge, and why with this current."""
        ...

    async def order(
        self, connector: str, verb: str, body: dict[str, str], *, uid: int, privileged: bool
    ) -> str:
        """Do something with a connector; a sentence about what was done.

        A start may take as long as a platform is asked for its token.
        """
        ...

    async def written(self) -> None:
        """Wait until what a command changed is on the disk, but not for a disk that hangs."""
        ...
