"""We register with a platform, renew, and end it. Source: credentials.

A rotation never leaves a gap: the new token of ours is good before they can learn it, the one
before until they have answered, and theirs of before until the new one has worked.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
import structlog

from laddvakt_agent.uplink.errors import (
    Missing,
    Rejected,
    Unanswered,
    Unauthorised,
    UplinkError,
)
from laddvakt_agent.uplink.parties.agreement import Agreement, Record
from laddvakt_agent.uplink.parties.book import PartyBook
from laddvakt_agent.uplink.parties.claims import REMEDY, clashing, others, without
from laddvakt_agent.uplink.parties.discovery import UNUSABLE, NotAgreed, Offer, Visitor, discover
from laddvakt_agent.uplink.parties.platforms import Platform
from laddvakt_agent.uplink.parties.terms import Self, agreed, members_of, read
from laddvakt_agent.uplink.parties.tokens import new_token
from laddvakt_agent.uplink.structs import Invalid
from laddvakt_agent.uplink.structs.registration import Credentials
from laddvakt_agent.uplink.wire import Wire

_NOT_ALLOWED = 405
_REFUSED = (Rejected, Missing, Unauthorised)  # they have certainly not taken our new token

log = structlog.get_logger()


class Registrar:
    """The client's side of the credentials module."""

    def __init__(
        self,
        book: PartyBook,
        ourselves: Callable[[], Self],
        wire: Callable[[Platform], Wire],
        wall: Callable[[], datetime],
    ) -> None:
        """`wire`: a new one to a platform, which is closed here."""
        self._book, self._ourselves, self._wire, self._wall = book, ourselves, wire, wall

    async def register(self, platform: Platform, versions_url: str, initial: str) -> None:
        """Agree for the first time; `initial`: the token from their operator.

        Raises:
            NotAgreed: they offer too little (nothing was told them then), or answer nonsense.
            UplinkError: they could not be asked, or said no.
            NotKept: the disk would not take it; they were not asked.
            UnderWay: another registration is.
        """
        with self._book.alone(platform.name):
            wire = self._wire(platform)
            try:
                await self._register(wire, platform, versions_url, initial)
            finally:
                await wire.close()

    async def rotate(self, platform: Platform, agreement: Agreement) -> None:
        """Exchange both tokens, and take what is new at their side.

        Raises:
            NotAgreed, UplinkError: it failed; the old tokens stay good.
            NotKept: the disk would not take it; they were not asked.
            UnderWay: another registration is.
        """
        with self._book.alone(platform.name):
            wire = self._wire(platform)
            try:
                await self._rotate(wire, platform, agreement)
            finally:
                await wire.close()

    async def unregister(self, platform: Platform, agreement: Agreement) -> UplinkError | None:
        """End it here whatever they say; what they said if it was not yes.

        Raises:
            NotKept: the disk would not take it; they were not told.
            UnderWay: another registration is.
        """
        with self._book.alone(platform.name):
            await self._book.change(platform.name, lambda record: record)
            wire = self._wire(platform)
            trouble: UplinkError | None = None
            try:
                visitor = Visitor(wire, _shown(platform, agreement), platform.raw_token)
                await visitor.send("DELETE", _endpoint(agreement))
            except UplinkError as error:
                trouble = error
            finally:
                await wire.close()
            await self._book.force(
                platform.name, lambda record: record.spend(platform.token).agreed(None)
            )
            log.info("unregistered", platform=platform.name, by="us")
            return trouble

    async def _register(
        self, wire: Wire, platform: Platform, versions_url: str, initial: str
    ) -> None:
        visitor = Visitor(wire, initial, platform.raw_token)
        offer = await discover(visitor, platform, versions_url, platform.versions)
        url, token = offer.credentials, new_token()
        await self._book.change(platform.name, lambda record: record)  # can it be kept at all?
        with self._book.offering(platform.name, token):
            body = self._ourselves().credentials(offer.version, platform, token)
            try:
                data = await visitor.send("POST", url, body)
            except Rejected as refusal:
                if refusal.http_status != _NOT_ALLOWED:
                    raise
                # Their answer to an earlier POST was lost: to them we are registered.
                data = await visitor.send("PUT", url, body)
            theirs = self._read(platform, offer, data)
            await self._book.force(
                platform.name,
                lambda record: (
                    self._agreed(record, offer, theirs, token).spend(initial).spend(platform.token)
                ),
            )
        log.info("registered", platform=platform.name, version=offer.version.value, by="us")

    async def _rotate(self, wire: Wire, platform: Platform, agreement: Agreement) -> None:
        visitor = Visitor(wire, _shown(platform, agreement), platform.raw_token)
        try:
            offer = await discover(visitor, platform, agreement.versions_url, platform.versions)
        except NotAgreed as error:
            before = agreement.shown_before
            if before is None or not isinstance(error.__cause__, Unauthorised):
                raise
            visitor = Visitor(wire, before, platform.raw_token)
            offer = await discover(visitor, platform, agreement.versions_url, platform.versions)
        url = offer.credentials
        # In doubt since an earlier time, they may have that one: it is told again.
        token = agreement.accepted_next or new_token()
        await self._book.change(platform.name, lambda record: _with_next(record, token))
        with self._book.offering(platform.name, token):
            body = self._ourselves().credentials(offer.version, platform, token)
            try:
                data = await visitor.send("PUT", url, body)
            except _REFUSED:
                if agreement.accepted_next is None:
                    await self._book.force(
                        platform.name, lambda record: _with_next(record, None, instead_of=token)
                    )
                raise
            except Unanswered as doubt:
                data = await self._found(wire, platform, visitor, url, doubt)
            theirs = self._read(platform, offer, data)
            await self._book.force(
                platform.name,
                lambda record: self._agreed(record, offer, theirs, token).spend(platform.token),
            )
        log.info(
            "registration_renewed", platform=platform.name, version=offer.version.value, by="us"
        )

    async def _found(
        self, wire: Wire, platform: Platform, visitor: Visitor, url: str, doubt: Unanswered
    ) -> object:
        """Their credentials after a PUT whose answer was lost, if they have taken it.

        Raises:
            Unanswered: they have not, or that cannot be known.
        """
        try:
            data = await visitor.get(url)
            token = read(list(platform.versions)[-1], data).token
            if token == visitor.token:
                raise doubt
            await Visitor(wire, token, platform.raw_token).get(url)
        except (UplinkError, Invalid):
            raise doubt from None
        return data

    def _read(self, platform: Platform, offer: Offer, data: object) -> Credentials:
        theirs = _read(offer, data)
        clash = clashing(members_of(theirs), others(self._book, platform.name))
        if clash:
            log.warning("parties_left_out", platform=platform.name, parties=clash, remedy=REMEDY)
        return theirs

    def _agreed(self, record: Record, offer: Offer, theirs: Credentials, token: str) -> Record:
        """What they say of others' parties is left out: they hold us registered already."""
        made = agreed(
            offer,
            theirs,
            before=record.agreement,
            now=self._wall(),
            accepted=token,
            accepted_next=None,
        )
        return record.agreed(without(made, others(self._book, record.platform)))


def _with_next(record: Record, token: str | None, *, instead_of: str | None = None) -> Record:
    agreement = record.agreement
    if agreement is None or (instead_of is not None and agreement.accepted_next != instead_of):
        return record
    return record.agreed(msgspec.structs.replace(agreement, accepted_next=token))


def _shown(platform: Platform, agreement: Agreement) -> str:
    return agreement.shown or platform.token or ""


def _endpoint(agreement: Agreement) -> str:
    for endpoint in agreement.endpoints:
        if endpoint.identifier.lower() == "credentials":
            return endpoint.url
    return ""


def _read(offer: Offer, data: object) -> Credentials:
    try:
        return read(offer.version, data)
    except Invalid as error:
        raise NotAgreed(
            f"their answer is no Credentials object: {error}",
            status_code=UNUSABLE,
            remedy="send this to the operator of the platform; they may hold us registered now",
        ) from error
