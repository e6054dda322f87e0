"""The credentials module: others register with us, renew their agreement, and end it.

Source: credentials. While a POST or PUT is open we ask the caller's versions with its new token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

import structlog

from laddvakt_agent.uplink.parties.agreement import Agreement, Record
from laddvakt_agent.uplink.parties.book import PartyBook, UnderWay
from laddvakt_agent.uplink.parties.claims import REMEDY, clashing, others, without
from laddvakt_agent.uplink.parties.discovery import (
    NO_VERSION,
    OTHER_VERSION,
    UNUSABLE,
    NotAgreed,
    Offer,
    Visitor,
    discover,
)
from laddvakt_agent.uplink.parties.folder import NotKept
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.parties.terms import Self, agreed, members_of, read
from laddvakt_agent.uplink.parties.tokens import new_token
from laddvakt_agent.uplink.serving import Asked, Caller, Missing, Refused, Reply, Role
from laddvakt_agent.uplink.structs import Invalid
from laddvakt_agent.uplink.structs.registration import Credentials
from laddvakt_agent.uplink.version import Version
from laddvakt_agent.uplink.wire import Wire

# Both requests to the caller together; the shortest usual time limit of a client is 5 s.
ASK_BACK_S = 4.0
_BUSY = 3000
NOT_YOURS = 2001

log = structlog.get_logger()


class CredentialsModule:
    """A `Module`."""

    identifier = "credentials"
    role = Role.SENDER
    versions = frozenset(Version)

    def __init__(
        self,
        book: PartyBook,
        ourselves: Callable[[], Self],
        wire: Callable[[Platform], Wire],
        wall: Callable[[], datetime],
    ) -> None:
        """`wire`: a new one to a platform, which is closed here."""
        self._book, self._ourselves, self._wire, self._wall = book, ourselves, wire, wall

    def offered_to(self, caller: Caller) -> bool:
        """Everybody may register."""
        del caller
        return True

    async def answer(self, asked: Asked) -> Reply:
        """GET, POST, PUT or DELETE.

        Raises:
            Refused: it cannot be done, or must not be.
        """
        if asked.segments:
            raise Refused("credentials have no parts", status_code=2000, http_status=404)
        match asked.method:
            case "GET":
                return Reply(data=self._ours(asked, self._newest(asked)))
            case "POST" | "PUT":
                return await self._agree(asked)
            case "DELETE":
                return await self._end(asked)
            case _:
                raise _not_allowed(f"{asked.method} is not possible on credentials")

    async def _agree(self, asked: Asked) -> Reply:
        name, registered = asked.caller.name, self._book.agreement(asked.caller.name) is not None
        if asked.method == "POST" and registered:
            raise _not_allowed("you are registered: use PUT to change your credentials")
        if asked.method == "PUT" and not registered:
            raise _not_allowed("you are not registered: use POST to register")
        if asked.body is Missing.BODY:
            raise Refused("a Credentials object belongs into the body")
        try:
            theirs = read(asked.caller.version, asked.body)
        except Invalid as error:
            raise Refused(str(error), status_code=2001) from error
        try:
            with self._book.alone(name):
                token = await self._renewed(asked, theirs)
        except UnderWay as error:
            raise Refused(str(error), status_code=_BUSY) from error
        except NotAgreed as error:
            log.warning(
                "registration_refused", platform=name, reason=str(error), remedy=error.remedy
            )
            raise Refused(error.told, status_code=error.status_code) from error
        except NotKept as error:
            log.error("registration_not_kept", platform=name, reason=str(error))
            raise Refused(
                "this cannot be written down here at the moment; try again later",
                status_code=_BUSY,
            ) from error
        return Reply(data=self._ours(asked, token))

    async def _renewed(self, asked: Asked, theirs: Credentials) -> str:
        """Ask back, then keep the new agreement; the token that they shall show from now on."""
        platform = self._book.platforms[asked.caller.name]
        self._judge_claims(platform.name, theirs)
        offer = await self._ask_back(platform, theirs, asked.caller.version)
        token, now = new_token(), self._wall()

        def changed(record: Record) -> Record:
            before = record.agreement
            made = agreed(
                offer,
                theirs,
                before=before,
                now=now,
                accepted=None if before is None else before.accepted,
                accepted_next=token,
            )
            return record.agreed(without(made, others(self._book, platform.name)))

        await self._book.change(platform.name, changed)
        log.info(
            "registered" if asked.method == "POST" else "registration_renewed",
            platform=platform.name,
            version=offer.version.value,
            by="the platform",
        )
        return token

    def _judge_claims(self, name: str, theirs: Credentials) -> None:
        """A hub lists whoever can be reached through it: it is left without what is others'.

        Raises:
            NotAgreed: it would speak for a party that is another's.
        """
        members = members_of(theirs)
        clash = clashing(members, others(self._book, name))
        if not clash:
            return
        if theirs.hub_party_id is None and all(one.role.upper() != "HUB" for one in members):
            raise NotAgreed(
                f"your roles name {clash}, which is not yours here: its own platform speaks for it",
                status_code=NOT_YOURS,
                remedy=REMEDY,
            )
        log.warning("parties_left_out", platform=name, parties=clash, remedy=REMEDY)

    async def _ask_back(self, platform: Platform, theirs: Credentials, version: Version) -> Offer:
        if version not in platform.versions:
            ours = ", ".join(one.value for one in platform.versions)
            raise NotAgreed(
                f"with you only {ours} is spoken here, not {version.value}",
                status_code=NO_VERSION,
                remedy=OTHER_VERSION,
            )
        wire = self._wire(platform)
        try:
            async with asyncio.timeout(ASK_BACK_S):
                visitor = Visitor(wire, theirs.token, platform.raw_token)
                return await discover(visitor, platform, theirs.url, (version,))
        except TimeoutError:
            raise NotAgreed(
                f"your versions did not answer within {ASK_BACK_S:g} s",
                status_code=UNUSABLE,
                remedy="ask the operator of the platform, and look at this controller's network",
            ) from None
        finally:
            await wire.close()

    async def _end(self, asked: Asked) -> Reply:
        name = asked.caller.name
        if self._book.agreement(name) is None:
            raise _not_allowed("you are not registered")
        initial = self._book.platforms[name].token
        try:
            with self._book.alone(name):
                await self._book.change(name, lambda record: record.spend(initial).agreed(None))
        except UnderWay as error:
            raise Refused(str(error), status_code=_BUSY) from error
        except NotKept as error:
            log.error("registration_not_kept", platform=name, reason=str(error))
            raise Refused(
                "this cannot be written down here at the moment; try again later",
                status_code=_BUSY,
            ) from error
        log.warning(
            "unregistered",
            platform=name,
            by="the platform",
            remedy="if that was not meant: get a new initial token from its operator, and "
            f"laddvakt uplink register --name {name}",
        )
        return Reply()

    def _ours(self, asked: Asked, token: str) -> object:
        platform = self._book.platforms[asked.caller.name]
        return self._ourselves().credentials(asked.caller.version, platform, token)

    def _newest(self, asked: Asked) -> str:
        """What they shall show us from now on; before registration, what they show already."""
        agreement = self._book.agreement(asked.caller.name)
        initial = self._book.platforms[asked.caller.name].token or ""
        return initial if agreement is None else _token(agreement, initial)


def _token(agreement: Agreement, otherwise: str) -> str:
    return agreement.accepted_next or agreement.accepted or otherwise


def _not_allowed(message: str) -> Refused:
    return Refused(message, status_code=2000, http_status=405)
