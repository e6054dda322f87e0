"""A line of the running agent as a survey sees it: every transaction is asked of the agent."""

from __future__ import annotations

import contextlib
import http.client
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

from laddvakt_agent.cli.client import TIMEOUT_S, Json, JsonObject, UnixConnection, ask, exchange
from laddvakt_agent.cli.codes import Exit, fail
from laddvakt_agent.cli.words import objects
from laddvakt_hal.bus import Priority, Reply
from laddvakt_hal.errors import Garbled, HalError, NoReply, Refused
from laddvakt_hal.frame import Request
from laddvakt_hal.settings import LineSettings, SerialSettings, TcpSettings, Timing
from laddvakt_hal.survey_line import LineTrouble, NotAllowed, Trouble


class AgentLine:
    """Looks like a bus; the agent decides when, how long and whether."""

    def __init__(self, socket: Path, line: JsonObject) -> None:
        self.name = str(line.get("name"))
        self.settings = settings_of(line)
        self.clears = False  # whether reads may change what they read
        self._socket = socket

    def set_timing(self, unit: int, timing: Timing) -> None:
        """The agent waits as long as its own profile, or the plan of the line, says."""

    async def transact(self, request: Request, priority: Priority = Priority.NORMAL) -> Reply:
        """Ask the agent to carry it out; leaves the program when this user may not.

        Raises:
            HalError: NoReply, Garbled, Refused, NotAllowed, or LineTrouble when the line is gone.
        """
        del priority
        body: JsonObject = {
            "unit": request.unit,
            "function": int(request.function),
            "address": request.address,
            "count": request.count,
            "values": list(request.values),
            "clears": self.clears,
        }
        target = f"/bus/{urllib.parse.quote(self.name, safe='')}/ask"
        status, answer = exchange(self._socket, "POST", target, body)
        if status >= 400:
            error, remedy = str(answer.get("error")), str(answer.get("remedy"))
            if status == 403:
                fail(Exit.PERMISSION, error, remedy)
            raise NotAllowed(error, remedy)
        if isinstance(failed := answer.get("failed"), dict):
            raise _error(failed)
        return Reply(
            words=tuple(_whole(word) for word in _list(answer, "words")),
            bits=tuple(bool(bit) for bit in _list(answer, "bits")),
            sent_at_s=_number(answer.get("sent_at_s")),
            taken_at_s=_number(answer.get("taken_at_s")),
        )


def agent_lines(socket: Path) -> list[JsonObject]:
    """What the agent says about its lines."""
    return objects(ask(socket, "GET", "/bus"), "lines")


def answers(socket: Path) -> bool:
    """Whether an agent listens there; one that may not be asked counts, the asking will say so."""
    connection = UnixConnection(socket, TIMEOUT_S)
    try:
        connection.connect()
    except PermissionError:
        return True
    except OSError:
        return False
    finally:
        connection.close()
    return True


@contextlib.contextmanager
def stream(socket: Path, line: str, seconds: float) -> Iterator[http.client.HTTPResponse]:
    """A recording as it comes, until its end.

    Raises:
        OSError: the agent is gone.
    """
    connection = UnixConnection(socket, seconds + TIMEOUT_S)  # the line may have nothing to say
    target = f"/bus/{urllib.parse.quote(line, safe='')}/record?seconds={seconds:g}"
    try:
        connection.request("GET", target, headers={"Connection": "close"})
        with connection.getresponse() as response:
            yield response
    finally:
        connection.close()


def settings_of(line: JsonObject) -> LineSettings:
    """Where the agent's line is."""
    name, port = str(line.get("name")), line.get("port")
    if not isinstance(port, str):
        tcp_port = int(_number(line.get("tcp_port")))
        return TcpSettings(name=name, host=str(line.get("host")), port=tcp_port)
    form = str(line.get("format", "8N1"))
    return SerialSettings(
        name=name,
        port=port,
        baud=int(_number(line.get("baud"))),
        parity=form[1],
        stop_bits=int(form[2]),
    )


def _error(failed: JsonObject) -> HalError:
    detail = str(failed.get("detail"))
    match failed.get("kind"):
        case "no_reply":
            return NoReply(detail)
        case "garbled":
            kind = str(failed.get("garble"))
            return Garbled(kind, detail.removeprefix(f"{kind}: "))
        case "refused":
            code = int(str(failed.get("exception")))
            return Refused(code, detail.removeprefix(f"exception {code}: "))  # it says that itself
        case _:
            return LineTrouble(Trouble.LOST, detail)


def _list(answer: JsonObject, key: str) -> list[Json]:
    found = answer.get(key)
    return found if isinstance(found, list) else []


def _whole(value: Json) -> int:
    return int(_number(value))


def _number(value: Json) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
