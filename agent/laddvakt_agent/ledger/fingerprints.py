"""What the run before this one was like: its version, how it ended, its configuration's digests."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from laddvakt_agent.ledger.errors import StorageError, StorageKind
from laddvakt_agent.ledger.store import Store

_DIGITS = 16  # 64 bit: a change goes unseen by chance once in 10**19
_PREFIX = "fingerprint_"  # of the names in `meta`


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of the agent."""

    boot_id: str
    ended: bool  # in good order
    version: str | None  # None: of a version that did not say


class _Kept(msgspec.Struct, frozen=True):
    salt: str
    digests: dict[str, str]


class Fingerprints:
    """Remembers values by their salted digests, so that a change shows and no secret does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def run_before(self) -> Run | None:
        """The run before this one, `None` if this is the first."""
        found = self._store.rows(
            Run,
            "SELECT boot_id, ended, version FROM runs WHERE run < :run ORDER BY run DESC LIMIT 1",
            {"run": self._store.run},
        )
        return found[0] if found else None

    def changed(self, name: str, values: Mapping[str, str]) -> tuple[str, ...]:
        """The keys that were added, removed or have another value than when last kept."""
        kept = self._kept(name)
        if kept is None:
            return ()
        now = _digests(kept.salt, values)
        keys = kept.digests.keys() | now.keys()
        return tuple(sorted(key for key in keys if kept.digests.get(key) != now.get(key)))

    def keep(self, name: str, values: Mapping[str, str]) -> None:
        """Remember these values as the last ones; writes only where something differs."""
        if self._kept(name) is not None and not self.changed(name, values):
            return
        salt = secrets.token_hex(16)
        text = msgspec.json.encode(_Kept(salt, _digests(salt, values))).decode()
        with self._store.write():
            self._store.execute(
                "INSERT OR REPLACE INTO meta VALUES (:name, :text)",
                {"name": _PREFIX + name, "text": text},
            )

    def _kept(self, name: str) -> _Kept | None:
        found = self._store.read(
            "SELECT value FROM meta WHERE name = :name", {"name": _PREFIX + name}
        )
        try:
            return msgspec.json.decode(found[0]["value"], type=_Kept) if found else None
        except msgspec.DecodeError as error:
            raise StorageError(StorageKind.DAMAGED, self._store.path, str(error)) from error


def _digests(salt: str, values: Mapping[str, str]) -> dict[str, str]:
    return {
        key: hashlib.sha256(f"{salt}\n{key}\n{value}".encode()).hexdigest()[:_DIGITS]
        for key, value in values.items()
    }
