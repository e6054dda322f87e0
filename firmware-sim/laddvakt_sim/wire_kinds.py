"""The table of wire faults that can be injected, with their parameters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from laddvakt_sim.fault_kinds import Choice, Flag, Indices, Kind, Number, Parameter, Target

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "wire_"
SCHEDULE = ("rate", "every", "at", "once")

_SEED = Number(least=0, most=2**31, default=1, whole=True)
_UNIT = Number(least=0, most=255, default=None, whole=True)
_ONE_WAY = ("request", "reply")
_SCHEDULED: Mapping[str, Parameter] = {
    "rate": Number(least=0, most=1, default=None),
    "every": Number(least=1, most=1_000_000, default=None, whole=True),
    "at": Indices(),
    "once": Flag(default=False),
    "seed": _SEED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    about: str
    own: Mapping[str, Parameter] = field(default_factory=dict)
    ways: tuple[str, ...] = ()  # allowed directions, the last one is the default; none: replies
    scheduled: bool = True
    unit: bool = True
    where: str = "everywhere"  # or "serial" (RTU characters), "tcp" (Modbus TCP), "sockets"
    contactor: bool = False  # in step with one: of a connector, or of a relay on a bench


def _whole(least: int, most: int, default: int | None) -> Number:
    return Number(least=least, most=most, default=default, whole=True)


_ROWS: Mapping[str, _Row] = {
    "late": _Row(
        about="reply comes `delay_ms` after the request, plus up to `jitter_ms`",
        own={
            "delay_ms": Number(least=1, most=60_000, default=400),
            "jitter_ms": Number(least=0, most=60_000, default=0),
        },
    ),
    "lost": _Row(
        about="request: no device hears it; reply: carried out, nothing comes back", ways=_ONE_WAY
    ),
    "truncated": _Row(
        about="only the first `keep` characters get through (absent: a random number)",
        own={"keep": _whole(1, 255, None)},
        ways=_ONE_WAY,
    ),
    "bit_errors": _Row(
        about="`bits` bits turned over", own={"bits": _whole(1, 64, 1)}, ways=_ONE_WAY,
        where="serial",
    ),
    "garbage_before": _Row(
        about="`chars` random characters right before the frame",
        own={"chars": _whole(1, 256, 3)},
        ways=_ONE_WAY,
    ),
    "garbage_after": _Row(
        about="`chars` random characters right after the frame",
        own={"chars": _whole(1, 256, 3)},
        ways=_ONE_WAY,
    ),
    "merged": _Row(
        about="next: held back and sent glued in front of the next reply; "
        "previous: the reply before it comes again, glued in front",
        own={"to": Choice(values=("next", "previous"), default="next")},
    ),
    "wrong_unit": _Row(
        about="sound frame of unit `to` (absent: the next one)", own={"to": _UNIT}, ways=_ONE_WAY
    ),
    "wrong_function": _Row(
        about="sound frame of function `to` (absent: 3 and 4, 1 and 2 change places)",
        own={"to": _whole(1, 255, None)},
        ways=_ONE_WAY,
    ),
    "wrong_count": _Row(
        about="sound frame with `by` registers more (bits: bytes)",
        own={"by": _whole(-125, 125, -1)},
        ways=_ONE_WAY,
    ),
    "exception": _Row(
        about="device refuses with `code` and does nothing", own={"code": _whole(1, 255, 4)}
    ),
    "duplicated": _Row(
        about="sent a second time; a reply `gap_ms` after the end of the first",
        own={"gap_ms": Number(least=0, most=60_000, default=5)},
        ways=_ONE_WAY,
    ),
    "wrong_baud": _Row(
        about="device works at `baud`: each side hears what its UART makes of the other's bits",
        own={"baud": Number(least=300, most=115_200, default=None, whole=True, required=True)},
        ways=("request", "reply", "both"),
        where="serial",
    ),
    "babble": _Row(
        about="a device talks by itself, bursts of `chars`, `duty` of the time",
        own={
            "duty": Number(least=0.01, most=1, default=0.5),
            "chars": _whole(1, 256, 20),
            "seed": _SEED,
        },
        scheduled=False,
        unit=False,
        where="serial",
    ),
    "unplugged": _Row(
        about="A/B open at the adapter, or at one unit: nothing gets through either way",
        ways=("both",),
        scheduled=False,
    ),
    "noise": _Row(
        about="bits turn over within `within_ms` of every contactor movement, "
        "in `rate` of the characters",
        own={
            "within_ms": Number(least=0.1, most=1000, default=10),
            "rate": Number(least=0, most=1, default=0.5),
            "seed": _SEED,
        },
        scheduled=False,
        unit=False,
        where="serial",
        contactor=True,
    ),
    "tid_zero": _Row(about="reply carries transaction id 0", where="tcp"),
    "wrong_tid": _Row(
        about="reply carries a transaction id `by` higher",
        own={"by": _whole(-65_535, 65_535, 1)},
        where="tcp",
    ),
    "closed": _Row(
        about="connection closed after `after` bytes of the reply",
        own={"after": _whole(0, 260, 0)},
        where="sockets",
    ),
}  # fmt: skip


def wire_kinds(
    serial: tuple[str, ...],
    tcp: tuple[str, ...],
    rtu_over_tcp: tuple[str, ...] = (),
    *,
    connectors: bool = False,
    relays: tuple[str, ...] = (),
) -> dict[str, Kind]:
    """The wire faults possible with these lines.

    Args:
        serial: names of the serial lines.
        tcp: names of the Modbus TCP lines.
        rtu_over_tcp: names of the lines that carry RTU characters over TCP.
        connectors: whether there are connectors whose contactors make noise.
        relays: devices whose relays stand for contactors, where there are no connectors.
    """
    lines = {
        "everywhere": (*serial, *rtu_over_tcp, *tcp),
        "serial": (*serial, *rtu_over_tcp),
        "tcp": tcp,
        "sockets": (*rtu_over_tcp, *tcp),
    }
    return {
        PREFIX + name: _kind(row, lines[row.where], () if connectors else relays)
        for name, row in _ROWS.items()
        if lines[row.where] and (connectors or relays or not row.contactor)
    }


def _kind(row: _Row, lines: tuple[str, ...], relays: tuple[str, ...]) -> Kind:
    by_relay = row.contactor and relays
    parameters: dict[str, Parameter] = {
        **({"device": Choice(values=relays, default=None, required=True)} if by_relay else {}),
        "line": Choice(values=lines, default=None, required=True),
        **({"unit": _UNIT} if row.unit else {}),
        **({"direction": Choice(values=row.ways, default=row.ways[-1])} if row.ways else {}),
        **(_SCHEDULED if row.scheduled else {}),
        **row.own,
    }
    return Kind(
        about=row.about,
        target=Target.CONNECTOR if row.contactor and not relays else Target.ELSEWHERE,
        parameters=parameters,
        one_of=SCHEDULE if row.scheduled else (),
    )
