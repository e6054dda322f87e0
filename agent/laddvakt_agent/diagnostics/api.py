"""The local API: HTTP/JSON on a Unix socket, for the command line and people's scripts.

Who may connect is decided by the socket's file mode (0660, group laddvakt); a service reset also
needs root or the agent's own user, read from the peer's credentials.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from laddvakt_agent.diagnostics.answers import Answers, Forbidden, NotPossible
from laddvakt_agent.diagnostics.replies import SCHEMA_VERSION, json_reply, no, peer_uid

MAX_BODY_BYTES = 16_384

log = structlog.get_logger()


class SocketInUse(Exception):
    """Another agent listens on the socket."""


class LocalApi:
    """Serves `answers`, and the routes of others, on a Unix socket."""

    def __init__(
        self, path: Path, answers: Answers, routes: Sequence[web.AbstractRouteDef] = ()
    ) -> None:
        self._path = path
        self._answers = answers
        self._routes = routes
        self._runner: web.AppRunner | None = None
        self._inode: int | None = None

    async def start(self) -> None:
        """Listen; a socket file left by a dead agent is replaced.

        Raises:
            SocketInUse: another agent answers there.
            OSError: the socket cannot be made there.
        """
        if await _answered(self._path):
            raise SocketInUse(f"{self._path}: another agent answers there; stop that one first")
        app = web.Application(client_max_size=MAX_BODY_BYTES, middlewares=[_say_no_plainly])
        app.router.add_get("/status", self._status)
        app.router.add_get("/faults", self._faults)
        app.router.add_get("/explain", self._explain)
        app.router.add_post("/connectors/{id}/{verb}", self._command)
        app.router.add_routes(self._routes)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        old_mask = os.umask(0o117)  # the socket must never be open to others, not for a moment
        try:
            await web.UnixSite(self._runner, str(self._path)).start()
        finally:
            os.umask(old_mask)
        self._inode = self._path.stat().st_ino

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._runner:
            await self._runner.cleanup()
        if self._path.exists() and self._path.stat().st_ino == self._inode:
            self._path.unlink()

    async def _status(self, request: web.Request) -> web.Response:
        del request
        return json_reply({"schema_version": SCHEMA_VERSION, **self._answers.status()})

    async def _faults(self, request: web.Request) -> web.Response:
        del request
        return json_reply({"schema_version": SCHEMA_VERSION, "faults": self._answers.faults()})

    async def _explain(self, request: web.Request) -> web.Response:
        del request
        told = self._answers.explain()
        return json_reply({"schema_version": SCHEMA_VERSION, "connectors": told})

    async def _command(self, request: web.Request) -> web.Response:
        raw = await request.read()
        try:
            body = msgspec.json.decode(raw, type=dict[str, str]) if raw else {}
        except msgspec.DecodeError as error:
            return no(400, f"the body is not a JSON object of texts: {error}", "mend the request")
        uid = peer_uid(request)
        message = await self._answers.order(
            request.match_info["id"],
            request.match_info["verb"],
            body,
            uid=uid,
            privileged=uid in (0, os.getuid()),
        )
        await self._answers.written()  # who was told "done" must not find it forgotten
        return json_reply({"schema_version": SCHEMA_VERSION, "message": message})


async def _answered(path: Path) -> bool:
    """Whether somebody listens at `path`; a file nobody listens on is a leftover."""
    try:
        _reader, writer = await asyncio.open_unix_connection(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    writer.close()
    await writer.wait_closed()
    return True


@web.middleware
async def _say_no_plainly(
    request: web.Request, handler: Callable[[web.Request], object]
) -> web.StreamResponse:
    """Every refusal is JSON with an error and a remedy."""
    try:
        return await handler(request)  # type: ignore[misc, no-any-return] # aiohttp's Handler type
    except Forbidden as error:
        return no(403, error.error, error.remedy)
    except NotPossible as error:
        return no(409, error.error, error.remedy)
    except web.HTTPException as error:
        return no(
            error.status,
            error.reason,
            "ask GET /status, GET /faults, GET /bus or POST /connectors/N/VERB",
        )
