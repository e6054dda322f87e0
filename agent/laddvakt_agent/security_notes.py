"""Writes into the security log what somebody may have to account for later.

Who asked for what and was let, what the configuration was changed in (by the keys' names, never
their values), what happened to the clock, the housing, the devices, the ledger and the agent
itself. An event is posted to the ledger's thread, which keeps it until the disk takes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import msgspec
import structlog

from laddvakt_agent import __version__
from laddvakt_agent.config import Config
from laddvakt_agent.core.inputs import Sample
from laddvakt_agent.faultbook import Entry, FaultBook
from laddvakt_agent.guard import Guard
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.rows import ClockStepRow, SecurityRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.service import ServiceError, ocpi_token
from laddvakt_agent.wall import Wall

DAY_S = 86_400.0
MOST_KEYS = 20  # changed keys named in one event
# Verbs that change what protects people or who may charge; the others are in the commands' table.
NOTED_VERBS = frozenset({"reset", "out", "in", "unlock", "test", "maintenance", "normal"})
# Faults that tell of somebody at the hardware.
TAMPER_CODES = frozenset({"cable_cut", "board_mismatch", "meter_replaced"})

Values: TypeAlias = Mapping[str, Mapping[str, str]]  # what is compared between runs, by its name

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class SecurityNotes:
    """The shell's way into the security log; `look` is called once a second."""

    ledger: Ledger
    thread: LedgerThread
    wall: Wall
    boot_id: str
    now_s: Callable[[], float]
    clock_state: Callable[[], str]
    book: FaultBook
    guards: Mapping[str, Guard]
    damage: Callable[[], str] = lambda: ""  # what is wrong with the ledger now
    _seen: dict[tuple[str, str], bool] = field(default_factory=dict)  # (connector, what)
    _standing: dict[str, Entry] = field(default_factory=dict)  # by the fault's id
    _damage: str = ""
    _compared: bool = False
    _told_s: float | None = None  # when the head was last told

    def begin(self, config: Config, environment: Mapping[str, str]) -> None:
        """At the start: what is different from the run before."""
        self._standing = dict(self._tampered())
        self._damage = self.damage() or self.ledger.damage
        values = {"configuration": flat(config), "credentials": credentials(config, environment)}
        made = self._row("system", "agent_started", "agent", "", f"version {__version__}", "done")
        self.thread.post(self._compare, made, values, self._damage)

    def ended(self, *, failed: bool, safe: bool) -> None:
        """The agent stops: in good order, or because supervision has failed."""
        said = "every contactor is open" if safe else "a contactor was not confirmed open"
        self.note("system", "agent_stopped", detail=said, result="failed" if failed else "done")
        self.thread.post(self._tell_head)

    def command(self, *, uid: int, verb: str, connector: str, by: str, outcome: str) -> None:
        """Somebody asked something of a connector."""
        if verb in NOTED_VERBS:
            said = f"connector {connector}, by {by}" if by else f"connector {connector}"
            self.note("access_control", verb, source="local", who=f"uid {uid}", detail=said,
                      result=outcome)  # fmt: skip

    def bus_write(self, uid: int, what: str, outcome: str) -> None:
        """Somebody wrote to a device, or wanted to."""
        self.note("access_control", "bus_write", source="local", who=f"uid {uid}", detail=what,
                  result=outcome)  # fmt: skip

    def checked(self, wrong: str) -> None:
        """The configuration was read again at SIGHUP. `wrong`: what is, empty if nothing."""
        self.note("configuration", "configuration_checked", detail=_place(wrong),
                  result="invalid" if wrong else "valid")  # fmt: skip

    def clock(self, step: ClockStepRow) -> None:
        """The wall clock jumped, or became known."""
        said = f"{step.from_wall.isoformat()} to {step.to_wall.isoformat()}"
        self.note("clock", f"clock_{step.reason}", detail=said, result=step.clock_state)

    def look(self, now_s: float) -> None:
        """See who was at the housing and the devices; once a day tell the head."""
        for name, guard in self.guards.items():
            self._see(name, "enclosure_open", guard.inputs.enclosure_open)
            self._see(name, "tilted", guard.inputs.tilted)
        self._see_faults()
        damage = self.damage()
        if damage and damage != self._damage:
            self.note("system", "ledger_damaged", detail=damage, result="noticed")
        self._damage = damage
        if self._told_s is None or now_s >= self._told_s + DAY_S:
            self._told_s = now_s
            self.thread.post(self.ledger.security.prune)
            self.thread.post(self._tell_head)

    def note(
        self, category: str, event: str, *, source: str = "agent", who: str = "",
        detail: str = "", result: str,
    ) -> None:  # fmt: skip
        """Add an event of now."""
        self.thread.post(
            self.ledger.security.add, self._row(category, event, source, who, detail, result)
        )

    def _row(
        self, category: str, event: str, source: str, who: str, detail: str, result: str
    ) -> SecurityRow:
        now_s = self.now_s()
        return SecurityRow(
            category=category,
            event=event,
            source=source,
            who=who,
            detail=detail,
            result=result,
            boot_id=self.boot_id,
            at_s=now_s,
            at_wall=self.wall.at(now_s),
            clock_state=self.clock_state(),
        )

    def _see(self, connector: str, what: str, sample: Sample[bool] | None) -> None:
        """A sensor that changes; one that is silent says nothing."""
        if sample is None:
            return
        before = self._seen.get((connector, what), False)
        self._seen[connector, what] = sample.value
        if sample.value is not before:
            self.note("physical", what, source="sensor", detail=f"connector {connector}",
                      result="begun" if sample.value else "ended")  # fmt: skip

    def _see_faults(self) -> None:
        now = dict(self._tampered())
        for which, result in ((now, "begun"), (self._standing, "ended")):
            other = self._standing if which is now else now
            for fault_id in which.keys() - other.keys():
                fault = which[fault_id].fault
                said = f"{fault.subject}: {fault.evidence} (fault {fault_id})"
                self.note("physical", fault.code, source="sensor", detail=said, result=result)
        self._standing = now

    def _tampered(self) -> Iterator[tuple[str, Entry]]:
        for entry in self.book.entries.values():
            if entry.fault.code in TAMPER_CODES:
                yield entry.id, entry

    # On the ledger's thread

    def _compare(self, made: SecurityRow, values: Values, damage: str) -> None:
        """Write down what differs from the run before; then remember this one.

        A disk that refuses half-way lets it be called again: nothing is written down twice.
        """
        security = self.ledger.security
        if not self._compared:
            security.add(*self._differences(made, values, damage))
            self._compared = True
        for name, now in values.items():
            security.fingerprints.keep(name, now)

    def _differences(self, made: SecurityRow, values: Values, damage: str) -> Iterator[SecurityRow]:
        past = self.ledger.security.fingerprints
        before = past.run_before()
        if before is None:
            yield replace(made, result="first start")
        else:
            yield replace(made, result="after a stop" if before.ended else "after a crash")
        if before is not None and before.version != __version__:
            said = f"{before.version or 'a version that did not say'} to {__version__}"
            yield replace(made, event="version_changed", detail=said)
        if damage:
            yield replace(made, event="ledger_set_aside", detail=damage)
        for name, now in values.items():
            if keys := past.changed(name, now):
                event = f"{name}_changed"
                yield replace(made, category="configuration", event=event, detail=_listed(keys))

    def _tell_head(self) -> None:
        """Into the system's journal, out of reach of whoever has only the ledger's file."""
        head = self.ledger.security.head()
        if head is not None:
            log.info("security_log_head", number=head.number, digest=head.digest)


def flat(config: Config) -> dict[str, str]:
    """Every value of a configuration as text, by its path in the file."""
    return dict(_leaves("", msgspec.to_builtins(config)))


def credentials(config: Config, environment: Mapping[str, str]) -> dict[str, str]:
    """The secrets that the configuration names; one that cannot be read is told by its user."""
    found: dict[str, str] = {}
    for uplink in config.uplink:
        file = Path(uplink.token_file) if uplink.token_file else None
        alone = len(config.uplink) == 1
        try:
            token, _ = ocpi_token(environment, file, name=uplink.name, alone=alone)
        except ServiceError:
            continue
        if token is not None:
            found["ocpi-token" if alone else f"ocpi-token-{uplink.name}"] = token
    return found


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    match value:
        case dict():
            for key, part in value.items():
                yield from _leaves(f"{path}.{key}" if path else str(key), part)
        case list() | tuple():
            for index, part in enumerate(value, start=1):
                yield from _leaves(f"{path}[{index}]", part)
        case _:
            yield path, msgspec.json.encode(value).decode()


def _listed(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - MOST_KEYS} more" if len(keys) > MOST_KEYS else ""
    return ", ".join(keys[:MOST_KEYS]) + more


def _place(wrong: str) -> str:
    """File and line of what is wrong, without its words: they may quote a secret."""
    file, _, rest = wrong.partition(":")
    line = rest.partition(":")[0]
    return f"{file}:{line}" if line.isdecimal() else file
