"""Where a line is, how it is set up, and how much time its devices need."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

FAST_BAUD = 19200  # above it the silences are fixed times: Modbus over Serial Line V1.02, 2.5.1.1
FAST_SILENCE_S = 0.00175


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialSettings:
    """A serial line. `parity` is N, E or O; always 8 data bits."""

    name: str
    port: str
    baud: int = 9600
    parity: str = "N"
    stop_bits: int = 1

    def __post_init__(self) -> None:
        """Refuse what no port can be set to.

        Raises:
            ValueError: parity, stop bits or baud is not possible.
        """
        if self.parity not in ("N", "E", "O") or self.stop_bits not in (1, 2) or self.baud < 50:
            raise ValueError(f"parity N, E or O, 1 or 2 stop bits, at least 50 baud: {self!r}")

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
    """A Modbus TCP peer."""

    name: str
    host: str
    port: int = 502


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
