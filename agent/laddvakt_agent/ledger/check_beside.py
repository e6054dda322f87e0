"""What lies beside the ledger: the latches' copies, what was set aside, telemetry, the disk."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from laddvakt_agent.ledger import aside
from laddvakt_agent.ledger.files import NAME
from laddvakt_agent.ledger.latches import FILES, CopyState, FoundCopy, examine, look_at
from laddvakt_agent.ledger.points import Point, note, ok, wrong
from laddvakt_agent.ledger.quota import MB, Use
from laddvakt_agent.ledger.reading import Reading, beside, opened

TELEMETRY = "telemetry.db"
_MARKER = "latches.written"
_KEPT = "latches in the ledger"
_TRIES = 5  # the agent may be between writing the file and the ledger
_BETWEEN_S = 0.05
_NEXT_START = "the next start of the agent sets it aside and goes on with the others"


def latches(reading: Reading) -> Iterator[Point]:
    """Each copy, and whether they agree."""
    if reading.path.name != NAME:  # a backup: what lies beside it is of another ledger
        yield _copy_point(_KEPT, _kept(reading), reading.path)
        return
    path = reading.path
    copies = {**_files(path), _KEPT: _kept(reading)}
    for name, found in copies.items():
        yield _copy_point(name, found, path if name == _KEPT else path.with_name(name))
    whole = any(found.copy is not None for found in copies.values())
    if whole:
        yield _agreement(path, copies)
    elif path.with_name(_MARKER).exists():
        yield wrong(
            "latches",
            "lost: no copy is whole",
            where=str(path.parent),
            remedy="the agent holds every connector (latches_lost); look at the charger, "
            "then: laddvakt connector N reset --local",
        )


def check(path: Path) -> Iterator[Point]:
    """The files beside this ledger."""
    yield from _set_aside(path)
    yield from _telemetry(path.with_name(TELEMETRY))
    yield _sizes(path)


def _files(path: Path) -> dict[str, FoundCopy]:
    return {name: look_at(path.with_name(name)) for name in FILES}


def _kept(reading: Reading) -> FoundCopy:
    found = reading.raw.execute("SELECT copy FROM latches").fetchone()
    return FoundCopy(state=CopyState.MISSING) if found is None else examine(found[0].encode())


def _copy_point(name: str, found: FoundCopy, where: Path) -> Point:
    if found.copy is not None:
        said = f"{found.state.value}, number {found.copy.sequence}"
        return ok(name, said, str(where))
    if found.state is CopyState.MISSING:  # the first one is not written yet, or was set aside
        return ok(name, "none", str(where))
    said = f"{found.state.value}: {found.detail}"
    remedy = _NEXT_START if found.state is not CopyState.NEWER else "install that version again"
    return wrong(name, said, where=str(where), remedy=remedy)


def _agreement(path: Path, copies: dict[str, FoundCopy]) -> Point:
    """The agent writes the file first: it may be caught between the two."""
    for _ in range(_TRIES):
        said = _disagreement(copies)
        if not said:
            return ok("latches", "the newest file and the ledger agree", str(path.parent))
        time.sleep(_BETWEEN_S)
        files = _files(path)
        with opened(path) as reading:
            copies = {**files, _KEPT: _kept(reading)}
    if copies[_KEPT].copy is not None and not any(copies[name].copy for name in FILES):
        return note("latches", said, str(path.parent), "a file is written at the next change")
    return wrong(
        "latches",
        said,
        where=str(path.parent),
        remedy="the next start of the agent takes the newest and brings the ledger up to it",
    )


def _disagreement(copies: dict[str, FoundCopy]) -> str:
    """How files and ledger differ; empty: not at all."""
    kept = copies[_KEPT].copy
    files = [copies[name].copy for name in FILES]
    newest = max((c for c in files if c is not None), key=lambda c: c.sequence, default=None)
    if newest is None or kept is None:
        return "only the ledger has them" if newest is None else "only the files have them"
    if newest.sequence != kept.sequence:
        return f"the files are at number {newest.sequence}, the ledger at {kept.sequence}"
    return "" if newest == kept else "the same number, and not the same latches"


def _set_aside(path: Path) -> Iterator[Point]:
    due = {found.name for found in aside.due(path)}
    for found in sorted(path.parent.glob("*.damaged-*")):
        if found.name.endswith(aside.COMPANIONS):
            continue
        said = f"set aside as damaged, {found.stat().st_size / MB:.1f} MB"
        if found.name in due:
            said += "; what can be read of it is not in the ledger yet"
            remedy = "start the agent: it takes it over"
        else:
            remedy = "copy it away if somebody shall examine it, then delete it"
        yield note("aside", said, str(found), remedy)


def _telemetry(path: Path) -> Iterator[Point]:
    if not path.exists():
        return
    with ExitStack() as stack:
        try:
            rows = beside(path, stack).execute("PRAGMA quick_check(1)").fetchall()
            said = "" if rows == [("ok",)] else str(rows[0][0])
        except (sqlite3.Error, OSError) as error:
            said = str(error)
    if not said:
        yield ok("telemetry", "every page", str(path))
        return
    yield wrong(
        "telemetry",
        said,
        where=str(path),
        remedy="the agent sets it aside at its next start; only means and statistics are lost",
    )


def _sizes(path: Path) -> Point:
    disk = shutil.disk_usage(path.parent)
    use = Use(
        ledger=_bytes(path) + sum(_bytes(path.with_name(name)) for name in FILES),
        ledger_free=0,
        telemetry=_bytes(path.with_name(TELEMETRY)),
        aside=sum(p.stat().st_size for p in path.parent.glob("*.damaged-*") if p.is_file()),
        disk_free=disk.free,
        disk=disk.total,
    )
    said = (
        f"ledger {use.ledger / MB:.1f} MB, telemetry {use.telemetry / MB:.1f} MB, set aside "
        f"{use.aside / MB:.1f} MB of at most {use.quota / MB:.0f} MB; "
        f"{use.disk_free / MB:.0f} MB of the disk are free"
    )
    if max(use.over, use.short) <= 0:
        return ok("room", said, str(path.parent))
    return note("room", said, str(path.parent), "free space on this file system")


def _bytes(path: Path) -> int:
    """A database with its log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.is_file())
