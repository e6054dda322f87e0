"""What must be true after a round of the kill campaign: plant, ledger and backend say the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import msgspec

from crash.kills_round import Kill, Round
from crash.kills_truth import EVSES, Plant, Row, Snapshot
from laddvakt_agent.demo.stage import JsonObject
from laddvakt_agent.demo.wire import float32_step
from laddvakt_agent.hardware import HOLD_S

OPENS_S = 0.5  # from the end of a dead-man or watchdog until the contactor is open
WATCHDOG_S = 2.0  # of the second board, with the time its vehicle has to let go
WINDOW_S = {"1": HOLD_S + OPENS_S, "2": WATCHDOG_S + OPENS_S}
CDR_STEP_WH = 0.1
STEP_WH = {"1": 1e3 * float32_step(1300.0), "2": 1.0}  # of the meter's register


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was there when the round began."""

    register_wh: dict[str, float]
    billed: frozenset[str]  # ids of the CDRs of earlier rounds


def before(played: Round) -> Before:
    """To be called at a quiet point."""
    return Before(
        register_wh={name: _register_wh(part) for name, part in played.plant.note().items()},
        billed=frozenset(str(row["id"]) for row in played.ledger().of("cdrs"))
        if (played.stage.directory / "state" / "ledger.db").exists()
        else frozenset(),
    )


def violations(played: Round, was: Before) -> Iterator[str]:
    """Everything that does not hold at the round's quiet end."""
    ledger = played.ledger()
    objects = played.stage.backend.ask("GET", "/objects")
    received = objects["cdrs"]
    cdrs = [c for c in received if isinstance(c, dict)] if isinstance(received, list) else []
    yield from played.forgotten
    yield from _billing(ledger, cdrs)
    yield from _energy(played, was, ledger)
    for connector, evse in EVSES.items():
        yield from _intervals(ledger.of("intervals", evse_uid=evse), played.kills, connector)
    for kill in played.kills:
        yield from _dead_man(played.plant, kill)
    yield from _closings(played)


def _register_wh(part: JsonObject) -> float:
    return float(str(part["meter_register_wh"]))


def _billing(ledger: Snapshot, received: list[JsonObject]) -> Iterator[str]:
    """One CDR for each session, the same in both places."""
    here = Counter(str(row["session_id"]) for row in ledger.of("cdrs"))
    there = Counter(str(cdr["session_id"]) for cdr in received)
    for session in ledger.of("sessions"):
        counts = here[session["id"]], there[session["id"]]
        if counts != (1, 1):
            yield f"session {session['id']}: CDRs in (ledger, backend) are {counts}"
    energy_wh = {str(c["session_id"]): 1e3 * float(str(c["total_energy"])) for c in received}
    for row in ledger.of("cdrs"):
        body = msgspec.json.decode(row["body"])
        told_wh = energy_wh.get(str(row["session_id"]))
        if told_wh is not None and abs(told_wh - body["session"]["energy_wh"]) > CDR_STEP_WH:
            yield f"CDR {row['id']}: {body['session']['energy_wh']} Wh here, {told_wh} Wh there"
    strangers = there.keys() - {str(row["id"]) for row in ledger.of("sessions")}
    yield from (f"session {session} is known to the backend alone" for session in strangers)


def _energy(played: Round, was: Before, ledger: Snapshot) -> Iterator[str]:
    """What the bills of a round come to is what the register counted."""
    parts = played.plant.note()
    for connector in EVSES:
        sessions = {r["id"] for r in ledger.of("sessions", connector=connector)}
        bodies = [
            msgspec.json.decode(row["body"])
            for row in ledger.of("cdrs")
            if row["session_id"] in sessions and row["id"] not in was.billed
        ]
        billed_wh = sum(body["session"]["energy_wh"] for body in bodies)
        counted_wh = _register_wh(parts[connector]) - was.register_wh[connector]
        most_wh = STEP_WH[connector] * 2 * max(len(bodies), 1) + CDR_STEP_WH
        if abs(billed_wh - counted_wh) > most_wh:
            yield (
                f"connector {connector}: {counted_wh:.2f} Wh counted, {billed_wh:.2f} Wh billed"
                f" in {len(bodies)} CDRs"
            )


def _intervals(rows: list[Row], kills: list[Kill], connector: str) -> Iterator[str]:
    """Each status ends where the next begins; one runs; no agent, no known status."""
    ordered = sorted(rows, key=lambda row: int(row["number"]))
    running = [row for row in ordered if row["ended_wall"] is None]
    if len(running) != 1 or (ordered and running != ordered[-1:]):
        yield f"connector {connector}: {len(running)} status intervals run"
    for one, two in pairwise(ordered):
        ends, begins = (
            (one["ended_boot_id"], one["ended_s"]),
            (two["begun_boot_id"], two["begun_s"]),
        )
        if ends != begins:
            yield f"connector {connector}: interval {one['number']} ends at {ends}, next {begins}"
        if one["ended_s"] is not None and one["ended_s"] < one["begun_s"]:
            yield f"connector {connector}: interval {one['number']} is negative"
    for kill in kills:
        if not any(_absent(row, kill) for row in ordered):
            yield f"connector {connector}: nothing says that no agent ran at {kill.at_s:.3f}"


def _absent(row: Row, kill: Kill) -> bool:
    unknown = row["status"] == "UNKNOWN" and row["begun_s"] <= kill.at_s
    return bool(unknown and (row["ended_s"] is None or row["ended_s"] >= kill.spawned_s))


def dead_man_s(plant: Plant, kill: Kill) -> Iterator[tuple[str, float | None]]:
    """For each contactor that was closed, or just being closed: how long after the kill it was.

    `None`: it never opened again.
    """
    for name in EVSES:
        closing = [t for t in plant.closed_at_s.get(name, ()) if t < _dead_until_s(name, kill)]
        if not closing or (opened_s := plant.opened_after(name, max(closing))) is None:
            yield from ((name, None) for _ in closing[:1])
        elif opened_s > kill.at_s:
            yield name, opened_s - kill.at_s


def _dead_until_s(name: str, kill: Kill) -> float:
    """A board carries out what it was told just before; after that the agent's word is gone."""
    return min(kill.at_s + WINDOW_S[name], kill.spawned_s)


def _dead_man(plant: Plant, kill: Kill) -> Iterator[str]:
    for name, after_s in dead_man_s(plant, kill):
        most_s = WINDOW_S[name] + plant.stalled_s(kill.at_s, kill.at_s + WINDOW_S[name])
        if after_s is None or after_s > most_s:
            yield f"connector {name}: open {after_s} s after the kill, allowed {most_s:.3f} s"


def _closings(played: Round) -> Iterator[str]:
    """No contactor closes unless somebody was let in and an agent ran."""
    begun_s = float(played.steps[0].split()[0])
    for name, times in played.plant.closed_at_s.items():
        for at_s in (t for t in times if t >= begun_s):
            if not any(n == name and a <= at_s <= b for n, a, b in played.allowed):
                yield f"connector {name}: closed at {at_s:.3f} although nobody was let in"
            for kill in played.kills:
                if kill.at_s + WINDOW_S[name] < at_s < kill.spawned_s:
                    yield f"connector {name}: closed at {at_s:.3f} while no agent ran"
