"""What must hold after every cut: the truth of the plant, the ledger and the backend agree."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from crash.backend import Backend
from crash.life import Life
from crash.promise import Content, Promise, content
from crash.world import BOUNCE_S, EPOCH, HOLD_S, START_S, World
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger import latches as latch_files
from laddvakt_agent.ledger.rows import IntervalRow
from laddvakt_agent.published import CdrRecord
from laddvakt_agent.uplink import objects
from laddvakt_agent.uplink_link import settings_from

RESOLUTION_WH = 1.0
APPROXIMATE = "times approximate"
SLACK_S = 3.0  # between two looks at the plant
_TIMES = frozenset(
    {"last_updated", "start_date_time", "end_date_time", "charging_periods"}
)  # the backend has them corrected
RAMP_S = 10.0  # an ended session's current may take so long to fall
REPEATED = (  # its answer was lost, it is told again; what lies there is compared in the end
    "is already here",
    "the session is COMPLETED, it may not be modified",
)
Latches = tuple[Latch, ...]
_LATCH_FILES = ("latches.a", "latches.b")


@dataclass(slots=True)
class Memory:
    """What was promised before the cut, beside the rows of the ledger."""

    asked: dict[str, Latches] = field(default_factory=dict)  # the core wants them kept
    kept: dict[str, Latches] = field(default_factory=dict)  # … and was told that they are
    under_way: tuple[str, Latches] | None = None
    files: dict[str, int] = field(default_factory=dict)  # latch file → sequence promised
    vehicle_of: dict[str, int] = field(default_factory=dict)  # session → which vehicle it is of
    lives: int = 0
    begun_in: dict[str, int] = field(default_factory=dict)  # session → the life it closed in first
    resumed: bool = False
    closed_s: dict[str, float] = field(default_factory=dict)  # session → its first closing


def found_content(directory: Path) -> tuple[Content | None, list[str]]:
    """The ledger as the cut left it, read from a copy; and what SQLite finds wrong with it."""
    if not (directory / "ledger.db").exists():
        return None, []
    with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
        for path in directory.glob("ledger.db*"):
            shutil.copy(path, scratch)
        try:
            with closing(sqlite3.connect(Path(scratch) / "ledger.db")) as connection:
                told = connection.execute("PRAGMA integrity_check").fetchall()
                wrong = [] if told == [("ok",)] else [f"integrity_check: {told}"]
                return content(connection), wrong
        except sqlite3.DatabaseError as error:
            return None, [f"the ledger is damaged: {error}"]


def kept_rows(found: Content | None, promise: Promise) -> list[str]:
    """Whether the ledger holds every row that was promised, and no half of a commit."""
    broken = promise.broken_by(found)
    return [] if broken is None else [f"promise broken: {broken}"]


def kept_latch_files(directory: Path, memory: Memory) -> list[str]:
    """Whether each latch file that was written is whole and as new as promised."""
    wrong = []
    for name, sequence in memory.files.items():
        path = directory / name
        copy = latch_files.decode(path.read_bytes(), path) if path.exists() else None
        if copy is None or copy.sequence < sequence:
            wrong.append(f"{name}: promised sequence {sequence}, found {copy and copy.sequence}")
    return wrong


def latch_sequences(directory: Path) -> dict[str, int]:
    """The sequences of the latch files as they are."""
    paths = [directory / name for name in _LATCH_FILES if (directory / name).exists()]
    copies = {path.name: latch_files.decode(path.read_bytes(), path) for path in paths}
    return {name: copy.sequence for name, copy in copies.items() if copy is not None}


def kept_latches(life: Life, memory: Memory) -> list[str]:
    """Whether the restarted agent knows every latch it had been told is kept."""
    if life.ledger.damaged_aside is not None:
        return [f"the ledger was set aside as damaged: {life.ledger.damage}"]
    loaded, lost = life.ledger.load_latches()
    wrong = ["latches lost"] if lost else []
    for name, kept in memory.kept.items():
        ways = [_essence(kept)]
        if memory.under_way is not None and memory.under_way[0] == name:
            ways.append(_essence(memory.under_way[1]))
        if _essence(loaded.get(name, ())) not in ways:
            wrong.append(f"latches of {name}: promised {kept}, found {loaded.get(name)}")
    return wrong


def _essence(latches: Latches) -> set[tuple[object, ...]]:
    return {
        (one.code, one.subject, one.locked_out, one.active, len(one.spent_s)) for one in latches
    }


def may_close(life: Life, memory: Memory, promise: Promise, name: str) -> list[str]:
    """Whether the contactor may close, or stay closed, now."""
    keeper, world = life.guards[name].keeper, life.world
    closing = world.relays[name].until_s is None  # else it is renewed
    session = "" if keeper.running is None else keeper.running.session.id
    if not session:
        ended = [kept.session.ended_s for kept in keeper.ending if kept.session.ended_s is not None]
        ramps = bool(ended) and world.boot_s() <= max(ended) + RAMP_S
        return [] if ramps and not closing else [f"connector {name}: closed without a session"]
    wrong = []
    memory.closed_s.setdefault(session, world.now_s)
    memory.resumed |= memory.begun_in.setdefault(session, memory.lives) != memory.lives
    if memory.vehicle_of.setdefault(session, world.vehicles[name]) != world.vehicles[name]:
        wrong.append(f"connector {name}: session {session} went on with another vehicle")
    if closing:
        rows = (promise.kept or {}).get("sessions", {}).values()
        if not any(row[0] == session for row in rows):
            wrong.append(f"connector {name}: closed before session {session} was kept")
        asked = memory.asked.get(name, ())
        if _essence(asked) != _essence(memory.kept.get(name, ())):
            wrong.append(f"connector {name}: closed before its latches were kept")
    return wrong


def may_tell(promise: Promise, url: str, body: dict[str, object]) -> list[str]:
    """Whether this may be sent: a CDR, or that a session is over, only once the ledger has it."""
    session = url.rsplit("/", 1)[-1] if body.get("status") == "COMPLETED" else None
    bills = "session_id" in body and "total_energy" in body
    rows = (promise.kept or {}).get("cdrs", {}).values()
    if bills and not any(row[0] == body.get("id") for row in rows):
        return [f"CDR {body.get('id')} sent before it was kept"]
    if session and not any(row[1] == session for row in rows):
        return [f"end of session {session} told before its bill was kept"]
    return []


def agree(life: Life, world: World, backend: Backend, memory: Memory) -> list[str]:
    """Plant, ledger and backend, once everything is delivered."""
    cdrs = life.ledger.cdrs()
    wrong = [*world.wrongs, *_energy(cdrs, world), *_billed(life, cdrs, backend)]
    wrong += _times(backend, memory)
    wrong += [
        f"connector closed for {window_s:.2f} s after a kill"
        for window_s in world.windows_s
        if window_s > HOLD_S + BOUNCE_S
    ]
    for guard in life.guards.values():
        rows = life.ledger.intervals(guard.evse_uid)
        wrong += _contiguous(guard.evse_uid, tuple(reversed(rows)))
    wrong += _faults(life, backend) + _statuses(life, backend)
    chain = life.ledger.security.verify()
    wrong += [] if chain.whole else [f"security log: {chain}"]
    refusals = [text for text in backend.refusals if not any(word in text for word in REPEATED)]
    return wrong + [f"refused by the backend: {text}" for text in refusals] + life.errors


def _energy(cdrs: tuple[CdrRecord, ...], world: World) -> list[str]:
    """What was billed is what flowed, to the register's resolution in each session."""
    wrong = []
    for name in world.charger.connectors:
        own = [cdr for cdr in cdrs if cdr.session.connector_id == name]
        billed_wh, flowed_wh = sum(cdr.session.energy_wh for cdr in own), world.energy_wh(name)
        slack_wh = RESOLUTION_WH * max(len(own), 1)
        estimated = any("estimated" in (cdr.remark or "") for cdr in own)
        if billed_wh > flowed_wh + slack_wh or (billed_wh < flowed_wh - slack_wh and not estimated):
            wrong.append(f"connector {name}: billed {billed_wh} Wh of {flowed_wh:.2f} Wh")
    return wrong


def _billed(life: Life, cdrs: tuple[CdrRecord, ...], backend: Backend) -> list[str]:
    """Every session has one CDR here and there, and they are the same."""
    (uplink,) = life.config.uplink
    settings = settings_from(life.config, uplink, "token")
    wrong = [f"session {row.id} is not billed" for row in life.ledger.open_sessions()]
    there = backend.objects("cdrs")
    sessions = backend.objects("sessions")
    here = {cdr.session.id: objects.cdr(settings, cdr) for cdr in cdrs}
    if len(here) != len(cdrs):
        wrong.append(f"{len(cdrs)} CDRs for {len(here)} sessions")
    if sorted(str(cdr["session_id"]) for cdr in there.values()) != sorted(here):
        wrong.append(f"CDRs in the ledger {sorted(here)}, at the backend {sorted(there)}")
    for session_id, cdr in here.items():
        told = next((c for c in there.values() if c["session_id"] == session_id), {})
        wrong += [
            f"CDR {session_id}: {name} is {cdr[name]} here, {told.get(name)} there"
            for name in cdr.keys() - _TIMES
            if cdr[name] != told.get(name) and name != "remark"
        ]
        session = sessions.get(session_id, {})
        if session.get("status") != "COMPLETED" or session.get("kwh") != cdr["total_energy"]:
            wrong.append(f"session {session_id} at the backend: {session}")
    wrong += [f"session {name} only at the backend" for name in sessions.keys() - here.keys()]
    return wrong


def _times(backend: Backend, memory: Memory) -> list[str]:
    """Every CDR at the backend lies where its session truly was, whatever the clock said then."""
    wrong = []
    for cdr in backend.objects("cdrs").values():
        start_s, end_s = _true_s(cdr["start_date_time"]), _true_s(cdr["end_date_time"])
        closed = memory.closed_s.get(str(cdr["session_id"]))
        early = closed is not None and start_s > closed + SLACK_S
        unknown = APPROXIMATE in str(cdr.get("remark"))  # no clock was ever right in that boot
        odd = early or start_s < START_S - SLACK_S
        if end_s < start_s or (odd and not unknown):
            wrong.append(f"CDR {cdr['id']}: from {start_s:.1f} to {end_s:.1f} s, truly {closed}")
    return wrong


def _true_s(told: object) -> float:
    """A time at the backend in the world's seconds."""
    return (datetime.fromisoformat(str(told)) - EPOCH).total_seconds()


def _contiguous(evse_uid: str, rows: tuple[IntervalRow, ...]) -> list[str]:
    """From the first start on every moment has one status, and one interval is open."""
    wrong = []
    for before, after in pairwise(rows):
        ended = (before.ended_boot_id, before.ended_s)
        if ended != (after.begun_boot_id, after.begun_s):
            wrong.append(
                f"{evse_uid}: {before.status} ended {ended}, "
                f"{after.status} began {(after.begun_boot_id, after.begun_s)}"
            )
    for row in rows:
        same = row.ended_s is not None and row.begun_boot_id == row.ended_boot_id
        if same and row.ended_s is not None and row.ended_s < row.begun_s:
            wrong.append(f"{evse_uid}: {row.status} lasts {row.ended_s - row.begun_s} s")
    still = [row for row in rows if row.ended_wall is None]
    if len(still) != 1:
        wrong.append(f"{evse_uid}: {len(still)} open intervals")
    return wrong


def _faults(life: Life, backend: Backend) -> list[str]:
    """Every fault of the ledger is known at the backend, cleared or not."""
    there = backend.objects("faults")
    wrong = []
    for row in life.ledger.faults():
        told = there.get(row.id)
        if told is None:
            wrong.append(f"fault {row.code} {row.id} never reached the backend")
        elif bool(told.get("cleared_at")) is not (row.cleared_wall is not None):
            wrong.append(f"fault {row.code}: cleared {row.cleared_wall} here, {told} there")
    known = {row.id for row in life.ledger.faults()}
    return wrong + [f"fault {name} only at the backend" for name in there.keys() - known]


def _statuses(life: Life, backend: Backend) -> list[str]:
    """The backend shows the status each EVSE has."""
    shown: dict[str, object] = {}
    for place in backend.objects("locations").values():
        evses = place["evses"]
        assert isinstance(evses, list)
        shown |= {str(evse["uid"]): evse["status"] for evse in evses}
    here = {uid: state.status.value for uid, state in life.parts.publisher.evses.items()}
    return [] if shown == here else [f"statuses {here} here, {shown} at the backend"]
