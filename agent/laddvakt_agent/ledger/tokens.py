"""`tokens.db`: the cards and app users that platforms told us of, until they say otherwise.

A file of its own beside the ledger: a hundred thousand strangers' cards must neither crowd out the
ledger's own history nor travel in its backups, and what breaks here is simply pulled again. Every
write is on the disk when it returns: a card that was reported lost stays refused after a power cut.

Calls come from one thread at a time, like the ledger's. Source: OCPI mod_tokens; ids are CiStrings,
so they are compared without regard to case.
"""

from __future__ import annotations

import enum
import os
import sqlite3
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from laddvakt_agent.ledger.errors import LedgerError, from_os, from_sqlite, is_mistake, sqlite_code

NAME = "tokens.db"
MOST_TOKENS = 100_000
_VERSION = 1
_MODE = 0o640  # who has which card is nobody else's business
_CACHE_KB = 256
_WAL_PAGES = 128
_WAL_LIMIT_BYTES = 1024 * 1024
_BROKEN = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_STEP = 500  # rows dropped in one commit
_SCHEMA = f"""
CREATE TABLE tokens (
    number INTEGER PRIMARY KEY,
    uid TEXT NOT NULL COLLATE NOCASE,
    type TEXT NOT NULL,
    country_code TEXT NOT NULL COLLATE NOCASE,
    party_id TEXT NOT NULL COLLATE NOCASE,
    platform TEXT NOT NULL,
    last_updated TEXT NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (uid, type, country_code, party_id)
) STRICT;
PRAGMA user_version = {_VERSION};
"""
_COLUMNS = "uid, type, country_code, party_id, platform, last_updated, body"
_GET = f"SELECT number, {_COLUMNS} FROM tokens"
_THIS = "uid = :uid AND type = :type AND country_code = :country_code AND party_id = :party_id"


class TokensUnavailable(LedgerError):
    """The cache cannot be used now; authorisation goes on without it. The message says why."""


class Kept(enum.Enum):
    """What became of a token that was to be kept."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "same"
    OLDER = "older than what is known"
    FOREIGN = "of another platform"
    FULL = "no room"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """What a token is known by; OCPI: unique together."""

    country_code: str
    party_id: str
    uid: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow(TokenKey):
    """A token as its platform told it; `body` is the whole object as JSON."""

    platform: str  # its name in our configuration
    last_updated: str  # UTC with milliseconds and Z, so that texts compare as times do
    body: str


class TokenFile:
    """The tokens of one state folder; opened when first needed."""

    def __init__(self, directory: Path, most: int = MOST_TOKENS) -> None:
        self.path = directory / NAME
        self.lost = 0  # how often it began empty: all of it must be pulled then
        # Whether what a platform has given is now another one's; asked on the ledger's thread.
        self.gives_way: Callable[[str, TokenRow], bool] = lambda holder, row: False
        self._most = most
        self._connection: sqlite3.Connection | None = None
        self._count = 0
        self._inode = 0  # of the open file

    def find(self, uid: str) -> tuple[TokenRow, ...]:
        """Every token with this uid, of whatever type and party.

        Raises:
            TokensUnavailable: the file cannot be read.
        """
        with self._errors() as db:
            found = db.execute(f"{_GET} WHERE uid = ?", (uid,)).fetchall()
        return tuple(map(_row, found))

    def get(self, key: TokenKey) -> TokenRow | None:
        """One token.

        Raises:
            TokensUnavailable: the file cannot be read.
        """
        with self._errors() as db:
            found = db.execute(f"{_GET} WHERE {_THIS}", _places(key)).fetchone()
            return None if found is None else _row(found)

    def put(self, row: TokenRow) -> Kept:
        """Keep one as its platform says now.

        Raises:
            TokensUnavailable: the disk does not take it.
        """
        with self._errors() as db, _transaction(db):
            kept, _ = self._put(db, row)
            return kept

    def take(self, rows: Sequence[TokenRow]) -> tuple[list[Kept], array[int]]:
        """Keep those of a pulled page in one commit; what became of each, and their numbers.

        One that is known newer stays: its platform pushed it while the list was on its way.

        Raises:
            TokensUnavailable: the disk does not take it; none of them is kept.
        """
        outcomes: list[Kept] = []
        numbers = array("q")
        with self._errors() as db, _transaction(db):
            for row in rows:
                kept, number = self._put(db, row, newest=True)
                outcomes.append(kept)
                if number is not None:
                    numbers.append(number)
        return outcomes, numbers

    def numbers(self, platform: str) -> array[int]:
        """The numbers of all tokens of one platform."""
        with self._errors() as db:
            found = db.execute("SELECT number FROM tokens WHERE platform = ?", (platform,))
            return array("q", (number for (number,) in found))

    def drop(self, numbers: Iterable[int]) -> int:
        """Forget these, a few at a time; how many there were.

        Raises:
            TokensUnavailable: the disk does not take it; some of them may be gone.
        """
        gone, rest = 0, [(number,) for number in numbers]
        for start in range(0, len(rest), _STEP):
            with self._errors() as db, _transaction(db):
                step = rest[start : start + _STEP]
                gone += db.executemany("DELETE FROM tokens WHERE number = ?", step).rowcount
        self._count -= gone
        return gone

    def keep_only(self, platforms: frozenset[str]) -> int:
        """Forget the tokens of platforms that are not configured any more; how many."""
        with self._errors() as db:
            known = {name for (name,) in db.execute("SELECT DISTINCT platform FROM tokens")}
        return sum(self.drop(self.numbers(name)) for name in sorted(known - platforms))

    def count(self) -> int:
        """How many there are."""
        with self._errors():
            return self._count

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _put(
        self, db: sqlite3.Connection, row: TokenRow, *, newest: bool = False
    ) -> tuple[Kept, int | None]:
        found = db.execute(f"{_GET} WHERE {_THIS}", _places(row)).fetchone()
        if found is None:
            if self._count >= self._most:
                return Kept.FULL, None
            cursor = db.execute(
                f"INSERT INTO tokens ({_COLUMNS}) VALUES (:uid, :type, :country_code, :party_id,"
                " :platform, :last_updated, :body)",
                _all(row),
            )
            self._count += 1
            return Kept.NEW, cursor.lastrowid
        known = _row(found)
        moved = known.platform != row.platform
        if moved and not self.gives_way(known.platform, row):
            return Kept.FOREIGN, None
        if known == row or (newest and not moved and known.last_updated > row.last_updated):
            return Kept.SAME if known == row else Kept.OLDER, found[0]
        db.execute(
            "UPDATE tokens SET uid = :uid, country_code = :country_code, party_id = :party_id,"
            " platform = :platform, last_updated = :last_updated, body = :body"
            " WHERE number = :number",
            _all(row) | {"number": found[0]},
        )
        return Kept.CHANGED, found[0]

    @contextmanager
    def _errors(self) -> Iterator[sqlite3.Connection]:
        """The open file; what goes wrong with it as one kind of error, a broken one begun anew."""
        before = 0
        try:
            if self._connection is not None and _inode(self.path) != self._inode:
                self.close()  # somebody has deleted it: what goes there now would be lost
            if self._connection is None:
                self._connection, self._inode = self._opened(), _inode(self.path)
            before = self._count
            yield self._connection
        except OSError as error:
            raise TokensUnavailable(str(from_os(error, self.path))) from error
        except sqlite3.Error as error:
            self._count = before
            if is_mistake(error):
                raise
            if sqlite_code(error) in _BROKEN:
                self._begin_anew()
            raise TokensUnavailable(str(from_sqlite(error, self.path))) from error

    def _opened(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not self.path.exists():
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, _MODE))
        db = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        try:
            _set_up(db)
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version != _VERSION:  # empty, or another version's: it is pulled again
                db.executescript(
                    f"BEGIN IMMEDIATE;\nDROP TABLE IF EXISTS tokens;\n{_SCHEMA}\nCOMMIT;"
                )
                self.lost += 1
            (self._count,) = db.execute("SELECT count(*) FROM tokens").fetchone()
        except BaseException:
            db.close()
            raise
        return db

    def _begin_anew(self) -> None:
        self.close()
        self.lost += 1
        for suffix in ("", "-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


def _inode(path: Path) -> int:
    return path.stat().st_ino if path.exists() else 0


def _set_up(db: sqlite3.Connection) -> None:
    # Nobody else reads it while the agent runs, so the log's index need not be a file.
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    db.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")
    db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _places(key: TokenKey) -> dict[str, str]:
    place = {"country_code": key.country_code, "party_id": key.party_id}
    return {"uid": key.uid, "type": key.type, **place}


def _all(row: TokenRow) -> dict[str, str | int]:
    own = {"platform": row.platform, "last_updated": row.last_updated, "body": row.body}
    return {**_places(row), **own}


def _row(record: Sequence[str]) -> TokenRow:
    names = ("uid", "type", "country_code", "party_id", "platform", "last_updated", "body")
    return TokenRow(**dict(zip(names, record[1:], strict=True)))
