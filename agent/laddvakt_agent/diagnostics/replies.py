"""What every route of the local API answers with: JSON, a plain no, and who asked."""

from __future__ import annotations

import socket
import struct

import msgspec
from aiohttp import web

from laddvakt_agent.diagnostics.answers import JsonObject

SCHEMA_VERSION = 1
_UCRED = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


def json_reply(body: JsonObject, status: int = 200) -> web.Response:
    """A JSON object."""
    return web.Response(
        body=msgspec.json.encode(body), status=status, content_type="application/json"
    )


def no(status: int, error: str, remedy: str) -> web.Response:
    """A refusal with its remedy."""
    return json_reply({"schema_version": SCHEMA_VERSION, "error": error, "remedy": remedy}, status)


def peer_uid(request: web.Request) -> int:
    """The user at the other end of the socket, -1 when it cannot be told."""
    peer = request.transport.get_extra_info("socket") if request.transport else None
    if peer is None:
        return -1
    packed = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(packed)
    return int(uid)
