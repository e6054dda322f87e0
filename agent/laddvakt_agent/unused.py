"""The bill of a reservation that nobody used, where its tariff wants something for it.

OCPI leaves it to the operator whether an unused reservation costs anything: the tariff says so, by
price components for RESERVATION or RESERVATION_EXPIRES. Without one there is no CDR.
"""

from __future__ import annotations

from dataclasses import replace

from laddvakt_agent.core import session as core
from laddvakt_agent.reserved import Held
from laddvakt_agent.session_records import cdr_record
from laddvakt_agent.sessions import Kept, SessionKeeper


def bill_unused(keeper: SessionKeeper, held: Held, now_s: float, *, expired: bool) -> bool:
    """Bill it; True: that was done, and the keeper tells the session's end from now on.

    `expired`: its time was over; else the platform has cancelled it.
    """
    now = keeper.wall_at(now_s)
    late_s = max((now - held.expires_at).total_seconds(), 0.0)  # the agent was away meanwhile
    since_s = held.begun(now_s, now).since_s
    reason = "reservation expired" if expired else "reservation cancelled"
    session = core.Session(
        id=held.session_id,
        connector=held.connector,
        begun_s=since_s,
        periods=(core.Period(start_s=since_s, start_wh=None, kind=core.Kind.RESERVED),),
        reservation=held.name,
        ended_s=max(now_s - late_s, since_s),
        end_reason=reason,
        settled=True,
    )
    kept = Kept(
        session=session,
        evse_uid=held.evse_uid,
        token=held.token,
        auth_method="COMMAND",
        authorization_reference=held.authorization_reference,
        tariff=keeper.tariff_at(held.since_at, held.token.type),
    )
    plain = replace(keeper.record(kept, now), waiting=True, expired=expired)
    record = keeper.priced(plain, kept.tariff)
    if record.cost is None or not record.cost.total.before_taxes:
        return False
    keeper.remember(record)
    keeper.save_closed(kept, replace(cdr_record(session, record, now), remark=reason))
    return True
