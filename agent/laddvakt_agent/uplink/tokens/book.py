"""What is known of tokens here and now: the kept ones, and those that a command let in.

The file is read and written on the ledger's thread; the loop never waits for a disk by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog

from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.ledger.tokens import Kept, TokenFile, TokenKey, TokenRow
from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.tokens.content import Group, KnownToken, NoToken, token_of

COMMANDED_S = 900.0  # mod_commands, START_SESSION and RESERVE_NOW: so long nobody is asked again

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Commanded:
    """A command let this token charge at an EVSE."""

    at_s: float
    token: TokenRef | None
    reference: str | None


@dataclass(slots=True, kw_only=True)
class TokenBook:
    """One agent's."""

    file: TokenFile
    thread: LedgerThread
    _commanded: dict[tuple[str, str], Commanded] = field(default_factory=dict)

    async def find(self, uid: str) -> tuple[KnownToken, ...]:
        """Every kept token with this uid.

        Raises:
            TokensUnavailable: the file cannot be read.
        """
        found = []
        for row in await self.thread.call(self.file.find, uid):
            try:
                found.append(token_of(row))
            except NoToken as error:
                log.warning("token_not_understood", platform=row.platform, reason=str(error))
        return tuple(found)

    async def get(self, key: TokenKey) -> TokenRow | None:
        """One kept token as it came.

        Raises:
            TokensUnavailable: the file cannot be read.
        """
        return await self.thread.call(self.file.get, key)

    async def put(self, row: TokenRow) -> Kept:
        """Keep a token; on the disk when this returns.

        Raises:
            TokensUnavailable: the disk does not take it.
        """
        return await self.thread.call(self.file.put, row)

    async def group(self, token: TokenRef) -> Group | None:
        """The group of a token that charges.

        Raises:
            TokensUnavailable: the file cannot be read.
        """
        key = TokenKey(
            country_code=token.country_code,
            party_id=token.party_id,
            uid=token.uid,
            type=token.type,
        )
        row = await self.get(key)
        return None if row is None else token_of(row).group

    def commanded(
        self,
        uid: str,
        evse_uid: str,
        now_s: float,
        token: TokenRef | None = None,
        reference: str | None = None,
    ) -> None:
        """A command has let this token charge at this EVSE: for 15 minutes nobody is asked."""
        live = {k: v for k, v in self._commanded.items() if now_s - v.at_s <= COMMANDED_S}
        live[uid.casefold(), evse_uid.casefold()] = Commanded(
            at_s=now_s, token=token, reference=reference
        )
        self._commanded = live

    def let_in(self, uid: str, evse_uid: str, now_s: float) -> Commanded | None:
        """The command of the last 15 minutes that named this token and this EVSE."""
        found = self._commanded.get((uid.casefold(), evse_uid.casefold()))
        return found if found is not None and now_s - found.at_s <= COMMANDED_S else None
