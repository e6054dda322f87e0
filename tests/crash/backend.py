"""An OCPI receiver in memory: the simulator's own rules and storage, without a wire between.

It outlives every crash of the agent. A request passes two points at which the agent may die: before
it has left, and after it has arrived but before the answer has come back.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import unquote, urlsplit

from laddvakt_agent.uplink.answers import Answer as Told
from laddvakt_agent.uplink.answers import Raw, judge
from laddvakt_agent.uplink.errors import Unanswered, Unreachable
from laddvakt_agent.uplink.objects import Content
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_sim.backend.receiver import Answer, Receiver, refused
from laddvakt_sim.backend.storage import Storage

BASE = "http://backend.example/ocpi/2.2.1"
LATENCY_S = 0.03


@dataclass(slots=True)
class Backend:
    """The receiver with its faults; `now_s` is the world's time."""

    dice: random.Random
    tick: Callable[[str], None] = lambda point: None
    sending: Callable[[str, dict[str, object]], None] = lambda url, body: None
    reachable: bool = True
    lost_share: float = 0.0  # of requests or answers that get lost on the way
    refusals: list[str] = field(default_factory=list)
    storage: Storage = field(default_factory=lambda: Storage(Path(":memory:")))

    def answer(self, method: str, url: str, body: Content | None) -> Answer:
        """What the receiver does with a request."""
        parts = [unquote(part) for part in urlsplit(url).path.split("/") if part][2:]
        module, segments = parts[0], tuple(parts[1:])
        # As it would have come over the wire: nothing is shared between the two.
        text = {} if body is None else json.loads(json.dumps(body))
        answer = self._carry_out(method, module, segments, text)
        if answer.errors and not (method == "GET" or answer.http_status == 404):
            self.refusals.append(f"{method} {module}: {'; '.join(answer.errors)}")
        return answer

    def _carry_out(
        self, method: str, module: str, segments: tuple[str, ...], body: dict[str, object]
    ) -> Answer:
        receiver = Receiver(self.storage)
        match method:
            case "GET":
                return receiver.get(module, segments)
            case "POST" if module == "cdrs" and not segments:
                return receiver.post_cdr(body)  # type: ignore[arg-type]  # JSON all the same
            case "PUT":
                return receiver.put(module, segments, body)  # type: ignore[arg-type]
            case "PATCH":
                return receiver.patch(module, segments, body)  # type: ignore[arg-type]
            case _:
                return refused("no such resource", http_status=404)

    def objects(self, module: str) -> dict[str, dict[str, object]]:
        """The current objects of a module by id."""
        return {str(item["id"]): dict(item) for item in self.storage.objects(module)}


class MemoryClient:
    """Stands in for the uplink's HTTP client; judges answers with the real one's rules."""

    backend: Backend

    def __init__(
        self,
        settings: UplinkSettings,
        rng: random.Random,
        peer_clock: object = None,
        *,
        log: object = None,
        via: object = None,
    ) -> None:
        del peer_clock, log, via
        self._settings = settings
        self._rng = rng

    async def __aenter__(self) -> MemoryClient:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    def new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    async def ask(self) -> None:
        """One harmless request; its answer does not say what time it is."""
        url = f"{BASE}/locations/{self._settings.country_code}"
        await self.send("GET", url, correlation_id=self.new_id())

    async def send(
        self, method: str, url: str, body: Content | None = None, *, correlation_id: str
    ) -> Told:
        del correlation_id
        backend, what = self.backend, f"{method} {url}"
        if body is not None:
            backend.sending(url, dict(body))
        backend.tick(f"send {method}")
        await asyncio.sleep(LATENCY_S)
        if not backend.reachable:
            raise Unreachable(f"{what}: no connection")
        fate = backend.dice.random()
        if fate < backend.lost_share / 2:
            await asyncio.sleep(self._settings.request_timeout_s)
            raise Unanswered(f"{what}: lost on the way")
        answer = backend.answer(method, url, body)
        backend.tick(f"arrived {method}")
        if fate < backend.lost_share:
            await asyncio.sleep(self._settings.request_timeout_s)
            raise Unanswered(f"{what}: the answer was lost")
        await asyncio.sleep(LATENCY_S)
        return judge(what, url, _reply(answer))


def _reply(answer: Answer) -> Raw:
    content: dict[str, object] = {"status_code": answer.status_code}
    if answer.data is not None:
        content["data"] = answer.data
    if answer.errors:
        content["status_message"] = "; ".join(answer.errors)
    headers = {} if answer.cdr_key is None else {"Location": f"{BASE}/cdrs/{answer.cdr_key}"}
    return Raw(status=answer.http_status, headers=headers, content=json.dumps(content).encode())
