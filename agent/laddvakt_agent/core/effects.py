"""What differs between two states, in the order in which the shell must carry it out.

Opening and lowering come first. What must survive is written down before anything closes again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from laddvakt_agent.core.faults.rules import Act, Recovery
from laddvakt_agent.core.life.state import Life, Trail
from laddvakt_agent.core.model import (
    ActiveFault,
    ContactorCommanded,
    Effect,
    FaultCleared,
    FaultRaised,
    FaultUpdated,
    Latch,
    LatchesChanged,
    LimitCommanded,
    LockCommanded,
    PhasesCommanded,
    ReservationDropped,
    SessionBegun,
    SessionEnded,
    StateChanged,
    StateFCommanded,
)
from laddvakt_agent.core.recover.tracks import Summary, Track, as_fault, as_latch

STOPPED_CODES = frozenset({"emergency_stop", "enclosure_open"})  # by a person: nothing is broken


def differences(
    before: tuple[Life, tuple[Track, ...]],
    after: tuple[Life, tuple[Track, ...]],
    faults: Summary,
    trails: Sequence[Trail],
    *,
    unwritten: bool = False,
) -> tuple[Effect, ...]:
    """Everything the shell has to do or to write down.

    `unwritten`: the latches of `before` were never told, so those of `after` are in any case.
    """
    (was, old_tracks), (now, new_tracks) = before, after
    effects: list[Effect] = []
    if was.closed and not now.closed:
        effects.append(ContactorCommanded(closed=False, reason=_reason(now, faults)))
    if now.limit_a < was.limit_a:
        effects.append(LimitCommanded(limit_a=now.limit_a, reason=_offer_reason(was, now, faults)))
    effects += _gear(was, now)
    if unwritten or old_tracks != new_tracks:  # equal tracks are most often the very same
        latches = _latches(new_tracks)
        if unwritten or latches != _latches(old_tracks):
            effects.append(LatchesChanged(latches=latches))
    if now.limit_a > was.limit_a:
        effects.append(LimitCommanded(limit_a=now.limit_a, reason=_offer_reason(was, now, faults)))
    if now.closed and not was.closed:
        effects.append(ContactorCommanded(closed=True, reason=now.reason))
    effects += _faults(old_tracks, new_tracks)
    if _dropped(now, new_tracks) and not _dropped(was, old_tracks):
        effects.append(ReservationDropped(reason=f"out of order: {faults.code}"))
    effects += _trails(trails)
    return tuple(effects)


def _reason(life: Life, faults: Summary) -> str:
    blocked = faults.act >= Act.RAMP
    return f"{life.power_reason}: {faults.code}" if blocked else life.power_reason


def _offer_reason(was: Life, now: Life, faults: Summary) -> str:
    if was.limit_a > 0.0 and now.limit_a > 0.0:
        return "derated" if now.limit_a < was.limit_a else "restored"
    return _reason(now, faults)


def _gear(was: Life, now: Life) -> Iterator[Effect]:
    """Lock, poles and state F: after what opens, before what closes or offers."""
    if now.state_f is not was.state_f:
        reason = "tripped" if now.state_f else "shown long enough"
        yield StateFCommanded(on=now.state_f, reason=reason)
    if now.phases_since_s != was.phases_since_s:
        yield PhasesCommanded(phases=now.phases, reason=f"{now.phases} wanted")
    tried = (now.locked, now.lock_since_s, now.lock_told)
    if now.lock_tries and tried != (was.locked, was.lock_since_s, was.lock_told):
        yield LockCommanded(locked=now.locked, reason=now.lock_reason)


def _dropped(life: Life, tracks: tuple[Track, ...]) -> bool:
    return life.reserved and any(map(out_of_order, tracks))


def out_of_order(track: Track) -> bool:
    """It stands in the way of a session until a person has put something right."""
    if not track.standing or track.act < Act.FINISH or track.rule.code in STOPPED_CODES:
        return False
    return track.locked_out or track.needs in (Recovery.MANUAL, Recovery.LOCAL, Recovery.SERVICE)


def _latches(tracks: tuple[Track, ...]) -> tuple[Latch, ...]:
    return tuple(latch for latch in map(as_latch, tracks) if latch is not None)


def _faults(before: tuple[Track, ...], after: tuple[Track, ...]) -> Iterator[Effect]:
    if before == after:
        return
    old, new = _standing(before), _standing(after)
    for key, fault in new.items():
        if key not in old:
            yield FaultRaised(fault=fault)
        elif _told(old[key]) != _told(fault):
            yield FaultUpdated(fault=fault)
    for code, subject in old:
        if (code, subject) not in new:
            yield FaultCleared(code=code, subject=subject)


def _told(fault: ActiveFault) -> tuple[object, ...]:
    counted = (fault.retries_used, fault.since_s)
    return fault.act, fault.locked_out, fault.flapping, fault.evidence, *counted


def _standing(tracks: tuple[Track, ...]) -> dict[tuple[str, str], ActiveFault]:
    return {(t.rule.code, t.subject): as_fault(t) for t in tracks if t.standing}


def _trails(trails: Sequence[Trail]) -> Iterator[Effect]:
    for trail in trails:
        if trail.begun:
            yield SessionBegun()
        for move in trail.moves:
            yield StateChanged(before=move.before, after=move.after, reason=move.reason)
        if trail.ended is not None:
            yield SessionEnded(reason=trail.ended)
