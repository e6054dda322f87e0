"""Asks HTTP with JSON over TCP or a Unix socket; answers are read without trusting their shape."""

from __future__ import annotations

import http.client
import json
import socket
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

JsonObject: TypeAlias = Mapping[str, object]

TIMEOUT_S = 5.0


class SilentError(Exception):
    """Nobody answered, or not with JSON; the message says who and why."""


class RefusedError(Exception):
    """The other side answered, and said no; the message is its own sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Somebody who answers, at a URL or on a Unix socket."""

    name: str
    url: str = ""
    socket_path: Path | None = None

    def ask(self, method: str, target: str, body: JsonObject | None = None) -> JsonObject:
        """One request.

        Raises:
            SilentError: no answer.
            RefusedError: one that says no.
        """
        try:
            connection = self._connection()
        except ValueError as error:
            raise SilentError(f"{self.name} cannot be asked at {self.url}: {error}") from error
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, target, payload, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer: object = json.loads(response.read() or b"{}")
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise SilentError(f"{self.name} does not answer {method} {target}: {error}") from error
        finally:
            connection.close()
        found = cast("JsonObject", answer) if isinstance(answer, dict) else {}
        if response.status >= 400:
            error_words = str(found.get("error", f"HTTP {response.status}"))
            raise RefusedError(error_words)
        return found

    def _connection(self) -> http.client.HTTPConnection:
        if self.socket_path is not None:
            return _UnixConnection(self.socket_path)
        parts = urllib.parse.urlsplit(self.url)
        return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)


def objects(answer: JsonObject, key: str) -> list[JsonObject]:
    """The objects of a list inside an answer, none where there is no list."""
    found = answer.get(key)
    return [part for part in found if isinstance(part, dict)] if isinstance(found, list) else []


def inner(answer: JsonObject, key: str) -> JsonObject:
    """An object inside an answer, an empty one where there is none."""
    found = answer.get(key)
    return cast("JsonObject", found) if isinstance(found, dict) else {}


def text(answer: JsonObject, key: str) -> str | None:
    """Text inside an answer."""
    found = answer.get(key)
    return found if isinstance(found, str) else None


def flag(answer: JsonObject, key: str) -> bool | None:
    """True or false inside an answer."""
    found = answer.get(key)
    return found if isinstance(found, bool) else None


def number(answer: JsonObject, key: str) -> float | None:
    """A number inside an answer."""
    found = answer.get(key)
    fine = isinstance(found, int | float) and not isinstance(found, bool)
    return float(cast("float", found)) if fine else None


def texts(answer: JsonObject, key: str) -> list[str]:
    """The texts of a list inside an answer."""
    found = answer.get(key)
    return [part for part in found if isinstance(part, str)] if isinstance(found, list) else []


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(TIMEOUT_S)
        self.sock.connect(str(self._path))
