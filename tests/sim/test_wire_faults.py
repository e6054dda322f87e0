"""What each fault of the wire does to frames, when it strikes, and what it refuses to be."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from laddvakt_sim.faults import FaultError, parse
from laddvakt_sim.firmware.slave import intact, seal
from laddvakt_sim.wire_damage import resampled
from laddvakt_sim.wire_faults import Trigger
from sim.virtual_line import KINDS, NAME, Plain, VirtualLine, read, reply, write

GOOD = reply(1)

Check = Callable[[bytes], bool]


def _bits_apart(one: bytes, other: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(one, other, strict=True))


REPLIES: tuple[tuple[str, dict[str, object], Check], ...] = (
    ("lost", {}, lambda got: got == b""),
    ("truncated", {}, lambda got: 0 < len(got) < len(GOOD) and GOOD.startswith(got)),
    ("truncated", {"keep": 3}, lambda got: got == GOOD[:3]),
    ("bit_errors", {}, lambda got: _bits_apart(got, GOOD) == 1),
    ("bit_errors", {"bits": 5}, lambda got: _bits_apart(got, GOOD) == 5),
    ("garbage_before", {"chars": 4}, lambda got: len(got) == 4 + len(GOOD) and got.endswith(GOOD)),
    ("garbage_after", {"chars": 2}, lambda got: len(got) == 2 + len(GOOD) and got.startswith(GOOD)),
    ("wrong_unit", {}, lambda got: got == seal(2, GOOD[1:-2])),
    ("wrong_unit", {"to": 77}, lambda got: got == seal(77, GOOD[1:-2])),
    ("wrong_function", {}, lambda got: got == seal(1, b"\x04" + GOOD[2:-2])),
    ("wrong_function", {"to": 16}, lambda got: got == seal(1, b"\x10" + GOOD[2:-2])),
    ("wrong_count", {}, lambda got: got == reply(1, count=1)),
    ("wrong_count", {"by": 2}, lambda got: got == seal(1, b"\x03\x08" + GOOD[3:-2] + bytes(4))),
    ("exception", {"code": 6}, lambda got: got == seal(1, b"\x83\x06")),
    ("duplicated", {}, lambda got: got == GOOD + GOOD),
    ("wrong_baud", {"baud": 19200, "direction": "reply"}, lambda got: not intact(got)),
    ("wrong_baud", {"baud": 19200}, lambda got: got == b""),
    ("unplugged", {}, lambda got: got == b""),
    ("unplugged", {"unit": 1}, lambda got: got == b""),
)


@pytest.mark.parametrize(
    ("kind", "parameters", "holds"),
    [pytest.param(*case, id=f"{case[0]} {case[1] or ''}") for case in REPLIES],
)
def test_reply(kind: str, parameters: dict[str, object], holds: Check) -> None:
    """The master gets that instead of the reply, the trace says why, and afterwards all is well."""
    line = VirtualLine()
    line.inject(kind, **parameters)
    got = line.ask(read(1))
    assert holds(got), got.hex()
    if got:
        assert kind in line.notes("reply")[-1]
    else:
        assert kind in line.notes("request")[-1]
    assert line.trace.counts[NAME]["errors"] >= 1
    line.heal()
    assert line.ask(read(1)) == GOOD


REQUESTS: tuple[tuple[str, dict[str, object], bytes, bool], ...] = (
    ("lost", {}, b"", False),
    ("truncated", {"keep": 5}, b"", False),
    ("bit_errors", {}, b"", False),
    ("garbage_before", {}, b"", False),
    ("garbage_after", {}, b"", False),
    ("wrong_unit", {"to": 2}, write(2), False),
    ("wrong_function", {"to": 3}, b"", False),
    ("wrong_baud", {"baud": 4800}, b"", False),
    ("duplicated", {}, write(1) + write(1), True),
    ("unplugged", {}, b"", False),
)


@pytest.mark.parametrize(
    ("kind", "parameters", "comes", "done"),
    [pytest.param(*case, id=case[0]) for case in REQUESTS],
)
def test_request(kind: str, parameters: dict[str, object], comes: bytes, done: bool) -> None:
    """A write that is hurt on its way is not carried out by the unit it was meant for."""
    one = Plain(1)
    line = VirtualLine(one, Plain(2))
    way = {} if kind == "unplugged" else {"direction": "request"}
    line.inject(kind, **parameters, **way)
    got = line.ask(write(1))
    assert got == comes or kind == "wrong_function"
    assert one.written == ([(7, [9]), (7, [9])] if done else [])
    assert kind in line.notes("request")[-1]


def test_a_lost_reply_was_carried_out_and_an_exception_was_not() -> None:
    """What did not come back may have happened; what was refused did not."""
    for kind, written in (("lost", 1), ("exception", 0)):
        one = Plain(1)
        line = VirtualLine(one)
        line.inject(kind)
        line.ask(write(1))
        assert len(one.written) == written, kind


SCHEDULES: tuple[tuple[dict[str, object], list[int]], ...] = (
    ({}, [1, 2, 3, 4, 5, 6]),
    ({"every": 3}, [3, 6]),
    ({"at": [5, 2]}, [2, 5]),
    ({"once": True}, [1]),
    ({"rate": 0}, []),
    ({"rate": 1}, [1, 2, 3, 4, 5, 6]),
)


@pytest.mark.parametrize(("schedule", "struck"), SCHEDULES)
def test_schedule(schedule: dict[str, object], struck: list[int]) -> None:
    """Which frames are hit; frames of other units and the other direction do not count."""
    line = VirtualLine()
    fault = line.inject("lost", unit=1, **schedule)
    missing = []
    for number in range(1, 7):
        assert line.ask(read(2)) == reply(2)
        if not line.ask(read(1)):
            missing.append(number)
    assert missing == struck
    gone = schedule == {"once": True} or "at" in schedule
    assert line.wire.spent(fault) is gone
    trigger = line.wire.faults.trigger(fault)
    assert trigger is not None
    assert trigger.hits == len(struck)


def test_rate_follows_its_seed() -> None:
    """A tenth of many frames, the same ones for the same seed, others for another."""

    def run(seed: int) -> list[bool]:
        body = {"name": "wire_lost", "line": NAME, "rate": 0.1, "seed": seed}
        trigger = Trigger(parse(body, 0.0, KINDS))
        return [trigger.strikes() for _ in range(2000)]

    assert run(4) == run(4)
    assert run(4) != run(5)
    assert 150 < run(4).count(True) < 250


def test_another_fault_leaves_the_count_alone() -> None:
    """Injecting or clearing something else does not restart a schedule."""
    line = VirtualLine()
    line.inject("lost", unit=1, every=3)
    line.ask(read(1))
    line.ask(read(1))
    line.inject("late", unit=2)
    assert line.ask(read(1)) == b""


def test_two_faults_meet_in_one_frame() -> None:
    """Each does its part: cut and late."""
    line = VirtualLine()
    line.inject("truncated", keep=4)
    line.inject("late", delay_ms=150)
    start_s = line.now_s
    assert line.ask(read(1), 0.3) == GOOD[:4]
    request_s = 8 * line.spec.char_s
    assert line.got[0][0] - start_s == pytest.approx(request_s + 0.150 + line.spec.char_s)
    assert line.notes("reply") == ["truncated, late"]


def test_merged_with_the_next() -> None:
    """Held back, then glued in front of the next reply on the line, whoever's it is."""
    line = VirtualLine()
    line.inject("merged", unit=1, once=True)
    assert line.ask(read(1)) == b""
    assert line.ask(read(2)) == GOOD + reply(2)
    assert line.ask(read(1)) == GOOD


def test_merged_with_the_previous() -> None:
    """The reply before comes again, without a gap, in front of this one."""
    line = VirtualLine()
    line.inject("merged", unit=2, to="previous")
    line.ask(read(1))
    assert line.ask(read(2)) == GOOD + reply(2)


def test_duplicate_keeps_its_gap() -> None:
    """The second copy begins `gap_ms` after the end of the first."""
    line = VirtualLine()
    line.inject("duplicated", gap_ms=12.5)
    line.ask(read(1))
    times = [at_s for at_s, _ in line.got]
    gap_s = times[len(GOOD)] - times[len(GOOD) - 1] - line.spec.char_s
    assert gap_s == pytest.approx(0.0125)


def test_broadcast_is_never_answered() -> None:
    """Every device carries it out, a fault on replies has nothing to strike."""
    one, two = Plain(1), Plain(2)
    line = VirtualLine(one, two)
    line.inject("duplicated")
    assert line.ask(write(0)) == b""
    assert one.written == two.written == [(7, [9])]


@pytest.mark.parametrize("form", ["8N1", "8E1", "8O1", "8N2"])
@pytest.mark.parametrize(("sent", "heard"), [(9600, 19200), (19200, 9600), (9600, 2400)])
def test_wrong_baud_makes_garbage_of_plausible_length(sent: int, heard: int, form: str) -> None:
    """Half as many to twice as many characters; at its own rate a frame stays as it is."""
    raw = random.Random(3).randbytes(40)
    garbage = resampled(raw, sent, heard, form)
    assert garbage != raw
    assert not intact(garbage)
    assert 0.1 < len(garbage) / (40 * heard / sent) < 1.6
    assert resampled(raw, sent, sent, form) == raw


REFUSED: tuple[tuple[dict[str, object], str], ...] = (
    ({"name": "wire_gremlin"}, "wire_late, wire_lost"),
    ({"name": "wire_late"}, "'line' is missing: one of line1, pipe, gw"),
    ({"name": "wire_late", "line": "x"}, "allowed is one of line1, pipe, gw"),
    ({"name": "wire_bit_errors", "line": "gw"}, "allowed is one of line1, pipe"),
    ({"name": "wire_tid_zero", "line": NAME}, "allowed is one of gw"),
    ({"name": "wire_closed", "line": NAME}, "allowed is one of pipe, gw"),
    (
        {"name": "wire_late", "line": NAME, "delay": 4},
        "unknown parameter 'delay': allowed are line",
    ),
    ({"name": "wire_late", "line": NAME, "direction": "request"}, "unknown parameter 'direction'"),
    ({"name": "wire_lost", "line": NAME, "direction": "up"}, "one of request, reply"),
    ({"name": "wire_lost", "line": NAME, "rate": 1.5}, "a number 0 to 1"),
    ({"name": "wire_lost", "line": NAME, "every": 0}, "a whole number 1 to"),
    ({"name": "wire_lost", "line": NAME, "at": []}, "such as [1, 4]"),
    ({"name": "wire_lost", "line": NAME, "at": [0]}, "whole numbers from 1"),
    ({"name": "wire_lost", "line": NAME, "at": [True]}, "whole numbers from 1"),
    (
        {"name": "wire_lost", "line": NAME, "every": 2, "once": True},
        "every and once given: allowed is one of rate, every, at, once",
    ),
    ({"name": "wire_wrong_baud", "line": NAME}, "'baud' is missing: a whole number 300 to 115200"),
    ({"name": "wire_noise", "line": NAME}, "'connector' is missing"),
    ({"name": "wire_babble", "line": NAME, "duty": 0}, "a number 0.01 to 1"),
)


@pytest.mark.parametrize(("body", "says"), REFUSED)
def test_refused(body: dict[str, object], says: str) -> None:
    """What cannot be is refused with what can."""
    with pytest.raises(FaultError) as error:
        parse(body, 0.0, KINDS)
    assert says in str(error.value)


def test_every_kind_says_what_it_is_about() -> None:
    """Each has a sentence, a line to name, and defaults its own rule accepts."""
    for name, kind in KINDS.items():
        assert kind.about
        assert kind.parameters["line"].required
        for key, parameter in kind.parameters.items():
            if parameter.default is not None:
                assert parameter.check(parameter.default) == parameter.default, (name, key)
