"""Asks the running agent over its Unix socket; light enough to start in a blink."""

from __future__ import annotations

import http.client
import json
import os
import socket
from pathlib import Path
from typing import TypeAlias

from laddvakt_agent.cli.codes import Exit, fail

JsonObject: TypeAlias = dict[str, "Json"]
Json: TypeAlias = "JsonObject | list[Json] | str | int | float | bool | None"

DEFAULT_SOCKET = "/run/laddvakt/api.sock"
TIMEOUT_S = 10.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path
        self._timeout_s = timeout_s

    def connect(self) -> None:
        """Connect to the socket.

        Raises:
            OSError: nobody listens there, or this user may not.
        """
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(self._timeout_s)
        try:
            link.connect(str(self._path))
        except OSError:
            link.close()
            raise
        self.sock = link


def socket_path(option: str | None) -> Path:
    """The socket to ask: the option, `LADDVAKT_SOCKET`, or where the service puts it."""
    return Path(option or os.environ.get("LADDVAKT_SOCKET") or DEFAULT_SOCKET)


def ask(
    path: Path,
    method: str,
    target: str,
    body: JsonObject | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> JsonObject:
    """One request; leaves the program with a plain sentence when it cannot be answered."""
    status, answer = exchange(path, method, target, body, timeout_s=timeout_s)
    if status >= 400:
        code = Exit.PERMISSION if status == 403 else Exit.NOT_APPLICABLE
        fail(code, *(str(answer.get(key)) for key in ("error", "remedy") if answer.get(key)))
    return answer


def exchange(
    path: Path,
    method: str,
    target: str,
    body: JsonObject | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> tuple[int, JsonObject]:
    """One request, its status and its answer; leaves the program when there is no answer."""
    connection = UnixConnection(path, timeout_s)
    try:
        payload = None if body is None else json.dumps(body)
        connection.request(method, target, payload, {"Content-Type": "application/json"})
        response = connection.getresponse()
        answer = json.loads(response.read() or b"{}")
    except (FileNotFoundError, ConnectionRefusedError):
        fail(
            Exit.NOT_RUNNING,
            f"The agent is not running: nobody answers at {path}.",
            "Start it: systemctl start laddvakt (or name its socket with --socket).",
        )
    except PermissionError:
        fail(
            Exit.PERMISSION,
            f"No permission for {path}.",
            "Use sudo, or become a member of the group laddvakt.",
        )
    except (TimeoutError, OSError, http.client.HTTPException, json.JSONDecodeError) as error:
        fail(Exit.TEMPORARY, f"The agent at {path} gave no usable answer: {error}", "Try again.")
    finally:
        connection.close()
    return response.status, answer if isinstance(answer, dict) else {"answer": answer}
