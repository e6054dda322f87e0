"""The local API's socket: its mode, who owns it, and what it answers."""

from __future__ import annotations

import asyncio
import json
import socket
import stat
from pathlib import Path

import pytest

from laddvakt_agent.diagnostics.answers import Forbidden, JsonObject, NotPossible
from laddvakt_agent.diagnostics.api import LocalApi, SocketInUse


class Agent:
    """Answers everything with what it was asked."""

    waited = False

    def status(self) -> JsonObject:
        return {"ready": True}

    def explain(self) -> list[JsonObject]:
        return [{"id": "1"}]

    def faults(self) -> list[JsonObject]:
        return [{"code": "pilot_fault"}]

    async def order(
        self, connector: str, verb: str, body: dict[str, str], *, uid: int, privileged: bool
    ) -> str:
        if verb == "stop":
            raise NotPossible("no session", "start one")
        if verb == "reset":
            raise Forbidden("not you", "ask root")
        return f"{connector} {verb} {body} {uid >= 0} {privileged}"

    async def written(self) -> None:
        self.waited = True


async def ask(path: Path, method: str, target: str, body: bytes = b"") -> tuple[int, JsonObject]:
    reader, writer = await asyncio.open_unix_connection(str(path))
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
    raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    status, _, rest = raw.partition(b"\r\n")
    return int(status.split()[1]), json.loads(rest.partition(b"\r\n\r\n")[2])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("method", "target", "body", "status", "expected"),
    [
        ("GET", "/status", b"", 200, {"ready": True}),
        ("GET", "/faults", b"", 200, {"faults": [{"code": "pilot_fault"}]}),
        ("GET", "/explain", b"", 200, {"connectors": [{"id": "1"}]}),
        ("POST", "/connectors/1/start", b'{"token":"A"}', 200, {}),
        ("POST", "/connectors/1/stop", b"", 409, {"error": "no session", "remedy": "start one"}),
        ("POST", "/connectors/1/reset", b"", 403, {"error": "not you", "remedy": "ask root"}),
        ("POST", "/connectors/1/start", b"[1]", 400, {}),
        ("POST", "/connectors/1/start", b"{", 400, {}),
        ("POST", "/connectors/1/start", b"x" * 20_000, 413, {}),
        ("GET", "/nothing", b"", 404, {}),
        ("DELETE", "/status", b"", 405, {}),
    ],
)
async def test_every_answer_is_json_and_every_no_has_a_remedy(
    tmp_path: Path, method: str, target: str, body: bytes, status: int, expected: JsonObject
) -> None:
    api = LocalApi(tmp_path / "api.sock", Agent())
    await api.start()
    try:
        got, answer = await ask(tmp_path / "api.sock", method, target, body)
    finally:
        await api.close()
    assert got == status
    assert answer["schema_version"] == 1
    assert expected.items() <= answer.items()
    assert status < 400 or (answer["error"] and answer["remedy"])


@pytest.mark.integration
async def test_the_socket_is_for_owner_and_group_alone_and_goes_with_the_agent(
    tmp_path: Path,
) -> None:
    path = tmp_path / "run" / "api.sock"
    api = LocalApi(path, Agent())
    await api.start()
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    await api.close()
    assert not path.exists()


@pytest.mark.integration
async def test_a_second_agent_neither_takes_nor_removes_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    first, second = LocalApi(path, Agent()), LocalApi(path, Agent())
    await first.start()
    with pytest.raises(SocketInUse, match="another agent answers"):
        await second.start()
    await second.close()
    assert (await ask(path, "GET", "/status"))[0] == 200
    await first.close()


@pytest.mark.integration
async def test_a_socket_left_by_a_dead_agent_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    api = LocalApi(path, Agent())
    await api.start()
    assert (await ask(path, "GET", "/status"))[0] == 200
    await api.close()
