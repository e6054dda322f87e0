"""Takes in the tokens that platforms push; mod_tokens, Receiver Interface."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from laddvakt_agent.ledger.tokens import Kept, TokenKey, TokensUnavailable
from laddvakt_agent.uplink.serving import Asked, Caller, Party, Refused, Reply, Role
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_agent.uplink.tokens.content import DEFAULT_TYPE, NoToken, row_of
from laddvakt_agent.uplink.version import Version

UNKNOWN_TOKEN = 2004  # status_codes
SERVER_ERROR = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class TokensReceiver:
    """The module as the server serves it."""

    book: TokenBook
    identifier: str = "tokens"
    role: Role = Role.RECEIVER
    versions: frozenset[Version] = frozenset(Version)
    _merging: asyncio.Lock = field(default_factory=asyncio.Lock)

    def offered_to(self, caller: Caller) -> bool:
        """To those it is exchanged with, also while they register: they look before they agree."""
        return caller.exchanges(self.identifier)

    async def answer(self, asked: Asked) -> Reply:
        """GET, PUT or PATCH of one token.

        Raises:
            Refused: it cannot be done, or must not be.
        """
        key = _key(asked)
        try:
            match asked.method:
                case "GET":
                    return await self._get(key)
                case "PUT":
                    return await self._put(key, asked)
                case "PATCH":
                    return await self._patch(key, asked)
                case _:
                    pass
        except TokensUnavailable as error:
            raise Refused(
                "the tokens cannot be written now, try again later", status_code=SERVER_ERROR
            ) from error
        raise Refused(
            f"tokens take GET, PUT and PATCH, not {asked.method}", status_code=2000, http_status=405
        )

    async def _get(self, key: TokenKey) -> Reply:
        return Reply(data=await self._stored(key))

    async def _put(self, key: TokenKey, asked: Asked) -> Reply:
        body = _object(asked)
        _same_ids(key, body, required=True)
        async with self._merging:
            kept = await self._keep(body, asked.caller)
        return Reply(http_status=201 if kept is Kept.NEW else 200)

    async def _patch(self, key: TokenKey, asked: Asked) -> Reply:
        body = _object(asked)
        if not isinstance(body.get("last_updated"), str):
            raise Refused("last_updated: every PATCH of a token must say when it changed")
        _same_ids(key, body, required=False)
        async with self._merging:  # else two at once would each undo what the other changed
            await self._keep({**await self._stored(key), **body}, asked.caller)
        return Reply()

    async def _stored(self, key: TokenKey) -> dict[str, object]:
        row = await self.book.get(key)
        if row is None:
            raise Refused(
                f"no {key.type} token with this uid was given to us: PUT it first",
                status_code=UNKNOWN_TOKEN,
                http_status=404,
            )
        return msgspec.json.decode(row.body, type=dict[str, object])

    async def _keep(self, body: Mapping[str, object], caller: Caller) -> Kept:
        try:
            row = row_of(body, caller.name)
        except NoToken as error:
            raise Refused(str(error)) from error
        kept = await self.book.put(row)
        if kept is Kept.FOREIGN:
            raise Refused("another platform has given us this token and speaks for it")
        if kept is Kept.FULL:
            raise Refused(
                "there is no room for more tokens: authorise this one in real time",
                status_code=SERVER_ERROR,
            )
        return kept


def _key(asked: Asked) -> TokenKey:
    """Which token the URL names.

    Raises:
        Refused: none, or one of a party that this caller does not speak for.
    """
    if len(asked.segments) != 3 or not all(asked.segments):
        raise Refused(
            "a token stands at {country_code}/{party_id}/{uid}", status_code=2000, http_status=404
        )
    country_code, party_id, uid = asked.segments
    if not asked.caller.speaks_for(Party.of(country_code, party_id)):
        raise Refused(
            f"you have not registered as {country_code} {party_id}: "
            "add that role to your credentials",
            http_status=404,
        )
    return TokenKey(
        country_code=country_code,
        party_id=party_id,
        uid=uid,
        type=asked.query.get("type", DEFAULT_TYPE),
    )


def _object(asked: Asked) -> dict[str, object]:
    if not isinstance(asked.body, dict):
        raise Refused("a Token object belongs into the body")
    return asked.body


def _same_ids(key: TokenKey, body: Mapping[str, object], *, required: bool) -> None:
    """The ids in the URL are those of the object; CiStrings, but for the type.

    Raises:
        Refused: one differs.
    """
    for name, wanted in (
        ("country_code", key.country_code),
        ("party_id", key.party_id),
        ("uid", key.uid),
    ):
        said = body.get(name)
        if (required or name in body) and str(said).casefold() != wanted.casefold():
            raise Refused(f"{name}: {wanted} in the URL, another one in the object")
    if (required or "type" in body) and body.get("type") != key.type:
        raise Refused(
            f"type: {key.type} by the URL, another one in the object; "
            "give it as ?type= where it is not RFID"
        )
