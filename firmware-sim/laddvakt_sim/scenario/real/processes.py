"""Processes of a run: started, watched, ended; none outlives the runner."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

END_S = 10.0  # an agent opens its contactors first: 6 s at most
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_NOT_OURS = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")  # of a service around the runner
_LAST_WORDS = 12


class Process:
    """One process, its output in a file; started again it goes on in the same file."""

    def __init__(self, name: str, command: Sequence[str], directory: Path) -> None:
        self.name = name
        self._command = command
        self._log = directory / f"{name}.log"
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it ends with this process whatever happens.

        Raises:
            OSError: the command cannot be run.
        """
        kept = {key: value for key, value in os.environ.items() if key not in _NOT_OURS}
        with self._log.open("ab") as output:
            self._running = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env={**kept, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C is for the runner, which ends them in order
                preexec_fn=_die_with_parent,  # noqa: PLW1509  this process has one thread
            )

    @property
    def code(self) -> int | None:
        """How it ended, None while it runs."""
        return None if self._running is None else self._running.poll()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self._running is not None:
            self._running.send_signal(number)

    def words(self) -> str:
        """The last it printed."""
        if not self._log.exists():
            return ""
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LAST_WORDS:])

    def end(self) -> None:
        """End it, by force when it takes too long."""
        running = self._running
        if running is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.terminate()
            running.wait(END_S)
        if running.poll() is None:
            running.kill()
            running.wait()
        if running.stdin is not None:
            running.stdin.close()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
