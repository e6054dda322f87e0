"""One connection of the server; what is no HTTP at all is answered in an envelope, too."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from laddvakt_agent.uplink.server.envelope import Outgoing, outgoing, refusal
from laddvakt_agent.uplink.server.heads import Ids
from laddvakt_agent.uplink.serving import Refused


class Connection(web.RequestHandler):
    """aiohttp's connection, with our words for its errors."""

    wall: Callable[[], datetime]
    caller: str = ""  # whose valid token came over it, by the platform's name

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what cannot be read as a request, and close."""
        del message
        if isinstance(exc, LineTooLong):
            refused = Refused("a header line is too long", status_code=2000, http_status=431)
        else:
            refused = Refused(
                "this is no HTTP request that can be read", status_code=2000, http_status=status
            )
        headers = Ids.of(request.headers).headers()
        response = written(outgoing(refusal(refused), headers, self.wall()))
        response.force_close()
        return response


class Server(web.Server):
    """Makes connections, and knows all of them."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], object],
        wall: Callable[[], datetime],
        **settings: object,
    ) -> None:
        super().__init__(handler, **settings)  # type: ignore[arg-type] # aiohttp's own names
        self._wall = wall

    def __call__(self) -> web.RequestHandler:
        """A new connection."""
        connection = Connection(self, loop=self._loop, **self._kwargs)
        connection.wall = self._wall
        return connection


def written(out: Outgoing) -> web.Response:
    """An outgoing response as aiohttp writes it; after an unread body the connection ends."""
    response = web.Response(
        status=out.http_status,
        body=out.body,
        headers={"Server": "Laddvakt", **out.headers},
        content_type="application/json",
    )
    if out.http_status in (408, 413, 415):
        response.force_close()
    return response
