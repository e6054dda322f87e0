"""How long each EVSE had which status; the raw material of availability figures."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from laddvakt_agent.ledger.rows import IntervalRow, SqlValue, columns, to_columns
from laddvakt_agent.ledger.store import STAMP, Store

UNKNOWN = "UNKNOWN"  # OCPI Status
NOT_RUNNING = "agent_not_running"  # cause class of the time between two runs

_INTERVAL = columns(IntervalRow)
_ALL = _INTERVAL + STAMP
_ADD = (
    f"INSERT INTO intervals ({', '.join(_ALL)}) VALUES ({', '.join(f':{name}' for name in _ALL)})"
)
_END = (
    "UPDATE intervals SET ended_boot_id = :boot_id, ended_s = :at_s, ended_wall = :at_wall"
    " WHERE evse_uid = :evse_uid AND ended_wall IS NULL"
)


def change_status(
    store: Store, evse_uid: str, status: str, cause_class: str, at_s: float, at_wall: datetime
) -> bool:
    """End the running interval and begin the next; False when nothing changed."""
    same = store.read(
        "SELECT 1 FROM intervals WHERE evse_uid = :evse_uid AND ended_wall IS NULL"
        " AND status = :status AND cause_class = :cause_class",
        {"evse_uid": evse_uid, "status": status, "cause_class": cause_class},
    )
    if same:
        return False
    row = IntervalRow(
        evse_uid=evse_uid,
        status=status,
        cause_class=cause_class,
        begun_boot_id=store.boot.boot_id,
        begun_s=at_s,
        begun_wall=at_wall,
    )
    began = to_columns(row)
    with store.write() as stamp:
        store.execute(
            _END,
            {
                "boot_id": store.boot.boot_id,
                "at_s": at_s,
                "at_wall": began["begun_wall"],
                "evse_uid": evse_uid,
            },
        )
        store.execute(_ADD, began | stamp)
    return True


def intervals(store: Store, evse_uid: str) -> tuple[IntervalRow, ...]:
    """Every interval of an EVSE, newest first."""
    newest_first = (
        f"SELECT {', '.join(_INTERVAL)} FROM intervals WHERE evse_uid = :evse_uid"
        " ORDER BY number DESC"
    )
    return store.rows(IntervalRow, newest_first, {"evse_uid": evse_uid})


def end_left_open(store: Store, stamp: Mapping[str, SqlValue]) -> None:
    """End what the previous run left running when it was last alive; unknown from then to now.

    Inside the same `write` as `begin_run`: dying between the two would falsify "last alive".
    """
    previous = store.execute(
        "SELECT boot_id, last_s AS at_s, last_wall AS at_wall FROM runs WHERE run < :run"
        " ORDER BY run DESC LIMIT 1",
        {"run": store.run},
    ).fetchone()
    left = store.execute("SELECT evse_uid FROM intervals WHERE ended_wall IS NULL").fetchall()
    for record in left if previous is not None else ():
        last_alive: dict[str, SqlValue] = {**previous, "evse_uid": record["evse_uid"]}
        store.execute(_END, last_alive)
        store.execute(_ADD, {**_gap(store, last_alive), **stamp})


def _gap(store: Store, last_alive: Mapping[str, SqlValue]) -> dict[str, SqlValue]:
    unsaid: dict[str, SqlValue] = dict.fromkeys(_INTERVAL)
    return unsaid | {
        "evse_uid": last_alive["evse_uid"],
        "status": UNKNOWN,
        "cause_class": NOT_RUNNING,
        "begun_boot_id": last_alive["boot_id"],
        "begun_s": last_alive["at_s"],
        "begun_wall": last_alive["at_wall"],
        "ended_boot_id": store.boot.boot_id,
        "ended_s": store.boot.started_s,
        "ended_wall": to_columns(store.boot)["started_wall"],
    }
