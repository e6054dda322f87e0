"""Driver identifiers out of what leaves the charger: each becomes a name that says nothing.

Within one export the same token has the same name, so sessions still belong together. The key is
drawn anew for each: an RFID id has few bits, and without a key anybody could try them all.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import sqlite3

from laddvakt_agent.ledger.listing import Row, Value

_KEYS = frozenset({"uid", "contract_id"})
_LEAST = 4  # a shorter one may be any number in a text
_WORD = re.compile(r"[0-9A-Za-z][0-9A-Za-z.*_-]+")
_SEEN = (
    "SELECT json_extract(token, '$.uid') FROM sessions WHERE json_valid(token)"
    " UNION SELECT json_extract(token, '$.contract_id') FROM sessions WHERE json_valid(token)"
    " UNION SELECT json_extract(body, '$.session.token.uid') FROM every_cdr WHERE json_valid(body)"
    " UNION SELECT json_extract(body, '$.session.token.contract_id') FROM every_cdr"
    " WHERE json_valid(body)"
)


class Pseudonyms:
    """Replaces the identifiers of everybody who ever charged here, wherever they stand."""

    def __init__(self, rows: sqlite3.Connection, key: bytes) -> None:
        self._key = key
        seen = (str(record[0]) for record in rows.execute(_SEEN) if record[0])
        self._known = {word: self.of(word) for word in seen if len(word) >= _LEAST}

    def of(self, identifier: str) -> str:
        """The name of one."""
        digest = hmac.new(self._key, identifier.casefold().encode(), hashlib.sha256)
        return f"driver-{digest.hexdigest()[:12]}"

    def row(self, row: Row) -> Row:
        """A row without identifiers."""
        return {name: self._value(value) for name, value in row.items()}

    def _value(self, value: Value) -> Value:
        if isinstance(value, str):
            return _WORD.sub(lambda found: self._known.get(found[0], found[0]), value)
        if isinstance(value, list):
            return [self._value(part) for part in value]
        if isinstance(value, dict):
            token = value.keys() >= _KEYS
            return {
                name: self.of(part)
                if token and name in _KEYS and isinstance(part, str)
                else self._value(part)
                for name, part in value.items()
            }
        return value
