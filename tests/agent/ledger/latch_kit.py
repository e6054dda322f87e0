"""The copies of the latches of one folder, written as this or another version writes them."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from agent.ledger.samples import latch, open_ledger
from laddvakt_agent.clock import FakeTime
from laddvakt_agent.core.model import Latch
from laddvakt_agent.ledger.latches import Copy, decode, encode

NEW, OLD = latch("contactor_welded"), latch("meter_implausible")


def saved(directory: Path) -> None:
    """The ledger and `latches.a` hold NEW (sequence 2), `latches.b` holds OLD (sequence 1)."""
    ledger = open_ledger(directory, FakeTime())
    ledger.save_latches("1", (OLD,), 100.0)
    ledger.save_latches("1", (NEW,), 101.0)
    ledger.close()


def copy_in(path: Path) -> Copy:
    copy = decode(path.read_bytes(), path)
    assert copy is not None
    return copy


def put(path: Path, like: Path, *latches: Latch, sequence: int) -> None:
    """A whole copy as this version writes it."""
    copy = copy_in(like)
    connectors = {"1": replace(copy.connectors["1"], latches=latches)}
    path.write_bytes(encode(replace(copy, sequence=sequence, connectors=connectors)))


def put_body(path: Path, body: object, *, readable_from: int) -> None:
    """A whole copy as some other version writes it."""
    raw = json.dumps(body).encode()
    header = f"laddvakt-latches {readable_from} {zlib.crc32(raw):08x} {len(raw)}\n"
    path.write_bytes(header.encode() + raw)


def ledger_row(directory: Path, copy: str | None) -> None:
    with closing(sqlite3.connect(directory / "ledger.db")) as connection, connection:
        if copy is None:
            connection.execute("DELETE FROM latches")
        else:
            connection.execute("UPDATE latches SET copy = ?", (copy,))
