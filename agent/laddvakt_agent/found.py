"""A session found open at the start: what is claimed of it, and what its first readings say."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from laddvakt_agent.alive import AliveFile
from laddvakt_agent.clock import Clock, ClockState
from laddvakt_agent.config import Config, ConnectorConfig
from laddvakt_agent.core import resume
from laddvakt_agent.core import session as core_session
from laddvakt_agent.core.inputs import Inputs
from laddvakt_agent.core.life.state import Life
from laddvakt_agent.core.resume import Answer, Claim, Verdict
from laddvakt_agent.core.settings import Settings
from laddvakt_agent.ledger.found import FoundSessions, LastSign
from laddvakt_agent.ledger.tokens import TokenFile, TokenKey, TokensUnavailable
from laddvakt_agent.published import TokenRef
from laddvakt_agent.sessions import Kept
from laddvakt_agent.uplink.tokens.content import NoToken, token_of

FREE_TOKEN_UID = "free"  # OCPI wants a token in every session, also where nobody had to show one

_UNREAD = Verdict(answer=Answer.OPEN, why="nothing has been read yet")


@dataclass(slots=True, kw_only=True)
class Found:
    """One found session until it is proved or refused."""

    kept: Kept
    claim: Claim
    sign: LastSign | None
    clock: Clock
    verdict: Verdict = _UNREAD

    def judge(self, settings: Settings, life: Life, inputs: Inputs, now_s: float) -> Verdict:
        """What is known of it now."""
        if self.claim.alive_s is None and self.claim.may_learn:
            self._learn(now_s)
        self.verdict = resume.judge(settings, life, self.claim, inputs, now_s)
        return self.verdict

    @property
    def last_s(self) -> float:
        """Until when its meter was read: nothing is known of it after that."""
        return last_read_s(self.kept)

    @property
    def away_s(self) -> float:
        """Since when nobody watched it."""
        return self.last_s if self.claim.alive_s is None else max(self.claim.alive_s, self.last_s)

    @property
    def by_hand(self) -> bool:
        """Whether a person ended it: free charging then waits for the next plug."""
        return self.verdict.answer is not Answer.REFUSED or bool(self.claim.withdrawn)

    def end_reason(self, said: str) -> str:
        """Why it ends: what was refused, or else what the core says."""
        if self.verdict.answer is Answer.REFUSED:
            return self.verdict.why
        return f"{said}, before it was proved to be the same after a restart"

    def _learn(self, now_s: float) -> None:
        """The length of an absence over a reboot is known once the wall clock is right."""
        if self.sign is None or self.sign.at_wall is None:
            return
        if self.clock.state() is ClockState.SYNCED:
            away_s = (self.clock.wall_at(now_s) - self.sign.at_wall).total_seconds()
            alive_s = now_s - max(away_s, now_s)  # in no case after the machine started
            self.claim = replace(self.claim, alive_s=alive_s)
            self.kept = _placed(self.kept, self.sign, alive_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finder:
    """Makes the claims, from the configuration of now and the records of then."""

    config: Config
    clock: Clock
    alive: AliveFile
    ledger: FoundSessions
    tokens: TokenFile

    def find(
        self, part: ConnectorConfig, settings: Settings, inherited: tuple[Kept, ...]
    ) -> Found | None:
        """The newest session of a connector if it was left open, judged as far as records go.

        Raises:
            StorageError: the ledger cannot be read.
        """
        if not inherited or inherited[-1].session.ended_s is not None:
            return None
        found = self._claimed(part, settings, inherited[-1])
        found.judge(settings, Life(), Inputs(), self.clock.now_s())
        return found

    def free_token(self) -> TokenRef | None:
        """Who is written down where nobody must show a token; `None` where somebody must."""
        station = self.config.station
        if station.authorisation != "free":
            return None
        return TokenRef(
            uid=FREE_TOKEN_UID,
            type="AD_HOC_USER",
            contract_id=FREE_TOKEN_UID,
            country_code=station.country_code,
            party_id=station.party_id,
        )

    def _claimed(self, part: ConnectorConfig, settings: Settings, kept: Kept) -> Found:
        sign, session = self.ledger.last_sign(kept.session.id), kept.session
        alive_s, same_boot = self._alive_s(sign)
        claim = Claim(
            started_s=self.clock.now_s(),
            alive_s=alive_s,
            may_learn=not same_boot and sign is not None and sign.at_wall is not None,
            same_boot=same_boot,
            within_s=self.config.agent.resume_within_s,
            withdrawn=self._withdrawn(kept),
            lock_keeps=part.lock_keeps_place,
            meter_serial=session.serial,
            last_wh=core_session.shown_wh(session, settings.meter_rollover_wh),
        )
        return Found(kept=kept, claim=claim, sign=sign, clock=self.clock)

    def _alive_s(self, sign: LastSign | None) -> tuple[float | None, bool]:
        if sign is None or sign.boot_id != self.clock.boot_id:
            return None, False
        signed_s = self.alive.signed_s(sign.run)
        return max(sign.at_s, -math.inf if signed_s is None else signed_s), True

    def _withdrawn(self, kept: Kept) -> str:
        """Why nobody may charge on this token any longer; empty while somebody may."""
        if self.ledger.stopped(kept.session.id):
            return "it was stopped by hand before the restart"
        free = self.free_token()
        if kept.token.uid == FREE_TOKEN_UID and kept.token.type == "AD_HOC_USER":
            return "" if free is not None else "charging is not free here any longer"
        known = {token.uid.casefold() for token in self.config.token}
        listed = kept.auth_method != "WHITELIST" or kept.token.uid.casefold() in known
        if not listed and not self._whitelisted(kept.token):
            return "its token may not charge here any longer"
        return ""

    def _whitelisted(self, token: TokenRef) -> bool:
        """Whether its platform still lets it in, as far as is known."""
        try:
            found = self.tokens.get(
                TokenKey(
                    country_code=token.country_code,
                    party_id=token.party_id,
                    uid=token.uid,
                    type=token.type,
                )
            )
            return found is not None and token_of(found).known.valid
        except (TokensUnavailable, NoToken):  # nobody has taken it back: it was let in before
            return True


def _placed(kept: Kept, sign: LastSign, alive_s: float) -> Kept:
    """The session with its last sign of life at `alive_s`: its seconds were a guess until now."""
    if not kept.moved or kept.moved[-1].boot_id != sign.boot_id:
        return kept
    by_s = alive_s - sign.at_s - kept.moved[-1].shift_s
    moved = tuple(replace(one, shift_s=one.shift_s + by_s) for one in kept.moved)
    return replace(kept, session=core_session.shift(kept.session, by_s), moved=moved)


def last_read_s(kept: Kept) -> float:
    """When the meter of a session was last read; its beginning, if it never was."""
    session = kept.session
    return session.begun_s if session.last_taken_s is None else session.last_taken_s
