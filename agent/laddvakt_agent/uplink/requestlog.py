"""The last requests to one platform, for people: what was asked and how it ended.

Never a body, a header or a query: no token and no driver stands here.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

_DRIVER = re.compile(r"/[^/]+/authorize/?$")  # mod_tokens: the card stands in the path
KEPT = 200  # of one platform: an outage's worth, and some 50 kB


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """One request. Without `http_status` there was no answer, and `trouble` says why."""

    at: datetime
    method: str
    path: str
    http_status: int | None
    status_code: int | None  # OCPI, where the answer was an envelope
    duration_ms: float
    correlation_id: str
    trouble: str | None = None  # the kind of error alone


class _Envelope(msgspec.Struct):
    status_code: int


@dataclass(slots=True)
class Heard:
    """What the caller fills in once there is an answer."""

    http_status: int | None = None
    content: bytes = b""


class RequestLog:
    """A ring of requests, the newest last."""

    def __init__(self, now_s: Callable[[], float], wall: Callable[[], datetime]) -> None:
        """`now_s`: any monotonic clock, seconds; `wall`: aware."""
        self._now_s = now_s
        self._wall = wall
        self._noted: deque[Noted] = deque(maxlen=KEPT)
        self.count = 0

    @contextmanager
    def noting(self, method: str, url: str, correlation_id: str) -> Iterator[Heard]:
        """Around one request: it is noted however it ends; what it raises goes on."""
        begun_s, at, heard, trouble = self._now_s(), self._wall(), Heard(), None
        try:
            yield heard
        except BaseException as error:
            trouble = type(error).__name__
            raise
        finally:
            self.count += 1
            self._noted.append(
                Noted(
                    at=at,
                    method=method,
                    path=_path(url),
                    http_status=heard.http_status,
                    status_code=_status_code(heard.content),
                    duration_ms=round((self._now_s() - begun_s) * 1000, 1),
                    correlation_id=correlation_id,
                    trouble=trouble,
                )
            )

    def latest(self, limit: int = KEPT) -> tuple[Noted, ...]:
        """The newest `limit` requests, oldest of them first."""
        return tuple(self._noted)[-limit:] if limit > 0 else ()


def _path(url: str) -> str:
    try:
        return _DRIVER.sub("/…/authorize", urlsplit(url).path)
    except ValueError:
        return "?"


def _status_code(content: bytes) -> int | None:
    if not content:
        return None
    try:
        return msgspec.json.decode(content, type=_Envelope).status_code
    except msgspec.DecodeError:
        return None
