"""The desk where people register, rotate and unregister; an `UplinkDesk`."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

from laddvakt_agent.uplink.errors import UplinkError
from laddvakt_agent.uplink.parties.agreement import Agreement
from laddvakt_agent.uplink.parties.book import PartyBook, UnderWay
from laddvakt_agent.uplink.parties.desk import DeskError, Overview
from laddvakt_agent.uplink.parties.discovery import NotAgreed
from laddvakt_agent.uplink.parties.folder import NotKept
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.parties.registrar import Registrar
from laddvakt_agent.uplink.parties.tokens import usable

T = TypeVar("T")

FOUND = "wait a moment; if it stays, look at versions_url, and at: journalctl -u laddvakt"
AGAIN = "; it is tried again by itself"  # of what goes on by itself, as nobody's order does


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trouble:
    """Why the last thing did not work."""

    reason: str = ""
    remedy: str = ""


class Desk:
    """Takes what people ask for to the registrar, and says how things stand."""

    def __init__(self, book: PartyBook, registrar: Registrar | None) -> None:
        """`registrar`: `None` where nobody can call us, so nothing can be registered."""
        self._book, self._registrar = book, registrar
        self._trouble: dict[str, _Trouble] = {}

    async def register(
        self, name: str, url: str | None = None, token: str | None = None
    ) -> Overview:
        """Register with a platform of the configuration: see `UplinkDesk`.

        Raises:
            DeskError: it did not work.
        """
        platform, registrar = self._registering(name)
        versions_url, initial = url or platform.versions_url, token or platform.token
        if self._book.agreement(name) is not None:
            raise DeskError(
                f"{name} is registered already",
                remedy=f"new tokens: laddvakt uplink rotate --name {name}; begin anew: "
                f"laddvakt uplink unregister --name {name} first",
            )
        if versions_url is None:
            raise DeskError(
                f"nobody knows the address of {name}'s versions",
                remedy="give it with --url, or as versions_url in [[uplink]]",
            )
        if not usable(initial) or initial is None:
            raise DeskError(
                f"there is no usable initial token of {name}",
                remedy="give its operator's with --token-file, or as token_file in [[uplink]]: "
                "1 to 64 printable ASCII characters without blanks",
            )
        await self._tried(name, registrar.register(platform, versions_url, initial))
        return self._of(platform)

    async def rotate(self, name: str) -> Overview:
        """Exchange both tokens: see `UplinkDesk`.

        Raises:
            DeskError: it did not work; the old ones stay good.
        """
        platform, registrar = self._registering(name)
        await self._tried(name, registrar.rotate(platform, self._agreement(name)))
        return self._of(platform)

    async def unregister(self, name: str) -> Overview:
        """End the agreement: see `UplinkDesk`.

        Raises:
            DeskError: unknown or not registered.
        """
        platform, registrar = self._registering(name)
        ended = registrar.unregister(platform, self._agreement(name))
        trouble = await self._tried(name, ended)
        if trouble is not None:
            self._trouble[name] = _Trouble(
                reason=f"ended here, but they could not be told: {trouble}",
                remedy="tell the operator of the platform",
            )
        return self._of(platform)

    def overview(self) -> tuple[Overview, ...]:
        """Every platform of the configuration, in its order."""
        return tuple(self._of(platform) for platform in self._book.platforms.values())

    def noticed(self, name: str, reason: str, remedy: str) -> None:
        """Why nothing can be agreed on now; without a reason: it can."""
        if reason:
            self._trouble[name] = _Trouble(reason=reason, remedy=remedy)
        else:
            self._trouble.pop(name, None)

    def _registering(self, name: str) -> tuple[Platform, Registrar]:
        platform = self._book.platforms.get(name)
        if platform is None:
            known = ", ".join(self._book.platforms) or "none"
            raise DeskError(
                f"no platform is called '{name}'; there are: {known}",
                remedy="give one of these names, or add [[uplink]] to the configuration",
            )
        if not platform.registers or self._registrar is None:
            raise DeskError(
                f"{name} is told in device mode: there is nothing to register",
                remedy='set mode = "platform" in its [[uplink]], and [server], if it shall call us',
            )
        return platform, self._registrar

    def _agreement(self, name: str) -> Agreement:
        agreement = self._book.agreement(name)
        if agreement is None:
            raise DeskError(
                f"{name} is not registered", remedy=f"laddvakt uplink register --name {name}"
            )
        return agreement

    async def _tried(self, name: str, work: Awaitable[T]) -> T:
        try:
            done = await work
        except (UplinkError, NotAgreed) as error:
            # What is said to the platform itself as "your …" is theirs for people here.
            reason = str(error).replace("your ", "its ", 1)
            remedy = error.remedy.replace(AGAIN, "")
            self._trouble[name] = _Trouble(reason=reason, remedy=remedy)
            raise DeskError(f"{name}: {reason}", remedy=remedy) from error
        except (NotKept, UnderWay) as error:
            raise DeskError(f"{name}: {error}", remedy="then do it once more") from error
        self._trouble.pop(name, None)
        return done

    def _of(self, platform: Platform) -> Overview:
        agreement = self._book.agreement(platform.name)
        trouble = self._trouble.get(platform.name)
        if trouble is None:
            trouble = _Trouble() if agreement is not None else self._not_agreed(platform)
        shown = Overview(
            name=platform.name,
            mode="platform" if platform.registers else "device",
            registered=agreement is not None,
            versions_url=platform.versions_url,
            trouble=trouble.reason,
            remedy=trouble.remedy,
        )
        return shown if agreement is None else _agreed(shown, agreement)

    def _not_agreed(self, platform: Platform) -> _Trouble:
        """What is to be done before it can be told anything."""
        name, token = platform.name, platform.token
        if not platform.registers:
            return _Trouble(reason="its addresses have not been found yet", remedy=FOUND)
        if token is None or self._book.record(name).has_spent(token):
            return _Trouble(
                reason="not registered, and there is no initial token that is still good",
                remedy="get a new one from its operator: laddvakt uplink register --name "
                f"{name} --token-file FILE; or, for it to register, as token_file in [[uplink]]",
            )
        return _Trouble(
            reason="not registered yet",
            remedy=f"laddvakt uplink register --name {name}, or let its operator do it",
        )


def _agreed(shown: Overview, agreement: Agreement) -> Overview:
    return replace(
        shown,
        version=agreement.version,
        versions_url=agreement.versions_url or None,
        parties=tuple(f"{one.country_code} {one.party_id}" for one in agreement.members),
        roles=tuple(one.role for one in agreement.members),
        modules=tuple(f"{one.identifier} {one.role.value}" for one in agreement.endpoints),
        since=agreement.since,
        renewed=agreement.renewed,
        confirmed=agreement.accepted_next is None,
    )
