"""What the disk has not taken yet: kept in memory, in order, until it does.

A newer state of the same thing takes the place of the older one. When more waits than memory
should hold, evidence goes before records; a session, a bill or a lock-out never goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from laddvakt_agent.ledger.rows import (
    AckRow,
    CommandRow,
    ContactorRow,
    FaultRow,
    PartyAckRow,
    SecurityRow,
    SelfTestRow,
    SessionRow,
)

MOST_WAITING = 10_000  # some 10 MB; days of a busy station
_CLASS_OF: Mapping[type, str] = MappingProxyType(
    {
        AckRow: "acks",
        PartyAckRow: "acks",
        CommandRow: "commands",
        SelfTestRow: "self_tests",
        FaultRow: "faults",
        SecurityRow: "security",
    }
)
# What goes first; anything else stays whatever happens.
DROP_ORDER = ("acks", "commands", "self_tests", "faults", "security")
_STATE_CALLS = frozenset({"save_latches"})  # their first argument says whose state they replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One write that was asked for."""

    call: Callable[[], object]
    of: str = ""  # what kind of record it is, for dropping
    state_of: tuple[str, ...] | None = None  # whose newest state it writes; `None`: one of many


@dataclass(slots=True, kw_only=True)
class Waiting:
    """The writes that wait, oldest first; used by one thread at a time."""

    most: int = MOST_WAITING
    dropped: dict[str, int] = field(default_factory=dict)  # by class, since last taken
    _intents: list[Intent] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self._intents)

    def __iter__(self) -> Iterator[Intent]:
        """Those waiting now; the list may change meanwhile."""
        return iter(tuple(self._intents))

    def add(self, intent: Intent) -> None:
        """Wait at the end, or where an older state of the same thing waits."""
        if intent.state_of is not None:
            for place, waiting in enumerate(self._intents):
                if waiting.state_of == intent.state_of:
                    self._intents[place] = intent
                    return
        self._intents.append(intent)
        if len(self._intents) > self.most:
            self._drop_one()

    def put_first(self, intent: Intent) -> None:
        """Before everything else."""
        self._intents.insert(0, intent)

    def overtaken_by(self, intent: Intent) -> None:
        """An older state of the same thing must not be written after it."""
        if intent.state_of is not None:
            self._intents = [one for one in self._intents if one.state_of != intent.state_of]

    def done(self, intent: Intent) -> None:
        """It no longer waits."""
        if self._intents and self._intents[0] is intent:  # as a rule: thousands go so in a moment
            del self._intents[0]
            return
        self._intents = [waiting for waiting in self._intents if waiting is not intent]

    def take_dropped(self) -> dict[str, int]:
        """How many of each class had to go since this was last asked."""
        dropped, self.dropped = self.dropped, {}
        return dropped

    def _drop_one(self) -> None:
        for of in DROP_ORDER:
            for intent in self._intents:
                if intent.of == of:
                    self.done(intent)
                    self.dropped[of] = self.dropped.get(of, 0) + 1
                    return


def intent_of(
    fn: Callable[..., object], args: tuple[object, ...], call: Callable[[], object]
) -> Intent:
    """What a call with these arguments writes."""
    row = args[0] if args else None
    return Intent(call=call, of=_CLASS_OF.get(type(row), ""), state_of=_state_of(fn, args))


def _state_of(fn: Callable[..., object], args: tuple[object, ...]) -> tuple[str, ...] | None:
    name = getattr(fn, "__name__", "")
    match args:
        case (SessionRow(id=session_id), *_):
            return (name, session_id)
        case (PartyAckRow(party=party, kind=kind, object_id=object_id),):
            return (name, party, kind, object_id)
        case (AckRow(kind=kind, object_id=object_id),):
            return (name, kind, object_id)
        case (ContactorRow(connector=connector),):
            return (name, connector)
        case (str(connector), *_) if name in _STATE_CALLS:
            return (name, connector)
    return None
