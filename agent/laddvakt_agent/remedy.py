"""What ends a fault, in words and as the command to type."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from laddvakt_agent.core.faults.catalogue import FaultRule, Recovery
from laddvakt_agent.core.inputs import Reset
from laddvakt_agent.core.model import ActiveFault
from laddvakt_agent.faultbook import Entry

RESET_FOR: Mapping[Recovery, Reset] = {  # the weakest reset that lifts it; AUTO takes none
    Recovery.UNPLUG: Reset.LOCAL,
    Recovery.MANUAL: Reset.MANUAL,
    Recovery.LOCAL: Reset.LOCAL,
    Recovery.SERVICE: Reset.SERVICE,
}
_OPTIONS = {Reset.MANUAL: "", Reset.LOCAL: " --local", Reset.SERVICE: " --service"}


def reset_command(connector: str, reset: Reset) -> str:
    """The command that gives this reset."""
    return f"laddvakt connector {connector} reset{_OPTIONS[reset]}"


def remedy(needs: Recovery, connectors: Collection[str]) -> str:
    """Who must do what for the fault to end."""
    if needs is Recovery.AUTO:
        return "nothing to do: it ends by itself once its condition is gone"
    reset = RESET_FOR[needs]
    commands = "; ".join(reset_command(name, reset) for name in sorted(connectors))
    match needs:
        case Recovery.UNPLUG:
            return f"unplug the vehicle (or, at the charger: {commands})"
        case Recovery.MANUAL:
            return f"once its condition is gone, reset it: {commands}"
        case Recovery.LOCAL:
            return f"look at the charger; once the condition is gone, reset it there: {commands}"
        case Recovery.SERVICE:
            return f"repair and test it, then reset it as root: {commands}"


def next_step(rule: FaultRule, entry: Entry, now_s: float) -> str:
    """What happens now with a fault of the book, or who must do something."""
    fault = entry.fault
    if entry.cleared_at is not None:
        return "over"
    if not entry.connectors:
        return "stood before the restart; over in 30 s unless it is seen again"
    needs = _needs(rule, fault)
    if needs is not Recovery.AUTO:
        locked = "locked out: " if fault.locked_out else ""
        return locked + remedy(needs, entry.connectors)
    return _by_itself(rule, fault, now_s)


def _needs(rule: FaultRule, fault: ActiveFault) -> Recovery:
    """What lifts it now. A spent budget whose lock-out is the unplug is not shown as locked out."""
    spent = rule.recovery is Recovery.AUTO and fault.retry_at_s is None
    if fault.locked_out or (spent and rule.lockout is Recovery.UNPLUG):
        return rule.lockout
    return rule.recovery


def _by_itself(rule: FaultRule, fault: ActiveFault, now_s: float) -> str:
    gone = f"has been gone for {rule.clear_s:g} s" if rule.clear_s > 0 else "is gone"
    words = f"ends by itself once its condition {gone}"
    wait_s = 0.0 if fault.retry_at_s is None else fault.retry_at_s - now_s
    if wait_s >= 1.0:
        words += f", not before {wait_s:.0f} s from now"
    if rule.retries is not None:
        words += f"; {fault.retries_used} of {rule.retries} retries used"
    return words
