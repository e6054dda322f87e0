"""Facts that must survive: sessions, faults, CDRs, latches."""

from laddvakt_agent.ledger.acks import LedgerAcks
from laddvakt_agent.ledger.errors import (
    Conflict,
    LedgerError,
    LedgerInUse,
    NewerSchema,
    StorageError,
    StorageKind,
)
from laddvakt_agent.ledger.latches import read_latches
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import AckRow, CommandRow, FaultRow, IntervalRow, SessionRow
from laddvakt_agent.ledger.thread import LedgerThread

__all__ = [
    "AckRow",
    "CommandRow",
    "Conflict",
    "FaultRow",
    "IntervalRow",
    "Ledger",
    "LedgerAcks",
    "LedgerError",
    "LedgerInUse",
    "LedgerThread",
    "NewerSchema",
    "SessionRow",
    "StorageError",
    "StorageKind",
    "read_latches",
]
