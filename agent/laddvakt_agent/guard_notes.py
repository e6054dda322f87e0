"""What a guard writes down of its core's moves and faults."""

from __future__ import annotations

from datetime import datetime

import structlog

from laddvakt_agent.core.model import (
    ContactorCommanded,
    FaultCleared,
    FaultRaised,
    FaultUpdated,
    LimitCommanded,
    StateChanged,
)
from laddvakt_agent.faultbook import FaultBook

log = structlog.get_logger()


def note_fault(
    book: FaultBook,
    connector: str,
    effect: FaultRaised | FaultUpdated | FaultCleared,
    wall: datetime,
) -> None:
    """Into the log and the book; `wall`: now."""
    if isinstance(effect, FaultCleared):
        code, subject = effect.code, effect.subject
        log.info("fault_cleared", connector=connector, code=code, subject=subject)
        book.cleared(connector, code, subject, wall)
        return
    fault = effect.fault
    log.warning(
        "fault_raised" if isinstance(effect, FaultRaised) else "fault_updated",
        connector=connector,
        code=fault.code,
        subject=fault.subject,
        act=fault.act.name.lower(),
        evidence=fault.evidence,
        locked_out=fault.locked_out,
    )
    book.raised(connector, fault, wall)


def note_move(connector: str, effect: ContactorCommanded | LimitCommanded | StateChanged) -> None:
    """Into the log."""
    match effect:
        case ContactorCommanded(closed=closed, reason=reason):
            moves = "contactor_closing" if closed else "contactor_opening"
            log.info(moves, connector=connector, reason=reason)
        case LimitCommanded(limit_a=limit_a, reason=reason):
            log.info("limit_set", connector=connector, limit_a=limit_a, reason=reason)
        case StateChanged(before=before, after=after, reason=reason):
            log.info(
                "state_changed",
                connector=connector,
                before=before.value,
                after=after.value,
                reason=reason,
            )
