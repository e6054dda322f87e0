"""Every check of the demo holds on a day that went well, and fails when its promise is broken."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import cast

import pytest

from laddvakt_agent.demo.check import Check
from laddvakt_agent.demo.checks import all_checks, house
from laddvakt_agent.demo.play import shortened
from laddvakt_agent.demo.stage import JsonObject
from laddvakt_agent.demo.watch import Seen

LOGS = {"agent": "ready", "backend": "ready", "board": "ready"}
SAID = {
    "1": ["AVAILABLE", "CHARGING", "AVAILABLE", "CHARGING", "AVAILABLE", "INOPERATIVE"],
    "2": ["AVAILABLE", "CHARGING", "OUTOFORDER", "INOPERATIVE", "OUTOFORDER"],
}
WELD_S, STOP_S, SHOWN_S, KILLED_S = 20.0, 60.0, 60.2, 80.0
# Second of receipt, EVSE, status: what a backend that was away from 30 to 35 s hears.
TOLD = (
    (1.0, "1", "AVAILABLE"), (1.0, "2", "AVAILABLE"), (5.0, "1", "CHARGING"),
    (5.1, "2", "CHARGING"), (WELD_S + 0.05, "2", "OUTOFORDER"), (35.5, "1", "AVAILABLE"),
    (40.0, "1", "CHARGING"), (55.0, "1", "AVAILABLE"), (SHOWN_S + 0.1, "1", "INOPERATIVE"),
    (SHOWN_S + 0.1, "2", "INOPERATIVE"), (67.0, "2", "OUTOFORDER"),
)  # fmt: skip
TIMES = {
    "agent_start_s": 1.0, "authorised_to_closed_s": 3.0, "rejected_frames": 4.0,
    "residual_injected_s": 12.0, "residual_opened_s": 12.15, "residual_cleared_s": 12.3,
    "residual_reclosed_s": 18.2, "backend_back_s": 35.0, "backend_settled_s": 38.0,
    "meter_lost_s": 41.0, "meter_opened_s": 47.2, "meter_back_s": 47.3, "meter_reclosed_s": 51.0,
    "weld_injected_s": 11.0, "welded_start_wh": 7_654_321.0, "welded_power_w": 11_040.0,
    "first_start_wh": 1_234_567.0, "first_end_wh": 1_234_612.0, "second_start_wh": 1_234_612.0,
    "second_end_wh": 1_234_637.0, "third_start_wh": 1_234_637.0, "third_end_wh": 1_234_641.0,
    "stop_pressed_s": STOP_S, "collected_s": 79.9, "killed_s": KILLED_S, "killed_opened_s": 81.7,
}  # fmt: skip


def frame(
    line: str, unit: int, direction: str, at_s: float, raw: bytes = b"", shows: str = ""
) -> JsonObject:
    header = bytes(6) + bytes([unit]) if line == "tcp1" else bytes([unit])
    return {
        "line": line,
        "unit": unit,
        "dir": direction,
        "hex": (header + raw).hex(),
        "first_s": at_s,
        "last_s": at_s + 0.02,
        "shows": [shows] if shows else [],
    }


def charx_write(at_s: float, first: int, *values: int) -> JsonObject:
    """One value by function 6, more by function 16."""
    if len(values) == 1:
        raw = struct.pack(">B2H", 6, first, *values)
    else:
        count = len(values)
        raw = struct.pack(f">B2HB{count}H", 16, first, count, 2 * count, *values)
    return frame("tcp1", 255, "request", at_s, raw)


def charx_read(at_s: float, register_wh: int) -> list[JsonObject]:
    ask = frame("tcp1", 255, "request", at_s, struct.pack(">B2H", 3, 1232, 24))
    told = struct.pack(">2B36xq4x", 3, 48, register_wh)
    return [ask, frame("tcp1", 255, "reply", at_s + 0.01, told)]


def trace() -> list[JsonObject]:
    """Reads of the relay board all day, what the faults show, and the commands they lead to."""
    reads = [frame("line1", 3, "reply", n / 2) for n in range(160)]
    off = frame("line1", 3, "request", 12.09, bytes.fromhex("0500000000cde8"))
    return [
        *reads,
        *charx_read(12.0, 7_654_340),
        frame("line2", 100, "reply", 12.03, shows="residual_current_dc"),
        off,
        charx_write(13.0, 1300, 1, 0),
        *charx_read(15.9, 7_654_366),
        charx_write(16.0, 1300, 0, 0),
        *charx_read(16.9, 7_654_369),
        charx_write(25.0, 1301, 0),
        frame("line1", 3, "reply", SHOWN_S - 0.02, shows="emergency_stop"),
    ]


def reading(now_s: float) -> JsonObject:
    """The mirror contact, read at the end of the last half second's frame."""
    taken_s = (now_s // 0.5) * 0.5 + 0.02
    return {
        "value": True, "quality": "good", "device": "relay1", "taken_at_s": taken_s,
        "age_s": round(now_s - taken_s, 3), "good_for_s": 1.5,
    }  # fmt: skip


def connector(name: str, now_s: float) -> JsonObject:
    welded = name == "2" and now_s > WELD_S
    stopped = STOP_S < now_s < 66.0
    return {
        "id": name,
        "evse_uid": f"DEMO1-{name}",
        "status": "OUTOFORDER" if welded and not stopped else "CHARGING",
        "status_since_s": WELD_S if now_s < STOP_S else 66.5,
        "status_history": [*SAID[name]],
        "closed_commanded": name == "1" and not stopped,
        "readings": {
            "feedback_closed": reading(now_s),
            "voltage_v": reading(now_s) | {"value": [230.1, 230.0, 229.9]},
        },
    }


def status(now_s: float) -> JsonObject:
    weld: JsonObject = {"code": "contactor_welded", "subject": "2", "locked_out": True}
    return {
        "now_s": now_s,
        "connectors": [connector("1", now_s), connector("2", now_s)],
        "lines": [
            {"name": "line1", "safety_period_s": 0.25, "longest_transaction_s": 0.075},
            {"name": "line2", "safety_period_s": 0.1, "longest_transaction_s": 0.035},
        ],
        "devices": [{"name": "relay1", "line": "line1", "unit": 3}],
        "faults": [weld] if now_s > WELD_S else [],
    }


def request(at_s: float, module: str, path: str, body: JsonObject) -> JsonObject:
    return {"at_s": at_s, "module": module, "path": path, "body": body, "status_code": 1000}


def told(at_s: float, name: str, what: str) -> JsonObject:
    return request(at_s, "locations", f"/locations/SE/LAD/DEMO1/DEMO1-{name}", {"status": what})


def cdr(at_s: float, session: str, name: str, kwh: float) -> JsonObject:
    body: JsonObject = {
        "session_id": session,
        "total_energy": kwh,
        "cdr_location": {"evse_uid": f"DEMO1-{name}"},
    }
    return request(at_s, "cdrs", "/cdrs", body)


def received() -> list[JsonObject]:
    fault: JsonObject = {"code": "residual_current_dc"}
    return [
        *(told(*row) for row in TOLD),
        request(12.1, "faults", "/selad-faults/SE/LAD/1", fault),
        cdr(21.0, "w", "2", 0.045),
        cdr(35.6, "a", "1", 0.045),
        cdr(58.0, "b", "1", 0.0249),
        cdr(65.0, "c", "1", 0.004),
    ]


def good() -> Seen:
    """A day on which everything held."""
    return Seen(
        times=dict(TIMES),
        statuses=[status(n / 2 + 0.1) for n in range(2, 158)],
        trace=trace(),
        received=received(),
        stalls=[(30.0, 30.1)],
        weld_starts=[409, 409],
    )


def checks(seen: Seen) -> dict[str, Check]:
    return {check.name: check for check in (*all_checks(seen), *house(LOGS, 75.0))}


def failed(seen: Seen) -> list[str]:
    return [name for name, check in checks(seen).items() if not check.ok]


# The ways in which a day can go wrong

Mutation = Callable[[Seen], None]


def at(name: str, value: float) -> Mutation:
    return lambda seen: seen.times.update({name: value})


def add_told(*rows: tuple[float, str, str]) -> Mutation:
    def apply(seen: Seen) -> None:
        seen.received += [told(*row) for row in rows]
        seen.received.sort(key=lambda r: float(str(r["at_s"])))

    return apply


def without_told(*gone: tuple[float, str, str]) -> Mutation:
    def apply(seen: Seen) -> None:
        rest = [told(*row) for row in TOLD if row not in gone]
        seen.received = rest + [r for r in seen.received if r["module"] != "locations"]

    return apply


def add_frame(*frames: JsonObject) -> Mutation:
    return lambda seen: seen.trace.extend(frames)


def no_frame(shows: str) -> Mutation:
    def apply(seen: Seen) -> None:
        seen.trace = [f for f in seen.trace if f["shows"] != [shows]]

    return apply


def on_last(path: str, value: object) -> Mutation:
    """Change the agent's last status at a path of keys and places."""

    def apply(seen: Seen) -> None:
        *way, last = path.split(".")
        part: object = seen.statuses[-1]
        for key in way:
            part = part[int(key)] if isinstance(part, list) else cast("JsonObject", part)[key]
        cast("JsonObject", part)[last] = value  # type: ignore[assignment] # JSON by construction

    return apply


def change(name: str, **values: object) -> Mutation:
    """Change the CDR of a session."""

    def apply(seen: Seen) -> None:
        for body in (r["body"] for r in seen.received if r["module"] == "cdrs"):
            if isinstance(body, dict) and body["session_id"] == name:
                body.update(values)  # type: ignore[arg-type] # JSON by construction

    return apply


def swap_history(name: str) -> Mutation:
    """The agent had its first two the other way round: they were received in the wrong order."""
    first, second, *rest = SAID[name]
    return on_last(f"connectors.{int(name) - 1}.status_history", [second, first, *rest])


def both(*mutations: Mutation) -> Mutation:
    def apply(seen: Seen) -> None:
        for mutation in mutations:
            mutation(seen)

    return apply


def residual(*, shown_s: float, opened_s: float) -> Mutation:
    """The reply that shows the trip, the open command after it, and the report right behind."""

    def apply(seen: Seen) -> None:
        for part in seen.trace:
            shows = part["shows"] == ["residual_current_dc"]
            if shows or str(part["hex"]).startswith("0305"):
                part["first_s"] = shown_s if shows else opened_s
                part["last_s"] = float(str(part["first_s"])) + 0.02
        move("faults", 12.1, shown_s + 0.05)(seen)

    return apply


def move(module: str, from_s: float, to_s: float) -> Mutation:
    """What the backend heard at one time it hears at another."""

    def apply(seen: Seen) -> None:
        for part in seen.received:
            if (part["module"], part["at_s"]) == (module, from_s):
                part["at_s"] = to_s

    return apply


def without(module: str) -> Mutation:
    def apply(seen: Seen) -> None:
        seen.received = [r for r in seen.received if r["module"] != module]

    return apply


def said_twice(name: int, what: str = "") -> Mutation:
    """The agent had its third status, or the one given, twice in a row."""
    said = SAID[str(name)]
    place = said.index(what) if what else 2
    return on_last(f"connectors.{name - 1}.status_history", [*said[: place + 1], *said[place:]])


def never_inoperative(seen: Seen) -> None:
    """The agent itself never had that status."""
    without_told((SHOWN_S + 0.1, "1", "INOPERATIVE"))(seen)
    on_last("connectors.0.status_history", SAID["1"][:-1])(seen)


def starts(*answers: int) -> Mutation:
    return lambda seen: seen.weld_starts.__setitem__(slice(None), answers)


def noise(seen: Seen) -> None:
    seen.noise_changes = 1


def answered(method: str, http_status: int, status_code: int) -> Mutation:
    """One more request that the backend answered so."""
    request: JsonObject = {"at_s": 70.0, "module": "sessions", "method": method}
    answer: JsonObject = {"http_status": http_status, "status_code": status_code}
    return lambda seen: seen.received.append(request | answer)


def late_reply_shown(seen: Seen) -> None:
    """A reading whose time is that of no reply."""
    on_last("connectors.0.readings.voltage_v.taken_at_s", 78.3)(seen)


READING = "connectors.0.readings.feedback_closed"
BROKEN: tuple[tuple[str, str, Mutation], ...] = (
    ("agent_start", "slow", at("agent_start_s", 2.5)),
    ("authorised_to_closed", "slow", at("authorised_to_closed_s", 5.1)),
    ("bad_frames_rejected", "none", at("rejected_frames", 1)),
    ("noise_state_changes", "one", noise),
    ("impossible_voltages_shown", "one", on_last("connectors.0.readings.voltage_v.value", [21.0])),
    ("residual_reaction", "late open command", residual(shown_s=12.0, opened_s=12.135)),
    ("residual_detection", "read too late", residual(shown_s=12.2, opened_s=12.27)),
    ("residual_fault_at_backend", "late", move("faults", 12.1, 13.2)),
    ("residual_fault_at_backend", "before it was seen", move("faults", 12.1, 11.0)),
    ("residual_fault_at_backend", "never", without("faults")),
    ("residual_contactor_open", "sticks", at("residual_opened_s", 12.4)),
    ("residual_recovered", "at once", at("residual_reclosed_s", 13.0)),
    ("residual_recovered", "never", at("residual_reclosed_s", 30.0)),
    ("weld_status_sent", "twice", both(add_told((25.0, "2", "OUTOFORDER")), said_twice(2))),
    ("weld_status_at_backend", "late", move("locations", WELD_S + 0.05, WELD_S + 1.2)),
    ("weld_locked_out", "start let in", starts(409, 200)),
    ("weld_locked_out", "never tried", starts()),
    ("weld_locked_out", "not locked", on_last("faults.0.locked_out", False)),
    ("weld_locked_out", "forgotten", on_last("faults", [])),
    ("weld_locked_out", "commanded closed", on_last("connectors.1.closed_commanded", True)),
    ("weld_locked_out", "released by 16", add_frame(charx_write(70.0, 1300, 1, 0))),
    ("weld_locked_out", "released by 6", add_frame(charx_write(70.0, 1300, 1))),
    ("weld_locked_out", "offered by 6", add_frame(charx_write(70.0, 1301, 6))),
    ("weld_locked_out", "offered by 16", add_frame(charx_write(70.0, 1300, 0, 6))),
    ("pushes_after_outage", "none", without_told((35.5, "1", "AVAILABLE"))),
    ("pushes_after_outage", "all", both(add_told((36.0, "1", "AVAILABLE")), said_twice(1))),
    (
        "pushes_of_the_unchanged",
        "one",
        both(add_told((36.0, "2", "INOPERATIVE")), said_twice(2, "INOPERATIVE")),
    ),
    ("rejected_by_backend", "one", answered("PUT", 200, 2001)),
    ("rejected_by_backend", "a change of nothing", answered("PATCH", 404, 2001)),
    ("rejected_by_backend", "a bad question", answered("GET", 200, 2001)),
    ("statuses_in_order_1", "swapped", swap_history("1")),
    ("statuses_in_order_2", "swapped", swap_history("2")),
    ("statuses_in_order_1", "invented", add_told((3.0, "1", "RESERVED"))),
    ("statuses_in_order_2", "invented", add_told((8.0, "2", "BLOCKED"))),
    ("statuses_in_order_1", "again after the end", add_told((68.0, "1", "CHARGING"))),
    ("statuses_in_order_2", "repeated", add_told((9.0, "2", "CHARGING"))),
    ("statuses_in_order_2", "the last one missing", without_told((67.0, "2", "OUTOFORDER"))),
    ("statuses_in_order_1", "nothing said", on_last("connectors.0.status_history", [])),
    ("meter_lost_to_open", "at once", at("meter_opened_s", 42.0)),
    ("meter_lost_to_open", "too late", at("meter_opened_s", 53.5)),
    ("meter_recovered", "too late", at("meter_reclosed_s", 63.0)),
    ("fault_to_status_at_backend", "late", move("locations", SHOWN_S + 0.1, SHOWN_S + 1.2)),
    ("fault_to_status_at_backend", "never told", never_inoperative),
    ("fault_to_status_at_backend", "never seen on the wire", no_frame("emergency_stop")),
    ("cdrs_received", "one too many", lambda s: s.received.append(cdr(70, "x", "1", 0.01))),
    ("cdrs_per_session", "twice", change("c", session_id="b")),
    ("cdr_energy_first", "too much", change("a", total_energy=0.0453)),
    ("cdr_energy_second", "too little", change("b", total_energy=0.0247)),
    ("cdr_energy_third", "nothing", change("c", total_energy=0.0)),
    ("cdr_energy_welded", "billed on", change("w", total_energy=0.0495)),
    ("cdr_energy_welded", "stopped early", change("w", total_energy=0.026)),
    ("readings_without_a_reply", "one", late_reply_shown),
    ("readings_past_their_time", "good", on_last(f"{READING}.age_s", 1.6)),
    ("killed_to_open", "too late", at("killed_opened_s", 82.6)),
    ("killed_to_open", "open before", at("killed_opened_s", 79.0)),
)


def test_a_good_day_passes_every_check() -> None:
    assert failed(good()) == []


def test_a_question_about_what_is_not_there_yet_is_no_rejection() -> None:
    """HTTP 404 is how OCPI answers it: so the agent asks for the time before its first PUT."""
    seen = good()
    answered("GET", 404, 2001)(seen)
    assert failed(seen) == []


@pytest.mark.parametrize(
    ("name", "mutate"),
    [pytest.param(name, mutate, id=f"{name}-{how}") for name, how, mutate in BROKEN],
)
def test_a_broken_promise_fails_its_check_and_no_other(name: str, mutate: Mutation) -> None:
    seen = good()
    mutate(seen)
    assert failed(seen) == [name]


@pytest.mark.parametrize(
    ("name", "logs", "duration_s"),
    [
        pytest.param("tracebacks", LOGS | {"agent": "Traceback (most"}, 75.0, id="agent's log"),
        pytest.param("tracebacks", LOGS | {"board": "Traceback (most"}, 75.0, id="board's log"),
        pytest.param("tracebacks", LOGS | {"backend": "x\nTraceback"}, 75.0, id="backend's log"),
        pytest.param("tracebacks", {"agent": "ready"}, 75.0, id="logs missing"),
        pytest.param("duration", LOGS, 100.1, id="too long"),
    ],
)
def test_the_house_checks_fail_alone(name: str, logs: dict[str, str], duration_s: float) -> None:
    assert [check.name for check in house(logs, duration_s) if not check.ok] == [name]


def test_there_is_a_broken_day_for_every_check_that_judges() -> None:
    only_told = {"machine_stalls"}
    here = {name for name, _, _ in BROKEN} | {"tracebacks", "duration"}
    assert here == set(checks(good())) - only_told


@pytest.mark.parametrize(
    ("session", "name"),
    [("w", "welded"), ("c", "third")],
)
def test_a_missing_cdr_fails_its_energy_under_the_same_name(session: str, name: str) -> None:
    seen = good()
    seen.received = [
        r
        for r in seen.received
        if not isinstance(r["body"], dict) or r["body"].get("session_id") != session
    ]
    assert failed(seen) == ["cdrs_received", f"cdr_energy_{name}"]


def test_a_day_on_which_nothing_was_seen_has_the_same_checks_and_is_plain_json() -> None:
    seen = good()
    whole = list(checks(seen))
    seen.trace, seen.received = [], []
    found = checks(seen)
    assert list(found) == whole
    json.dumps([check.measured for check in found.values()], allow_nan=False)
    for name in ("residual_reaction", "fault_to_status_at_backend", "weld_status_at_backend"):
        assert (found[name].ok, found[name].measured) == (False, None)


def test_a_bill_follows_the_register_of_the_last_reply_before_the_open_command() -> None:
    """Read on the wire: a later reply with more on it changes nothing, a write of 0 A opens not."""
    seen = good()
    seen.trace.extend(charx_read(18.0, 7_700_000))
    assert failed(seen) == []
    assert checks(seen)["cdr_energy_welded"].expected == "45.00 ± 4.07"


def test_shortened_times_are_told_with_their_table() -> None:
    told_lines = list(shortened())
    assert "[fault.meter_lost] confirm_s = 3 (shortened from 10)" in told_lines
    assert "[uplink] retry_min_s = 0.5 (shortened from 2)" in told_lines
    assert all(line.startswith("[") for line in told_lines)
