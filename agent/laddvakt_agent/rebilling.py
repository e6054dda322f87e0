"""A person takes a bill back, and may have it billed anew by another energy.

Both are written in one transaction, and told once they are on the disk. The bill itself stays as it
is: see mod_cdrs, Credit CDRs.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from laddvakt_agent.diagnostics.answers import Forbidden, NotPossible
from laddvakt_agent.ledger.errors import LedgerError
from laddvakt_agent.ledger.later import LONGEST_ID
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.pricing.costs import Pricer
from laddvakt_agent.published import CdrRecord, PeriodRecord, SessionRecord, ValueRecord
from laddvakt_agent.security_notes import SecurityNotes
from laddvakt_agent.uplink.objects import credit_of
from laddvakt_agent.uplink.text import string

LONGEST_REASON = 150  # characters: a remark has room for 255, and says more
MOST_WH = 10_000_000.0  # no session was ever as large
SHOW = "see: laddvakt ledger show cdrs"
_JUST_AFTER = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person asks for; without an energy the bill is taken back alone."""

    cdr_id: str
    reason: str
    energy_wh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebilled:
    """What stands in the ledger now."""

    credit: CdrRecord
    corrected: CdrRecord | None
    changed: bool  # else all of it stood there before
    waiting: tuple[CdrRecord, ...]  # of what is new, what somebody is to be told
    acks: tuple[AckRow, ...] = ()  # of all platforms, where some are not to be told


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebilling:
    """Takes bills back; in the agent's loop."""

    ledger: Ledger
    thread: LedgerThread
    now: Callable[[], datetime | None]  # the wall time; `None` while the clock is not set
    pricer: Pricer
    notes: SecurityNotes
    publish: Callable[[CdrRecord], None]
    remember: Callable[[tuple[AckRow, ...]], None] = lambda acks: None  # by the synchronisers

    async def take_back(self, wish: Wish, *, uid: int, privileged: bool) -> Rebilled:
        """Credit a bill; the same again changes nothing.

        Raises:
            NotPossible: there is nothing to take back, or it cannot be written now.
            Forbidden: the caller may not ask it.
        """
        result = "refused"
        try:
            done = await self._taken_back(wish, privileged=privileged)
            result = "done" if done.changed else "done before"
        except Forbidden:
            result = "forbidden"
            raise
        finally:
            self._note(wish, uid, result)
        if done.waiting and done.acks:
            self.remember(done.acks)
        for cdr in done.waiting:
            self.publish(cdr)
        return done

    def _note(self, wish: Wish, uid: int, result: str) -> None:
        anew = "" if wish.energy_wh is None else f", {wish.energy_wh:g} Wh instead"
        said = f"CDR {string(wish.cdr_id, LONGEST_ID)}{anew}: {_why(wish)}"
        self.notes.note(
            "access_control", "cdr_credited", source="local", who=f"uid {uid}", detail=said,
            result=result,
        )  # fmt: skip

    async def _taken_back(self, wish: Wish, *, privileged: bool) -> Rebilled:
        if not privileged:
            raise Forbidden("only root may take a bill back", "use sudo")
        _look(wish)
        now = self.now()
        if now is None:
            raise NotPossible(
                "the clock is not set, and a credit CDR bears its date",
                "wait until the time is known: laddvakt ledger show clock",
            )
        if not self.ledger.renewal.on_disk:
            raise NotPossible(
                "the ledger stands on no disk, so nothing is written for good",
                "see: laddvakt status",
            )
        try:
            return await self.thread.call(self._written, wish, now)
        except LedgerError as error:
            raise NotPossible(f"it could not be written: {error}", "then try again") from error

    # On the ledger's thread

    def _written(self, wish: Wish, now: datetime) -> Rebilled:
        later = self.ledger.later
        bill = _billed(later.cdr(wish.cdr_id), wish)
        credit = later.successor(bill.id)
        after = None if credit is None else later.successor(credit.id)
        if after is not None and not _same(after, wish):
            raise NotPossible(
                f"CDR {bill.id} was taken back before, and CDR {after.id} was billed instead",
                f"to take that one back: laddvakt ledger credit {after.id}",
            )
        new: list[CdrRecord] = []
        if credit is None:
            credit = credit_of(bill, max(now, bill.created_at + _JUST_AFTER))
            new.append(credit)
        if after is None and wish.energy_wh is not None:
            after = self._corrected(bill, credit, wish, max(now, credit.created_at))
            new.append(after)
        later.add(*new)
        acks: tuple[AckRow, ...] = ()
        if later.told_to_others_alone(credit.id):
            acks = tuple(chain.from_iterable(self.ledger.audience.everybody().values()))
        waiting = {cdr.id for cdr in self.ledger.cdrs(unacknowledged_only=True)} if new else set()
        return Rebilled(
            credit=credit,
            corrected=after,
            changed=bool(new),
            waiting=tuple(cdr for cdr in new if cdr.id in waiting),
            acks=acks,
        )

    def _corrected(
        self, bill: CdrRecord, credit: CdrRecord, wish: Wish, made_at: datetime
    ) -> CdrRecord:
        session = self._priced(bill, energy_of(bill.session, wish.energy_wh or 0.0))
        said = f"energy corrected by hand: {_why(wish)}"
        return replace(
            bill,
            # The same for the same credit: whoever asks twice at once gets one.
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"laddvakt {credit.id}")),
            session=session,
            cost=session.cost,
            remark="; ".join(part for part in (said, bill.remark) if part),
            created_at=made_at,
            credits=None,
            follows=credit.id,
        )

    def _priced(self, bill: CdrRecord, session: SessionRecord) -> SessionRecord:
        """By the tariff that was in force when the session began."""
        row = self.ledger.session(session.id)
        tariff = None if row is None else row.tariff
        if tariff is None:
            priced = self.pricer.again(session)
        else:
            priced = self.pricer.priced(replace(session, cost=None), tariff)
        if bill.cost is not None and (priced.cost is None or not session.periods):
            why = priced.unpriced or "its course is not known"
            raise NotPossible(
                f"CDR {bill.id} cannot be priced anew: {why}",
                "take it back without --energy-wh, and bill the session by other means",
            )
        return priced


def energy_of(session: SessionRecord, energy_wh: float) -> SessionRecord:
    """The session with another energy, shared out as its periods had it; nothing signs that."""
    return replace(
        session,
        energy_wh=energy_wh,
        periods=tuple(_shared(session.periods, energy_wh)),
        start=_unsigned(session.start),
        end=_unsigned(session.end),
    )


def _shared(periods: tuple[PeriodRecord, ...], energy_wh: float) -> Iterator[PeriodRecord]:
    """In whole mWh, as a running sum: they add up to the energy."""
    weights = [period.energy_wh for period in periods]
    if sum(weights) <= 0.0:  # nothing was measured: all of it while it charged
        weights = [period.duration_s if period.charging else 0.0 for period in periods]
    if sum(weights) <= 0.0:
        weights = [1.0 for _ in periods]
    whole, seen, told_mwh = sum(weights), 0.0, 0
    for place, (period, weight) in enumerate(zip(periods, weights, strict=True), start=1):
        seen += weight
        share = 1.0 if place == len(periods) else seen / whole
        before_mwh, told_mwh = told_mwh, round(energy_wh * 1000 * share)
        yield replace(period, energy_wh=(told_mwh - before_mwh) / 1000)


def _unsigned(value: ValueRecord | None) -> ValueRecord | None:
    return None if value is None else replace(value, signed=None)


def _why(wish: Wish) -> str:
    return string(wish.reason, LONGEST_REASON)


def _look(wish: Wish) -> None:
    """Refuse what nobody could mean.

    Raises:
        NotPossible: it is so.
    """
    if not _why(wish) or len(wish.reason) > LONGEST_REASON:
        raise NotPossible(
            f"a bill is taken back for a reason of at most {LONGEST_REASON} characters",
            "say why: --reason TEXT",
        )
    if wish.energy_wh is not None and not 0.0 <= wish.energy_wh <= MOST_WH:
        raise NotPossible(
            f"{wish.energy_wh:g} Wh is no session's energy",
            f"give --energy-wh from 0 to {MOST_WH:.0f}",
        )


def _billed(found: CdrRecord | None, wish: Wish) -> CdrRecord:
    if found is None:
        raise NotPossible(f"there is no CDR {wish.cdr_id}", SHOW)
    if found.credits is not None:
        raise NotPossible(
            f"CDR {found.id} takes CDR {found.credits} back: it cannot be taken back itself",
            "to bill the session again: laddvakt ledger credit "
            f"{found.credits} --reason TEXT --energy-wh N",
        )
    return found


def _same(corrected: CdrRecord, wish: Wish) -> bool:
    return wish.energy_wh is not None and abs(corrected.session.energy_wh - wish.energy_wh) < 0.001
