"""What the agent and systemd say to each other: ready, alive, stopping; and the credentials.

The protocol is sd_notify(3): datagrams of `KEY=value` lines to the socket in `NOTIFY_SOCKET`.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

TOKEN = "ocpi-token"  # the credential's name, not the credential
_USEC = 1_000_000
_MAX_TOKEN_BYTES = 4096


class ServiceError(Exception):
    """What the service manager was meant to provide is not usable; the message says the remedy."""


class Notifier:
    """Tells systemd how the agent is; does nothing where no systemd listens.

    A message that cannot be delivered is dropped: guarding the charger is worth more than
    telling about it, and systemd's watchdog notices silence by itself.
    """

    def __init__(self, environment: Mapping[str, str], *, pid: int | None = None) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self.watchdog_interval_s = _watchdog_interval_s(
            environment, pid if pid is not None else os.getpid()
        )

    def ready(self) -> None:
        """Every line was read once or declared faulty: the agent guards."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for people, shown by `systemctl status`."""
        self._send("STATUS=" + " ".join(text.split()))

    def watchdog(self) -> None:
        """The agent has made progress."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The agent is making the charger safe before it ends."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = "\0" + address[1:]  # abstract: a name in the kernel, not in the file system
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as link:
            link.setblocking(False)
            with contextlib.suppress(OSError):  # see the class
                link.sendto(message.encode(), address)


class ProgressWatchdog:
    """Pings systemd only when every part has moved since the last ping.

    Parts report from where they do their work: each line after a round, the core after a step. A
    timer may call `ping_if_due`, but without progress it keeps silent, and systemd restarts the
    agent while the charger's own watchdog opens the contactor.
    """

    def __init__(self, notifier: Notifier, parts: Iterable[str], *, now_s: float) -> None:
        self._notifier = notifier
        self._waiting_for = self._parts = frozenset(parts)
        self._last_ping_s = now_s
        if not self._parts:
            raise ValueError("a watchdog without parts to watch would never bark")

    def progressed(self, part: str, now_s: float) -> bool:
        """A part has moved; True when this made a ping go out.

        Raises:
            KeyError: no such part is watched.
        """
        if part not in self._parts:
            raise KeyError(part)
        self._waiting_for -= {part}
        return self.ping_if_due(now_s)

    def ping_if_due(self, now_s: float) -> bool:
        """Ping if every part has moved and a third of the interval is over; True when it did."""
        interval_s = self._notifier.watchdog_interval_s
        if interval_s is None or self._waiting_for or now_s - self._last_ping_s < interval_s / 3.0:
            return False
        self._notifier.watchdog()
        self._waiting_for = self._parts
        self._last_ping_s = now_s
        return True

    def waiting_for(self) -> tuple[str, ...]:
        """The parts that have not moved since the last ping: what to blame when it barks."""
        return tuple(sorted(self._waiting_for))


def ocpi_token(
    environment: Mapping[str, str],
    token_file: Path | None = None,
    *,
    name: str = "backend",
    alone: bool = True,
) -> tuple[str | None, str | None]:
    """A platform's token and a warning, each `None` where there is none.

    From the configured file, else from systemd's credential `ocpi-token-<name>`; the only
    platform there is may also have `ocpi-token`.

    Raises:
        ServiceError: it is there and cannot be used, or the configured file is missing.
    """
    if token_file is not None:
        return _read_token(token_file, "check `token_file` in the configuration"), _exposed(
            token_file
        )
    directory = environment.get("CREDENTIALS_DIRECTORY")
    for credential in (f"{TOKEN}-{name}", *((TOKEN,) if alone else ())):
        if directory and (path := Path(directory) / credential).exists():
            return _read_token(path, f"put the token into /etc/credstore/{credential}"), None
    return None, None


def _read_token(path: Path, remedy: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ServiceError(f"{path}: {error.strerror}; {remedy}") from error
    token = raw.strip()
    if not token:
        raise ServiceError(f"{path}: it is empty; {remedy}")
    if len(token) > _MAX_TOKEN_BYTES or not token.isascii() or not token.decode().isprintable():
        raise ServiceError(
            f"{path}: a token is one line of printable ASCII characters without anything else; "
            f"{remedy}"
        )
    return token.decode()


def _exposed(path: Path) -> str | None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & 0o077:
        return None
    return f"{path}: others can read the token (mode {mode:04o}); run: chmod 600 {path}"


def _watchdog_interval_s(environment: Mapping[str, str], pid: int) -> float | None:
    """How often systemd wants to hear from this process; `None`: it does not watch."""
    usec = environment.get("WATCHDOG_USEC", "")
    meant_for = environment.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0 or (meant_for and meant_for != str(pid)):
        return None
    return int(usec) / _USEC
