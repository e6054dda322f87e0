"""Reads what a request carries, and no more than it may. Source: status_codes, 400."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import parse_qsl

import aiohttp
import msgspec
from aiohttp import web

from laddvakt_agent.uplink.server.limits import Limits
from laddvakt_agent.uplink.serving import Missing, Refused

_CARRYING = ("POST", "PUT", "PATCH", "DELETE")
_QUERY_MAX = 2048
_PARAMETERS_MAX = 20


def query_of(raw: str) -> Mapping[str, str]:
    """The parameters of a URL.

    Raises:
        Refused: they cannot be read, or one is given twice.
    """
    if not raw:
        return {}
    if len(raw) > _QUERY_MAX:
        raise Refused(f"the parameters of the URL are longer than {_QUERY_MAX} characters")
    try:
        pairs = parse_qsl(
            raw, keep_blank_values=True, errors="strict", max_num_fields=_PARAMETERS_MAX
        )
    except ValueError:
        raise Refused("the parameters of the URL cannot be read") from None
    query: dict[str, str] = {}
    for name, value in pairs:
        if name in query:
            raise Refused(f"the parameter {name!r} is given twice: send it once")
        query[name] = value
    return query


async def body_of(request: web.BaseRequest, limits: Limits) -> object:
    """The parsed JSON, or `Missing.BODY`.

    Raises:
        Refused: it is too large, too slow, encoded otherwise, or not JSON.
    """
    if request.method not in _CARRYING or not request.can_read_body:
        return Missing.BODY
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Refused(
            "send the body as it is, without Content-Encoding", status_code=2000, http_status=415
        )
    if (request.content_length or 0) > limits.body_bytes:
        raise _too_large(limits)
    try:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(limits.body_s):
            raw = await _read(request, limits)
    except TimeoutError:
        raise Refused("the body came too slowly", status_code=2000, http_status=408) from None
    except web.RequestPayloadError:
        raise Refused("the body is not framed as HTTP wants it", http_status=400) from None
    except (OSError, aiohttp.ClientError):  # whoever asked has hung up: nobody hears this
        raise Refused("the body ended before its end", http_status=400) from None
    return decoded(raw, limits.json_depth) if raw else Missing.BODY


def decoded(raw: bytes, depth: int) -> object:
    """JSON as plain data.

    Raises:
        Refused: it is none, or is nested deeper than `depth`.
    """
    try:
        data: object = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Refused(f"the body is not valid JSON: {error}", http_status=400) from None
    layer: list[object] = [data]
    for _ in range(depth + 1):
        layer = [inner for outer in layer for inner in _inside(outer)]
        if not layer:
            return data
    raise Refused(f"the body is nested deeper than {depth} levels", http_status=400)


def _inside(value: object) -> list[object]:
    """The containers in a container."""
    if isinstance(value, dict):
        return [item for item in value.values() if isinstance(item, dict | list)]
    if isinstance(value, list):
        return [item for item in value if isinstance(item, dict | list)]
    return []


async def _read(request: web.BaseRequest, limits: Limits) -> bytes:
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > limits.body_bytes:
            raise _too_large(limits)
    return bytes(raw)


def _too_large(limits: Limits) -> Refused:
    return Refused(
        f"the body is larger than {limits.body_bytes} bytes", status_code=2000, http_status=413
    )
