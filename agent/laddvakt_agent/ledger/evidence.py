"""Self-tests and the contactors' history: what proves that a charger was looked after."""

from __future__ import annotations

from laddvakt_agent.ledger.rows import ContactorRow, SelfTestRow, to_columns
from laddvakt_agent.ledger.store import Store

_W = "w_boot_id, w_seq, w_s, w_wall, w_clock"
_V = ":w_boot_id, :w_seq, :w_s, :w_wall, :w_clock"
_TEST = "connector, test, passed, detail, at_s, at_wall"
_CONTACTOR = "connector, operations, load_openings, motion"


def add_self_test(store: Store, row: SelfTestRow) -> None:
    """Note how a self-test ended; one row per test, never changed."""
    values = ", ".join(f":{name}" for name in _TEST.split(", "))
    with store.write() as stamp:
        store.execute(
            f"INSERT INTO self_tests ({_TEST}, {_W}) VALUES ({values}, {_V})",
            to_columns(row) | stamp,
        )


def self_tests(store: Store, limit: int) -> tuple[SelfTestRow, ...]:
    """The newest `limit` self-tests, newest first."""
    newest = f"SELECT {_TEST} FROM self_tests ORDER BY number DESC LIMIT :limit"
    return store.rows(SelfTestRow, newest, {"limit": limit})


def save_contactor(store: Store, row: ContactorRow) -> None:
    """The history of one contactor as it is now."""
    values = ", ".join(f":{name}" for name in _CONTACTOR.split(", "))
    with store.write() as stamp:
        store.execute(
            f"INSERT OR REPLACE INTO contactors ({_CONTACTOR}, {_W}) VALUES ({values}, {_V})",
            to_columns(row) | stamp,
        )


def contactors(store: Store) -> tuple[ContactorRow, ...]:
    """The history of every contactor."""
    return store.rows(ContactorRow, f"SELECT {_CONTACTOR} FROM contactors ORDER BY connector")
