"""The rows of the ledger as data, and their way into SQLite columns and back.

Every row says which boot it belongs to: `*_s` times are CLOCK_BOOTTIME of that boot, `*_wall`
times are aware UTC. What is not a number or a text is kept as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TypeAlias, TypeVar

import msgspec

from laddvakt_agent.published import TokenRef

SqlValue: TypeAlias = str | int | float | bytes | None


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """A charging session, from its first second on.

    It stays open until its CDR is written. `settled` says that its end is known for good.
    """

    id: str
    connector: str
    evse_uid: str
    token: TokenRef
    auth_method: str
    boot_id: str
    begun_s: float
    begun_wall: datetime
    meter_id: str | None = None
    start_wh: float | None = None
    last_wh: float | None = None
    last_taken_s: float | None = None
    last_wall: datetime | None = None
    ended_s: float | None = None
    ended_wall: datetime | None = None
    end_wh: float | None = None
    end_reason: str | None = None
    settled: bool = False
    estimated: bool = False  # a meter value was inferred; the CDR says so
    periods: str = "[]"  # JSON
    core: str | None = None  # the core's whole session as JSON; older rows lack it
    unbilled: str | None = None  # why it will never be billed
    moved: str | None = None  # JSON: the boots before `boot_id` that its seconds came from
    authorization_reference: str | None = None  # older rows lack it
    tariff: str | None = None  # JSON, see pricing.costs; older rows lack it


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRow:
    """One fault, from raised to cleared."""

    id: str
    code: str
    subject: str
    severity: str
    connector: str | None
    act: str
    evidence: str
    cause: str
    symptoms: tuple[str, ...] = ()
    locked_out: bool = False
    mrec: str | None = None
    ocpp16: str | None = None
    boot_id: str
    since_s: float
    since_wall: datetime
    cleared_s: float | None = None
    cleared_wall: datetime | None = None
    changed_wall: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalRow:
    """A stretch of time in which an EVSE had one status; `ended_wall` None: it still has."""

    evse_uid: str
    status: str
    cause_class: str
    begun_boot_id: str
    begun_s: float
    begun_wall: datetime
    ended_boot_id: str | None = None
    ended_s: float | None = None
    ended_wall: datetime | None = None
    connector: str | None = None
    cause: str | None = None  # what gave it this status; older rows lack it and what follows
    fault_id: str | None = None
    mrec: str | None = None
    evidence: str | None = None
    would_have_worked: str | None = None  # without its cause: yes, no, unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandRow:
    """What somebody asked of the station, and what came of it."""

    source: str  # "local", "ocpi", …
    who: str  # user id of the socket's peer, token, party
    verb: str
    connector: str | None = None
    detail: str = ""
    outcome: str
    at_s: float
    at_wall: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfTestRow:
    """How a self-test ended."""

    connector: str
    test: str
    passed: bool
    detail: str
    at_s: float
    at_wall: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactorRow:
    """A contactor's history. `motion` is JSON: its times when it was new and of late."""

    connector: str
    operations: int
    load_openings: int
    motion: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityRow:
    """Something the security log must show; `digest` covers it and `previous`, see `security`."""

    category: str
    event: str
    source: str
    who: str
    detail: str
    result: str
    boot_id: str
    at_s: float
    at_wall: datetime
    clock_state: str
    previous: str = ""  # both are given by the log itself
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStepRow:
    """A jump of the wall clock, or that it became known: what was believed before and after."""

    boot_id: str
    at_s: float
    from_wall: datetime
    to_wall: datetime
    clock_state: str  # after it
    reason: str = "step"  # … "sync": synchronised, "peer": the backend told the time


@dataclass(frozen=True, slots=True, kw_only=True)
class AckRow:
    """What a backend last confirmed of one object, or what was last offered to it."""

    kind: str
    object_id: str
    last_updated: datetime
    body: str
    acknowledged: bool
    location_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyAckRow(AckRow):
    """The same of another platform than the one called "backend"; `party` is its name."""

    party: str


StoredRow: TypeAlias = (
    SessionRow
    | FaultRow
    | IntervalRow
    | CommandRow
    | AckRow
    | PartyAckRow
    | SelfTestRow
    | ContactorRow
    | SecurityRow
    | ClockStepRow
)


def columns(row_type: type[StoredRow]) -> tuple[str, ...]:
    """The column names of a row type, in their order."""
    return tuple(f.name for f in fields(row_type))


def to_columns(row: object) -> dict[str, SqlValue]:
    """A row as SQLite parameters."""
    plain: dict[str, object] = msgspec.to_builtins(row)
    return {name: _to_sql(value) for name, value in plain.items()}


def from_columns(row_type: type[Row], record: Mapping[str, SqlValue]) -> Row:
    """A row read back.

    Raises:
        msgspec.ValidationError: the record is not of this type.
    """
    json_names = _JSON_COLUMNS.get(row_type, frozenset())
    plain = {
        name: msgspec.json.decode(value) if name in json_names and isinstance(value, str) else value
        for name, value in record.items()
    }
    return msgspec.convert(plain, row_type, strict=False)


_JSON_COLUMNS: dict[type, frozenset[str]] = {
    SessionRow: frozenset({"token"}),
    FaultRow: frozenset({"symptoms"}),
}


def _to_sql(value: object) -> SqlValue:
    if value is None or isinstance(value, str | int | float | bytes):
        return value
    return msgspec.json.encode(value).decode()
