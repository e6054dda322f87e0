"""What is asked of a connector beside charging: by its backend, or by people at it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """A technician begins to work at a connector (`on`), or is done: an open door is no fault."""

    connector: str
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlock:
    """Somebody asks for the plug."""

    connector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserve:
    """The backend reserves a connector for somebody (`on`), or no longer does."""

    connector: str
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class WantPhases:
    """Charging shall use 1 or 3 phases; None: all that are wired."""

    connector: str
    phases: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A charging profile's limit of now, ampere per phase; None: there is none any more."""

    connector: str
    limit_a: float | None = None
