"""What the ledger says of the time in which no agent ran: found at the next start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from laddvakt_agent import __version__
from laddvakt_agent.ledger.interval_rows import (
    FAILED,
    NOT_RUNNING,
    PLANNED,
    STOPPED,
    UNKNOWN_CLASS,
    Instant,
    add,
    begun,
    end,
    running,
    start_of,
    starting,
    unknown,
    until,
)
from laddvakt_agent.ledger.rows import IntervalRow, SqlValue
from laddvakt_agent.ledger.store import Store

_PREVIOUS = (
    "SELECT boot_id, last_s, last_wall, ended, version FROM runs WHERE run < :run"
    " ORDER BY run DESC LIMIT 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    boot_id: str
    last_s: float
    last_wall: datetime
    ended: bool
    version: str | None


def end_left_open(store: Store, stamp: Mapping[str, SqlValue]) -> None:
    """End what the previous run left running when it was last alive; unknown from then to now.

    Inside the same `write` as `begin_run`: dying between the two would falsify "last alive". After
    a crash the truth lies between the two bounds: it went on for a while after its last sign of
    life, for 5 minutes at most.
    """
    found = store.rows(_Run, _PREVIOUS, {"run": store.run})
    for left in running(store) if found else ():
        alive = _last_alive(found[0], left)
        started = _not_before(alive, start_of(store.boot))
        end(store, left.number, alive)
        add(store, until(_gap(store, found[0], left, alive), started), stamp)
        add(store, starting(left.evse_uid, left.connector, started), stamp)


def _gap(store: Store, run: _Run, left: IntervalRow, alive: Instant) -> IntervalRow:
    """Planned only where the agent was stopped in good order and a maintenance had begun before."""
    orderly = run.ended and left.cause != FAILED
    planned = orderly and left.cause_class == PLANNED
    gap = unknown(left.evse_uid, left.connector, alive, STOPPED if orderly else NOT_RUNNING)
    said = "; ".join(_said(store, run, orderly=orderly, planned=left if planned else None))
    return replace(gap, cause_class=PLANNED if planned else UNKNOWN_CLASS, evidence=said)


def _said(store: Store, run: _Run, *, orderly: bool, planned: IntervalRow | None) -> list[str]:
    said = ["stopped in good order" if orderly else "ended after this last sign of life"]
    if planned is not None:
        said.append(f"planned before: {planned.evidence or planned.cause}")
    if run.boot_id != store.boot.boot_id:
        said.append("the controller itself was started anew")
    if run.version not in (None, __version__):
        said.append(f"version {run.version} before, {__version__} after")
    return said


def _last_alive(run: _Run, left: IntervalRow) -> Instant:
    """The last sign of life, but never before the interval began."""
    if run.boot_id == left.begun_boot_id and run.last_s < left.begun_s:
        return begun(left)
    return Instant(boot_id=run.boot_id, at_s=run.last_s, at_wall=run.last_wall)


def _not_before(alive: Instant, started: Instant) -> Instant:
    """One boot's seconds do not run backwards, whatever a sign of life says."""
    if alive.boot_id == started.boot_id and started.at_s < alive.at_s:
        return alive
    return started
