"""One look at a real charger: the board's truth, the agent's word, what the backend has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from laddvakt_sim.scenario.judge import Observed, Seen, SeenOcpi
from laddvakt_sim.scenario.real.peers import (
    JsonObject,
    Peer,
    RefusedError,
    SilentError,
    flag,
    inner,
    number,
    objects,
    text,
    texts,
)

CLOCK = ("clock_unset", "clock_jumped")  # faults of the clock of whatever machine this runs on


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What was there before the scenario: energies by connector, objects at the backend, faults.

    `faults` are ids. What stands before anything is done is the machine's own, such as a
    worn disk, and says nothing about the scenario.
    """

    energy_wh: Mapping[str, float] = field(default_factory=dict)
    sessions: int = 0
    cdrs: int = 0
    cdr_kwh: float = 0.0
    faults: frozenset[str] = frozenset()

    @classmethod
    def taken(cls, board: Peer, agent: Peer, backend: Peer | None) -> Self:
        """What is there now."""
        faults = objects(_asked(agent, "/status") or {}, "faults")
        observed = look(board, agent, backend, 0.0, Baseline())
        ocpi = observed.ocpi or SeenOcpi()
        return cls(
            faults=frozenset(id_ for fault in faults if (id_ := text(fault, "id")) is not None),
            energy_wh={name: seen.energy_wh or 0.0 for name, seen in observed.connectors.items()},
            sessions=ocpi.sessions or 0,
            cdrs=ocpi.cdrs or 0,
            cdr_kwh=ocpi.cdr_kwh or 0.0,
        )


def look(board: Peer, agent: Peer, backend: Peer | None, at_s: float, before: Baseline) -> Observed:
    """Ask all of them; who does not answer is seen as unknown."""
    truth = inner(_asked(board, "/state") or {}, "connectors")
    status = _asked(agent, "/status")
    words = {} if status is None else {str(c.get("id")): c for c in objects(status, "connectors")}
    known = status is not None
    faults = [
        fault
        for fault in objects(status or {}, "faults")
        if fault.get("id") not in before.faults and fault.get("code") not in CLOCK
    ]
    return Observed(
        at_s=at_s,
        connectors={
            name: _connector(
                inner(truth, name),
                words.get(name, {}),
                faults=_of(faults, name),
                before_wh=before.energy_wh.get(name, 0.0),
            )
            for name in truth.keys() | words.keys()
        },
        faults=frozenset(_codes(faults)) if known else None,
        cause=_cause(faults) if known else None,
        ocpi=None if backend is None else _ocpi(_asked(backend, "/objects"), words, before),
    )


def _asked(peer: Peer, target: str) -> JsonObject | None:
    try:
        return peer.ask("GET", target)
    except (SilentError, RefusedError):  # away, or just starting: unknown is what it is
        return None


def _connector(
    truth: JsonObject, said: JsonObject, *, faults: list[JsonObject], before_wh: float
) -> Seen:
    energy_wh = number(truth, "plant_energy_wh")
    return Seen(
        status=text(said, "status"),
        state=text(said, "state"),
        faults=frozenset(_codes(faults)) if said else None,
        cause=_cause(faults) if said else None,
        contactor_closed=flag(truth, "contactor_closed"),
        limit_a=number(said, "limit_a"),
        energy_wh=None if energy_wh is None else energy_wh - before_wh,
        locked=flag(inner(truth, "plug"), "locked"),
    )


def _codes(faults: list[JsonObject]) -> list[str]:
    return [code for fault in faults if (code := text(fault, "code")) is not None]


def _of(faults: list[JsonObject], connector: str) -> list[JsonObject]:
    return [fault for fault in faults if connector in texts(fault, "connectors")]


def _cause(faults: list[JsonObject]) -> str:
    """The cause that the agent names first."""
    first = min(faults, key=lambda fault: number(fault, "cause_rank") or 0.0, default=None)
    return "none" if first is None else str(first.get("cause"))


def _ocpi(
    held: JsonObject | None, words: Mapping[str, JsonObject], before: Baseline
) -> SeenOcpi | None:
    if held is None:
        return None
    evses = [evse for place in objects(held, "locations") for evse in objects(place, "evses")]
    by_uid = {evse.get("uid"): text(evse, "status") for evse in evses}
    statuses = {name: by_uid.get(said.get("evse_uid")) for name, said in words.items()}
    cdrs = objects(held, "cdrs")
    return SeenOcpi(
        statuses={name: status for name, status in statuses.items() if status is not None},
        sessions=len(objects(held, "sessions")) - before.sessions,
        cdrs=len(cdrs) - before.cdrs,
        cdr_kwh=sum(number(cdr, "total_energy") or 0.0 for cdr in cdrs) - before.cdr_kwh,
    )
