"""A test stand: `laddvakt-sim bench` with a layout of one's own, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

JsonObject = dict[str, object]
START_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """A running stand: its lines and its control API."""

    control_url: str
    lines: dict[str, JsonObject]
    tcp: dict[str, JsonObject]
    pids: tuple[int, ...]

    def port(self, line: str) -> str:
        """The path of a paced line's pty."""
        return str(self.lines[line]["port"])

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> JsonObject:
        """One request to the control API.

        Raises:
            urllib.error.HTTPError: the stand refuses; its body says what is allowed.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.control_url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            found = json.loads(answer.read())
        return found if isinstance(found, dict) else {"answer": found}

    def frames(self, line: str) -> list[JsonObject]:
        """Every frame of a line that the trace still holds, oldest first."""
        frames: list[JsonObject] = []
        since = 0
        while True:
            page = self.ask("GET", f"/trace?line={line}&since={since}&limit=5000")
            found = page["frames"]
            if not isinstance(found, list) or not found:
                return frames
            frames += found
            since = int(str(page["next"]))


@contextmanager
def stand(directory: Path, layout: str) -> Iterator[Stand]:
    """Start a stand with that layout (TOML); everything ends with the block.

    Raises:
        RuntimeError: it did not start; the message is its own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "layout.toml"
    file.write_text(layout)
    command = [sys.executable, "-m", "laddvakt_sim", "bench", "--dir", str(directory)]
    with subprocess.Popen(
        [*command, "--layout", str(file)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield _announced(process, directory / "bench.json")
        finally:
            process.terminate()
            process.wait(10)


def _announced(process: subprocess.Popen[bytes], file: Path) -> Stand:
    given_up_s = time.monotonic() + START_S
    while not file.exists():
        if process.poll() is not None:
            said = process.stderr.read().decode() if process.stderr else ""
            raise RuntimeError(f"the stand ended with {process.returncode}: {said}")
        if time.monotonic() > given_up_s:
            raise RuntimeError(f"the stand was not ready within {START_S} s")
        time.sleep(0.02)
    content = json.loads(file.read_text())
    return Stand(
        control_url=content["control_url"],
        lines=content["lines"],
        tcp=content["tcp"],
        pids=tuple(content["pids"]),
    )
