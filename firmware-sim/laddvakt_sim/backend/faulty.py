"""Spoils answers on the wire as a mode says."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Final

from aiohttp import web

from laddvakt_sim.backend.answer import Answer, refused
from laddvakt_sim.backend.behaviour import Rule
from laddvakt_sim.backend.modes import DEEDS, Mode
from laddvakt_sim.backend.transport import content_of, reply_headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from laddvakt_sim.backend.validate import Json

MOVED: Final = "/moved"
AWAY: Final = "/away"
_HUGE_BYTES: Final = 32_000_000
_SLOW_PIECES: Final = 20
_SLOW_S: Final = 0.05
_REDIRECTS: Final = {
    Mode.REDIRECT_307: 307,
    Mode.REDIRECT_308: 308,
    Mode.REDIRECT_AWAY: 307,
    Mode.REDIRECT_LOOP: 307,
}
_BODIES: Final = {
    Mode.HTML: (b"<html>Please log in</html>", "text/html"),
    Mode.EMPTY: (b"", "application/octet-stream"),
    Mode.GARBAGE: (b'\x00\xff{"status_code": 1000, "data"', "application/json"),
    Mode.NO_ENVELOPE: (b'{"id": "1", "result": "fine"}', "application/json"),
    Mode.TEXT_CODE: (
        b'{"status_code": "1000", "timestamp": "2026-01-01T00:00:00Z"}',
        "application/json",
    ),
}


def unkept_answer(rule: Rule) -> Answer | None:
    """What goes into the records for a plain error answer; `None` for any other mode."""
    deed = DEEDS[rule.mode]
    if deed.http_status is None:
        return None
    return refused(
        "as told by /behaviour", status_code=deed.status_code, http_status=deed.http_status
    )


async def spoilt(
    request: web.Request, answer: Answer, rule: Rule, base_url: str
) -> web.StreamResponse:
    """The answer of a rule's mode; the request has been carried out where the mode keeps it."""
    mode = rule.mode
    if mode is Mode.SILENT:
        await asyncio.Event().wait()  # until the client gives up
    if mode in (Mode.LOST_REPLY, Mode.DROP):
        if request.transport is not None:
            request.transport.abort()
        return web.Response()
    if mode in _BODIES:
        body, kind = _BODIES[mode]
        return web.Response(body=body, content_type=kind)
    if mode in _REDIRECTS:
        to = _redirected(request, mode, base_url)
        return web.Response(status=_REDIRECTS[mode], headers={"Location": to})
    if mode is Mode.HUGE:
        return await _huge(request)
    plain = unkept_answer(rule)
    if plain is not None:
        after_s = rule.retry_after_s or (1 if mode is Mode.HTTP_429 else None)
        more = {} if after_s is None else {"Retry-After": str(after_s)}
        return _response(request, plain, content_of(plain), more)
    return await _distorted(request, answer, mode)


def _redirected(request: web.Request, mode: Mode, base_url: str) -> str:
    """Where to: another host name for the same server is another origin."""
    if mode is Mode.REDIRECT_LOOP:
        return f"{base_url}{request.path_qs}"
    if mode is Mode.REDIRECT_AWAY:
        return f"{base_url.replace('127.0.0.1', 'localhost')}{AWAY}{request.path_qs}"
    return f"{base_url}{MOVED}{request.path_qs}"


async def _distorted(request: web.Request, answer: Answer, mode: Mode) -> web.StreamResponse:
    """A true answer in a form that is wrong."""
    content = content_of(answer)
    if mode in _CONTENT:
        _CONTENT[mode](content)
    headers = dict(answer.headers)
    if mode in _HEADERS:
        _HEADERS[mode](request, headers)
    response = _response(request, answer, content, headers)
    whole = response.body if isinstance(response.body, bytes) else b""
    if mode is Mode.GZIP:
        response.body = gzip.compress(whole)
        response.headers["Content-Encoding"] = "gzip"
    if mode is Mode.TRUNCATED:
        response.body = whole[: len(whole) // 2]
    if mode in _STREAMED:
        return await _STREAMED[mode](request, response, whole)
    return response


def _response(
    request: web.Request, answer: Answer, content: dict[str, Json], headers: dict[str, str]
) -> web.Response:
    return web.Response(
        status=answer.http_status,
        body=json.dumps(content).encode(),
        content_type="application/json",
        headers={**reply_headers(request), **headers},
    )


async def _slow(request: web.Request, like: web.Response, whole: bytes) -> web.StreamResponse:
    stream = web.StreamResponse(status=like.status, headers=_without_length(like))
    await stream.prepare(request)
    size = max(1, len(whole) // _SLOW_PIECES)
    for start in range(0, len(whole), size):
        await stream.write(whole[start : start + size])
        await asyncio.sleep(_SLOW_S)
    await stream.write_eof()
    return stream


async def _short(request: web.Request, like: web.Response, whole: bytes) -> web.StreamResponse:
    stream = web.StreamResponse(status=like.status, headers=_without_length(like))
    stream.content_length = len(whole) + 100
    await stream.prepare(request)
    await stream.write(whole)
    if request.transport is not None:
        request.transport.close()
    return stream


async def _huge(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "application/json"})
    await stream.prepare(request)
    await stream.write(b'{"status_code": 1000, "data": "')
    block = b"x" * 100_000
    try:
        for _ in range(_HUGE_BYTES // len(block)):
            await stream.write(block)
        await stream.write(b'"}')
    except ConnectionError:
        pass  # the client has had enough, as it should
    return stream


_STREAMED: Final = {Mode.SLOW: _slow, Mode.WRONG_LENGTH: _short}


def _without_length(response: web.Response) -> dict[str, str]:
    return {k: v for k, v in response.headers.items() if k.lower() != "content-length"}


def _data_list(content: dict[str, Json]) -> None:
    data = content.get("data")
    if not isinstance(data, list):
        content["data"] = [] if data is None else [data]


def _null_data(content: dict[str, Json]) -> None:
    content.setdefault("data", None)
    content.setdefault("status_message", None)


def _times(content: dict[str, Json], end: str) -> None:
    for key, value in content.items():
        content[key] = _timed(key, value, end)


def _timed(key: str, value: Json, end: str) -> Json:
    if isinstance(value, dict):
        return {name: _timed(name, item, end) for name, item in value.items()}
    if isinstance(value, list):
        return [_timed(key, item, end) for item in value]
    is_time = key in ("timestamp", "last_updated") or key.endswith("_date_time")
    return value.removesuffix("Z") + end if is_time and isinstance(value, str) else value


def _link(target: str) -> Callable[[web.Request, dict[str, str]], None]:
    def change(request: web.Request, headers: dict[str, str]) -> None:
        headers["Link"] = target.replace("{url}", str(request.url))

    return change


def _broken_location(request: web.Request, headers: dict[str, str]) -> None:
    del request
    if "Location" in headers:
        headers["Location"] = "::not a URL::"


def _no_count(request: web.Request, headers: dict[str, str]) -> None:
    del request
    headers.pop("X-Total-Count", None)
    headers.pop("X-Limit", None)


_CONTENT: Final[dict[Mode, Callable[[dict[str, Json]], None]]] = {
    Mode.DATA_LIST: _data_list,
    Mode.NULL_DATA: _null_data,
    Mode.OFFSET_TIME: lambda content: _times(content, "+00:00"),
    Mode.NO_Z: lambda content: _times(content, ""),
}
_HEADERS: Final[dict[Mode, Callable[[web.Request, dict[str, str]], None]]] = {
    Mode.BROKEN_LINK: _link("<<>{url}; rel=next>"),
    Mode.LOOP_LINK: _link('<{url}>; rel="next"'),
    Mode.FOREIGN_LINK: _link('<http://localhost:9/next>; rel="next"'),
    Mode.BROKEN_LOCATION: _broken_location,
    Mode.NO_COUNT: _no_count,
}
