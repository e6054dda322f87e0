"""Lets people charge: asks the authoriser, starts the guard, remembers what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from laddvakt_agent.core.inputs import Pilot
from laddvakt_agent.core.model import State
from laddvakt_agent.diagnostics.answers import JsonObject
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.tokens import TokensUnavailable
from laddvakt_agent.uplink.tokens.asking import masked
from laddvakt_agent.uplink.tokens.authorising import Authoriser, Outcome
from laddvakt_agent.uplink.tokens.content import Group, group_of
from laddvakt_agent.uplink.tokens.deciding import Why, Word

_REMEDIES = {
    Why.INVALID: "the driver asks the company on the card",
    Why.REFUSED: "the driver asks the company on the card",
    Why.UNKNOWN: "check the uid; list it as [[token]], or let the platform give it",
    Why.SILENT: "see: laddvakt uplink status; the platform must be reachable for this token",
    Why.SILENT_UNKNOWN: "see: laddvakt uplink status; or list it as [[token]]",
    Why.GONE: "plug it in, then start again",
    Why.ELSEWHERE: "use another connector of this charger",
}
_NOBODY = "list it as [[token]] in the configuration"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Last:
    """The last authorisation at a connector, fit to be shown."""

    at_s: float
    uid: str  # masked
    outcome: Outcome


@dataclass(slots=True, kw_only=True)
class Permits:
    """One agent's."""

    authoriser: Authoriser
    guards: Mapping[str, Guard]
    now_s: Callable[[], float]
    last: dict[str, Last] = field(default_factory=dict)

    async def asked(self, uid: str, guards: Sequence[Guard], kind: str | None = None) -> Outcome:
        """Whether this token may charge at one of these connectors."""
        return await self.authoriser.authorise(uid, [guard.evse_uid for guard in guards], kind)

    def note(self, guard: Guard, uid: str, outcome: Outcome) -> Outcome:
        """Remember what came of it at one connector; the outcome as it is for that one."""
        here = outcome.at(guard.evse_uid)
        told = Last(at_s=self.now_s(), uid=masked(uid), outcome=here)
        self.last[guard.settings.connector] = told
        return here

    def let_in(self, guard: Guard, outcome: Outcome) -> bool:
        """Start a connector with a permission; False where it is kept for somebody else."""
        if outcome.token is None or guard.kept_from(outcome.token, group_id(outcome)):
            return False
        method = outcome.verdict.method.value
        guard.start(outcome.token, method, outcome.reference, group_id(outcome))
        return True

    async def same_customer(self, guard: Guard, uid: str, outcome: Outcome | None = None) -> bool:
        """Whether this token, or one of its group, was let in at this connector.

        `outcome`: what its platform said, where it was asked.
        """
        if guard.token is None:
            return False
        if guard.token.uid.casefold() == uid.casefold():
            return True
        try:
            async with asyncio.timeout(self.authoriser.within_s):
                return await self._same_group(guard, uid, outcome)
        except (TokensUnavailable, TimeoutError) as error:
            log.warning("tokens_unavailable", reason=str(error) or "the disk takes too long")
            return False

    async def _same_group(self, guard: Guard, uid: str, outcome: Outcome | None) -> bool:
        group = await self._group(guard)
        if group is None:
            return False
        if outcome is not None:
            return outcome.group == group
        found = await self.authoriser.book.find(uid)
        return any(token.group == group for token in found)

    async def _group(self, guard: Guard) -> Group | None:
        """The group of who charges; after a restart only the kept token knows it."""
        token = guard.token
        if token is None:
            return None
        if guard.group_id is not None:
            return group_of(token.country_code, token.party_id, guard.group_id)
        return await self.authoriser.book.group(token)

    def shown(self, connector: str) -> JsonObject | None:
        """The last authorisation at a connector, for the status."""
        told = self.last.get(connector)
        if told is None:
            return None
        verdict = told.outcome.verdict
        return {
            "at_s": told.at_s,
            "uid": told.uid,
            "allowed": verdict.allowed,
            "method": verdict.method.value,
            "why": said(told.outcome),
            "platform": told.outcome.platform or None,
            "info": told.outcome.info or None,
        }


def group_id(outcome: Outcome) -> str | None:
    """The group's id alone."""
    return None if outcome.group is None else outcome.group.id


def said(outcome: Outcome) -> str:
    """Why, with the platform's own word for it."""
    why = outcome.verdict.why
    if why is Why.REFUSED and outcome.said is not None:
        return f"{outcome.said.value}, says {outcome.platform or 'the platform'}"
    return why.value


def refusal_remedy(outcome: Outcome) -> str:
    """What to do about a refusal."""
    if outcome.said is Word.NO_CREDIT:
        return "the driver tops up the account with the company on the card"
    if outcome.said is Word.NOT_ALLOWED:
        return "this token may not charge here: the driver asks the company on the card"
    return _REMEDIES.get(outcome.verdict.why, _NOBODY)


def obstacle(guard: Guard) -> tuple[str, str] | None:
    """Why nobody can begin at a connector now, vehicle or not, and what to do; `None`: nothing."""
    name = guard.settings.connector
    if guard.found is not None:
        what = f"connector {name}: a session of before the restart is looked at first"
        return what, "try again in half a minute"
    if not guard.durable:
        return (
            "the ledger cannot be written, no session would be billed",
            "see the log for ledger_unavailable; free or remount the disk, restart the agent",
        )
    if not guard.in_service:
        return f"connector {name} is out of service", f"put it back: laddvakt connector {name} in"
    if guard.connector.life.state is State.FAULTED:
        return f"connector {name} is faulted", "see: laddvakt faults"
    return None


def plugged(guard: Guard) -> bool:
    """Whether the pilot says that a vehicle is there."""
    pilot = guard.inputs.pilot
    return pilot is not None and pilot.value in (Pilot.B, Pilot.C, Pilot.D)
