"""Finds out whether somebody may charge here, within the time that a person waits.

In this order: the configuration's own list, a command of the last 15 minutes, what platforms told
before, their word where it is needed. Several platforms: the one whose token it is; for a uid that
nobody told of all of them at once, and the first yes counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from laddvakt_agent.ledger.tokens import TokensUnavailable
from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.outward import Outward
from laddvakt_agent.uplink.serving import Party
from laddvakt_agent.uplink.tokens.asking import Place, Said, ask, masked
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_agent.uplink.tokens.content import DEFAULT_TYPE, Group, KnownToken, token_of
from laddvakt_agent.uplink.tokens.deciding import Method, Verdict, Why, Word, decide, must_ask
from laddvakt_agent.uplink.tokens.owners import Claims, speaks_for

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it, for the guard and for people."""

    verdict: Verdict
    token: TokenRef | None = None  # who charges, where it is allowed
    reference: str | None = None  # the platform's own word for this permission
    group: Group | None = None
    evse_uids: frozenset[str] | None = None  # only there, casefolded; `None`: anywhere here
    said: Word | None = None
    platform: str = ""
    info: str = ""  # the platform's words for the driver

    @property
    def allowed(self) -> bool:
        """Whether it may charge, at least at some of the EVSEs asked for."""
        return self.verdict.allowed

    def at(self, evse_uid: str) -> Outcome:
        """The same for one EVSE: the platform may have allowed others only."""
        here = self.evse_uids is None or evse_uid.casefold() in self.evse_uids
        if here or not self.allowed:
            return self
        return self.refused(Why.ELSEWHERE)

    def refused(self, why: Why) -> Outcome:
        """The same, but not allowed here and now."""
        return replace(self, verdict=replace(self.verdict, allowed=False, why=why))


@dataclass(slots=True, kw_only=True)
class Authoriser:
    """One agent's."""

    listed: Mapping[str, TokenRef]  # the configuration's own, by casefolded uid
    own: tuple[str, str]  # country code and party id of the station
    location_id: str
    book: TokenBook
    now_s: Callable[[], float]
    within_s: float = 5.0
    unknown_offline: bool = False
    outwards: Callable[[], Mapping[str, Outward]] = field(default=lambda: {})
    claims: Callable[[], Claims] = field(default=lambda: {})

    async def authorise(
        self, uid: str, evse_uids: Sequence[str], kind: str | None = None
    ) -> Outcome:
        """Whether this token may charge at one of these EVSEs; never raises, never hangs.

        `kind`: its OCPI TokenType where it is known, as a card reader knows it.
        """
        if (listed := self.here(uid)).allowed:
            return listed
        for evse_uid in evse_uids:
            if (letter := self.book.let_in(uid, evse_uid, self.now_s())) is not None:
                token = letter.token or self._stranger(uid, kind)
                told = _yes(token, Method.COMMAND, Why.COMMANDED, letter.reference)
                return replace(told, evse_uids=frozenset({evse_uid.casefold()}))
        outcome = await self._by_platforms(uid, tuple(evse_uids), kind)
        log.info(
            "token_judged",
            uid=masked(uid),
            allowed=outcome.allowed,
            why=outcome.verdict.why.value,
            said=outcome.said.value if outcome.said else None,
            platform=outcome.platform,
        )
        return outcome

    def here(self, uid: str) -> Outcome:
        """What the configuration alone says."""
        listed = self.listed.get(uid.casefold())
        if listed is not None:
            return _yes(listed, Method.WHITELIST, Why.LISTED)
        refused = Verdict(allowed=False, method=Method.WHITELIST, why=Why.UNKNOWN)
        return Outcome(verdict=refused)

    async def _by_platforms(
        self, uid: str, evse_uids: tuple[str, ...], kind: str | None
    ) -> Outcome:
        place = Place(location_id=self.location_id, evse_uids=evse_uids)
        end_s = asyncio.get_running_loop().time() + self.within_s
        try:
            async with asyncio.timeout_at(end_s):
                found = await self.book.find(uid)
        except (TokensUnavailable, TimeoutError) as error:
            log.warning("tokens_unavailable", reason=str(error) or "the disk takes too long")
            found = ()
        claims = self.claims()
        of_kind = [
            token
            for token in found
            if kind in (None, token.ref.type) and speaks_for(claims, token.platform, token.party)
        ]
        if not of_kind:
            return await self._of_nobody(uid, place, kind, end_s)
        of_kind.sort(key=lambda token: (not token.known.valid, token.ref.type != DEFAULT_TYPE))
        outcomes = [await self._of(token, place, end_s) for token in of_kind[:1]]
        for token in of_kind[1:]:
            if outcomes[-1].allowed:
                break
            outcomes.append(await self._of(token, place, end_s))
        return next((one for one in outcomes if one.allowed), outcomes[0])

    async def _of(self, token: KnownToken, place: Place, end_s: float) -> Outcome:
        """A token that its platform told of."""
        said: Said | None = None
        if must_ask(token.known):
            out = self.outwards().get(token.platform)
            said = await self._asked(out, token.platform, token, place, end_s)
        word = None if said is None else said.word
        verdict = decide(token.known, word, unknown_offline=self.unknown_offline)
        plain = Outcome(
            verdict=verdict, token=token.ref, group=token.group, said=word, platform=token.platform
        )
        return plain if said is None else _with(plain, said)

    async def _of_nobody(self, uid: str, place: Place, kind: str | None, end_s: float) -> Outcome:
        """A token that nobody told of: whoever knows it may let it in."""
        stranger = self._stranger(uid, kind)
        said = await self._first_yes(stranger, place, end_s)
        word = Word.SILENT if said is None else said.word
        verdict = decide(None, word, unknown_offline=self.unknown_offline)
        plain = Outcome(verdict=verdict, token=stranger, said=word)
        return plain if said is None else _with(plain, said)

    async def _first_yes(self, token: TokenRef, place: Place, end_s: float) -> Said | None:
        """The answer that counts: a yes, else a no with a reason, else that one stays silent."""
        asked = [
            asyncio.ensure_future(self._asked(out, name, token, place, end_s))
            for name, out in self.outwards().items()
        ]
        answers: list[Said] = []
        try:
            for done in asyncio.as_completed(asked):
                answers.append(await done)
                if answers[-1].word is Word.ALLOWED:
                    break
        finally:
            for task in asked:
                task.cancel()
        return min(answers, key=lambda said: _RANK.get(said.word, 1), default=None)

    async def _asked(
        self,
        out: Outward | None,
        platform: str,
        token: TokenRef | KnownToken,
        place: Place,
        end_s: float,
    ) -> Said:
        if out is None:
            detail = "there is no agreement with it now"
            return Said(platform=platform, word=Word.SILENT, detail=detail)
        known = isinstance(token, KnownToken)
        ref, to = (token.ref, token.party) if isinstance(token, KnownToken) else (token, None)
        try:
            async with asyncio.timeout_at(end_s):
                said = self._entitled(await ask(out, ref.uid, ref.type, place, to=to))
        except TimeoutError:
            detail = f"no answer within {self.within_s:g} s"
            said = Said(platform=platform, word=Word.SILENT, detail=detail)
        except Exception as error:
            log.exception("authorisation_failed", platform=platform)
            said = Said(platform=platform, word=Word.SILENT, detail=type(error).__name__)
        if said.word is Word.SILENT:
            log.warning(
                "authorisation_unanswered", platform=platform, known=known, reason=said.detail
            )
        return said

    def _entitled(self, said: Said) -> Said:
        """No platform lets anybody in at the expense of another one."""
        row = said.row
        party = None if row is None else Party.of(row.country_code, row.party_id)
        if party is None or speaks_for(self.claims(), said.platform, party):
            return said
        detail = (
            f"its answer is about a token of {party.country_code} {party.party_id}, not its own"
        )
        return Said(platform=said.platform, word=Word.SILENT, detail=detail)

    def _stranger(self, uid: str, kind: str | None) -> TokenRef:
        """A token of which only the uid is known."""
        country_code, party_id = self.own
        return TokenRef(
            uid=uid,
            type=kind or DEFAULT_TYPE,
            contract_id=uid,
            country_code=country_code,
            party_id=party_id,
        )


# Of several answers: a yes, a no with its reason, silence (then nobody has said no for certain).
_RANK = {Word.ALLOWED: 0, Word.SILENT: 2, Word.UNKNOWN: 3}


def _with(plain: Outcome, said: Said) -> Outcome:
    """The outcome with what the answer adds.

    The token in it is not kept: a platform that never told of it would not tell either when it
    takes it back.
    """
    yes = said.word is Word.ALLOWED
    fresh = None if said.row is None else token_of(said.row)
    return replace(
        plain,
        token=plain.token if fresh is None else fresh.ref,
        group=plain.group if fresh is None else fresh.group,
        platform=said.platform,
        info=said.info,
        reference=said.reference if yes else None,
        evse_uids=said.evse_uids if yes else None,
    )


def _yes(token: TokenRef, method: Method, why: Why, reference: str | None = None) -> Outcome:
    verdict = Verdict(allowed=True, method=method, why=why)
    return Outcome(verdict=verdict, token=token, reference=reference)
