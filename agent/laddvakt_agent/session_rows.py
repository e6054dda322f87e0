"""Sessions as rows of the ledger, and back.

The whole of a session stands in the row's `core`; the columns beside it hold what an older version
of Laddvakt knows. That one may have gone on with the session, so where the two disagree the columns
win, and what only `core` knows is kept as far as it can still be true.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec
import structlog

from laddvakt_agent.core import session as core
from laddvakt_agent.ledger.rows import SessionRow
from laddvakt_agent.published import TokenRef

log = structlog.get_logger()

_ROUNDED_S = 1e-6
ESTIMATED_BEFORE = "estimated by an earlier version"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stretch:
    """A period as every version knows it."""

    start_s: float
    start_wh: float | None
    charging: bool
    held: bool = False


def to_row(
    session: core.Session,
    *,
    evse_uid: str,
    token: TokenRef,
    auth_method: str,
    meter_id: str | None,
    boot_id: str,
    wall_at: Callable[[float], datetime],
    authorization_reference: str | None = None,
    tariff: str | None = None,
) -> SessionRow:
    """The session with who charges; `wall_at` gives the wall time of a second of this boot."""

    def wall(boot_s: float | None) -> datetime | None:
        return None if boot_s is None else wall_at(boot_s)

    return SessionRow(
        id=session.id,
        connector=session.connector,
        evse_uid=evse_uid,
        token=token,
        auth_method=auth_method,
        boot_id=boot_id,
        begun_s=session.begun_s,
        begun_wall=wall_at(session.begun_s),
        meter_id=session.serial or meter_id,
        start_wh=session.start_wh,
        last_wh=session.last_wh,
        last_taken_s=session.last_taken_s,
        last_wall=wall(session.last_taken_s),
        ended_s=session.ended_s,
        ended_wall=wall(session.ended_s),
        end_wh=session.end_wh,
        end_reason=session.end_reason,
        settled=session.settled,
        estimated=session.estimated,
        periods=msgspec.json.encode([_stretch(period) for period in session.periods]).decode(),
        core=msgspec.json.encode(session).decode(),
        unbilled=session.unbilled,
        authorization_reference=authorization_reference,
        tariff=tariff,
    )


def to_session(row: SessionRow) -> core.Session:
    """The session of a row, in the seconds of the row's boot.

    Raises:
        msgspec.DecodeError: the periods cannot be read; nothing can be made of the row.
    """
    known = _core(row)
    stretches = msgspec.json.decode(row.periods, type=tuple[_Stretch, ...])
    if known is None:
        return _of_columns(row, _bare(row), stretches)
    if known.begun_s != row.begun_s:  # moved to another boot by a version that knows no `core`
        known = _snapped(core.shift(known, row.begun_s - known.begun_s), row, stretches)
    return known if _agrees(row, known, stretches) else _of_columns(row, known, stretches)


def read_session(row: SessionRow) -> core.Session:
    """Rubbish in one row keeps no agent from starting: the registers still give the energy."""
    try:
        return to_session(row)
    except msgspec.DecodeError as error:
        log.error("session_half_readable", session=row.id, error=str(error), effect="no periods")
        return to_session(replace(row, periods="[]", core=None))


def _core(row: SessionRow) -> core.Session | None:
    """What `core` says; `None` where it is absent, damaged or of another session."""
    if row.core is None:
        return None
    try:
        known = msgspec.json.decode(row.core, type=core.Session)
    except msgspec.DecodeError:
        return None
    return known if known.id == row.id and known.periods else None


def _snapped(known: core.Session, row: SessionRow, stretches: tuple[_Stretch, ...]) -> core.Session:
    """The moved session with the columns' own times, where they differ by rounding alone."""

    def at(known_s: float, row_s: float | None) -> float:
        return row_s if row_s is not None and abs(known_s - row_s) < _ROUNDED_S else known_s

    last, ended_s, periods = known.last, known.ended_s, known.periods
    pairs = zip(periods, stretches, strict=False)
    same = tuple(replace(p, start_s=at(p.start_s, stretch.start_s)) for p, stretch in pairs)
    return replace(
        known,
        begun_s=row.begun_s,
        periods=(*same, *periods[len(same) :]),
        last=None if last is None else replace(last, taken_s=at(last.taken_s, row.last_taken_s)),
        ended_s=None if ended_s is None else at(ended_s, row.ended_s),
    )


def _agrees(row: SessionRow, known: core.Session, stretches: tuple[_Stretch, ...]) -> bool:
    """Whether the columns are those of this session."""
    said = (
        *(row.connector, row.start_wh, row.last_wh, row.last_taken_s, row.ended_s, row.end_wh),
        *(row.end_reason, row.settled, row.estimated, row.unbilled),
    )
    meant = (
        *(known.connector, known.start_wh, known.last_wh, known.last_taken_s, known.ended_s),
        *(known.end_wh, known.end_reason, known.settled, known.estimated, known.unbilled),
    )
    return said == meant and stretches == tuple(map(_stretch, known.periods))


def _bare(row: SessionRow) -> core.Session:
    """What follows from the columns where there is no `core`."""
    return core.Session(
        id=row.id, connector=row.connector, begun_s=row.begun_s, periods=(), flowed_s=None
    )


def _of_columns(
    row: SessionRow, known: core.Session, stretches: tuple[_Stretch, ...]
) -> core.Session:
    """What the columns say, with what only `known` can tell."""
    periods = _periods(row, known, stretches)
    conducting = periods[-1].kind is core.Kind.CHARGING and row.ended_s is None
    went_on = stretches != tuple(map(_stretch, known.periods))
    return replace(
        known,
        connector=row.connector,
        begun_s=row.begun_s,
        periods=periods,
        start=_start(row, known),
        last=_last(row, known),
        opened=None if went_on else known.opened,
        opened_s=None if went_on else known.opened_s,
        conducting=conducting,
        seen_s=None,
        flowed_s=None,
        ended_s=row.ended_s,
        end_reason=row.end_reason,
        end=_end(row, known),
        settled=row.settled,
        unbilled=row.unbilled,
    )


def _start(row: SessionRow, known: core.Session) -> core.MeterValue | None:
    if row.start_wh == known.start_wh:
        return known.start
    if row.start_wh is None:
        return None
    return core.MeterValue(wh=row.start_wh, taken_s=row.begun_s)


def _last(row: SessionRow, known: core.Session) -> core.MeterValue | None:
    if (row.last_wh, row.last_taken_s) == (known.last_wh, known.last_taken_s):
        return known.last
    if row.last_wh is None or row.last_taken_s is None:
        return None
    return core.MeterValue(wh=row.last_wh, taken_s=row.last_taken_s)


def _end(row: SessionRow, known: core.Session) -> core.MeterValue | None:
    """The stop value; one that the columns call estimated is one, whoever wrote it."""
    if (row.end_wh, row.estimated) == (known.end_wh, known.estimated):
        return known.end
    if row.end_wh is None:
        return None
    taken_s = row.begun_s if row.last_taken_s is None else row.last_taken_s
    end = core.MeterValue(wh=row.end_wh, taken_s=taken_s)
    if not row.estimated:
        return end
    return replace(end, quality=core.Quality.LAST_KNOWN, reason=ESTIMATED_BEFORE)


def _periods(
    row: SessionRow, known: core.Session, stretches: tuple[_Stretch, ...]
) -> tuple[core.Period, ...]:
    """The periods of the columns; those that `known` has too keep what only it knows."""
    same = {_stretch(period): period for period in known.periods}
    periods = tuple(same.get(stretch) or _period(stretch) for stretch in stretches)
    return periods or (core.Period(start_s=row.begun_s, start_wh=None, kind=core.Kind.VEHICLE),)


def _stretch(period: core.Period) -> _Stretch:
    return _Stretch(
        start_s=period.start_s,
        start_wh=period.start_wh,
        charging=period.kind is core.Kind.CHARGING,
        held=period.kind in (core.Kind.STATION, core.Kind.FAULT),
    )


def _period(stretch: _Stretch) -> core.Period:
    """Who held it back an earlier version did not write down."""
    kind = core.Kind.STATION if stretch.held else core.Kind.VEHICLE
    return core.Period(
        start_s=stretch.start_s,
        start_wh=stretch.start_wh,
        kind=core.Kind.CHARGING if stretch.charging else kind,
    )
