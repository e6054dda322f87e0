"""What can be said of a session that was lost, by the bill that was not."""

from __future__ import annotations

from laddvakt_agent.ledger.rows import SessionRow
from laddvakt_agent.published import CdrRecord


def session_of(cdr: CdrRecord) -> SessionRow:
    """A session as its bill knows it."""
    session = cdr.session
    return SessionRow(
        id=session.id,
        connector=session.connector_id,
        evse_uid=session.evse_uid,
        token=session.token,
        auth_method=session.auth_method,
        boot_id="",
        begun_s=0.0,
        begun_wall=session.started_at,
        meter_id=session.meter_id,
        start_wh=session.start_wh,
        ended_s=0.0,
        ended_wall=session.ended_at,
        end_wh=cdr.end_wh,
        end_reason=cdr.remark,
        settled=True,
        authorization_reference=session.authorization_reference,
    )
