"""Where a line is, how it is set up, and how much time its devices need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

FAST_BAUD = 19200  # above it the silences are fixed times: Modbus over Serial Line V1.02, 2.5.1.1
FAST_SILENCE_S = 0.00175

Direction: TypeAlias = Literal["none", "kernel", "rts"]
Framing: TypeAlias = Literal["tcp", "rtu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings:
    """A serial line. `parity` is N, E or O; always 8 data bits.

    `direction` says who switches an RS-485 transceiver: `none` the adapter itself, `kernel` the
    driver's RS-485 mode, `rts` this process. `echo` says whether the adapter hears itself; `None`
    finds out from the first read.
    """

    name: str
    port: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1
    direction: Direction = "none"
    rts_before_s: float = 0.0  # from taking the wires to the first character, 0..0.1
    rts_after_s: float = 0.0  # from the last character to letting the wires go, 0..0.1
    rts_on_send: bool = True  # RTS is set, not cleared, while sending
    echo: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what no port can be set to.

        Raises:
            ValueError: parity, stop bits, baud, direction or a delay is not possible.
        """
        if self.parity not in ("N", "E", "O") or self.stop_bits not in (1, 2) or self.baud < 50:
            raise ValueError(f"parity N, E or O, 1 or 2 stop bits, at least 50 baud: {self!r}")
        if self.direction not in ("none", "kernel", "rts"):
            raise ValueError(f'direction "none", "kernel" or "rts": {self!r}')
        if not (0.0 <= self.rts_before_s <= 0.1 and 0.0 <= self.rts_after_s <= 0.1):
            raise ValueError(f"delays of 0..0.1 s: {self!r}")

    @property
    def character_s(self) -> float:
        """Seconds one character takes on the wire."""
        bits = 9 + self.stop_bits + (self.parity != "N")
        return bits / self.baud

    @property
    def silence_s(self) -> float:
        """The silence between frames, 3.5 characters, 1.75 ms above 19200 baud."""
        return FAST_SILENCE_S if self.baud > FAST_BAUD else 3.5 * self.character_s

    @property
    def format(self) -> str:
        """The usual short form, for example `8N1`."""
        return f"8{self.parity}{self.stop_bits}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TcpSettings:
    """A Modbus TCP peer or gateway, or with `framing` "rtu" a serial line tunnelled over TCP."""

    name: str
    host: str
    port: int = 502
    framing: Framing = "tcp"

    def __post_init__(self) -> None:
        """Refuse what no connection can be.

        Raises:
            ValueError: the framing is unknown, or the port number impossible.
        """
        if not 1 <= self.port <= 65535:
            raise ValueError(f"port 1..65535: {self!r}")
        if self.framing not in ("tcp", "rtu"):
            raise ValueError(f'framing "tcp" or "rtu": {self!r}')


LineSettings: TypeAlias = SerialSettings | TcpSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """What one device needs; `timeout_s` and `worst_latency_s` count from the request's end.

    The profile promises that no reply begins later than `worst_latency_s`: after a failure the
    line must have been silent that long before it is used again.
    """

    timeout_s: float = 0.3
    worst_latency_s: float = 0.5
    min_delay_s: float = 0.0  # from the end of a transaction to the device's next request
    unit_change_s: float = 0.0  # before a request when another unit was asked last
    read_interval_s: float = 0.0  # from one read's end to the next read; commands do not wait
    write_interval_s: float = 0.0  # between two limit writes; opening does not wait
    turnaround_s: float = 0.02
    broadcast_turnaround_s: float = 0.1
