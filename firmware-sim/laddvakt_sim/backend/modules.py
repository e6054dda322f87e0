"""An authorised request finds its module here; no HTTP library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from laddvakt_sim.backend.agreement import Agreements, Standing
from laddvakt_sim.backend.answer import Answer, refused
from laddvakt_sim.backend.receiver import Receiver
from laddvakt_sim.backend.senders import FAULTS_PAGE_LIMIT, authorised, listed
from laddvakt_sim.backend.settings import ENDPOINTS, ServerSettings
from laddvakt_sim.backend.storage import Storage
from laddvakt_sim.backend.validate import Json

if TYPE_CHECKING:
    from laddvakt_sim.backend.orders import Orders
    from laddvakt_sim.backend.registration import Registrar

_DEPTHS: Final = {
    "locations": range(3, 6),
    "sessions": range(3, 4),
    "tariffs": range(3, 4),
    "faults": range(3, 4),
}
_READABLE: Final = {**_DEPTHS, "cdrs": range(3, 4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to `/ocpi/{version}/{module}/{segments}`."""

    method: str
    version: str  # "" for the list of versions
    module: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    body: Json
    standing: Standing


class Modules:
    """Everything the backend serves, for all its versions."""

    def __init__(
        self,
        storage: Storage,
        settings: ServerSettings,
        agreements: Agreements,
        registrar: Registrar,
        orders: Orders,
    ) -> None:
        self._storage = storage
        self._settings = settings
        self._agreements = agreements
        self._registrar = registrar
        self._orders = orders

    async def answer(self, request: Request) -> Answer:
        """Do what is asked."""
        match request.module:
            case "versions":
                return self._versions(request)
            case "credentials":
                return await self._registrar.serve(
                    request.method, request.version, request.standing, request.body
                )
            case "tokens" | "commands" | "chargingprofiles":
                return await self._sender(request)
            case _:
                return self._get(request) if request.method == "GET" else self._push(request)

    async def _sender(self, request: Request) -> Answer:
        """Our own side of tokens, commands and charging profiles."""
        segments, version = request.segments, request.version
        match request.method, request.module, segments:
            case "GET", "tokens", ():
                return self._list(request, "tokens", self._settings.page_limit)
            case "POST", "tokens", (uid, "authorize"):
                kind = request.query.get("type", "RFID")
                return authorised(self._storage, uid, kind, request.body, version)
            case "POST", "commands", (command, order_id):
                return await self._orders.result(order_id, command, request.body, version)
            case "POST", "chargingprofiles", ("results", order_id):
                return await self._orders.result(order_id, "PROFILE_", request.body, version)
            case "PUT", "chargingprofiles", (session_id,):
                return self._orders.activate(session_id, request.body, version)
            case _:
                return refused("no such resource", http_status=404)

    def _push(self, request: Request) -> Answer:
        module, segments, body = request.module, request.segments, request.body
        receiver = Receiver(self._storage, request.version)
        is_new_cdr = (request.method, module, segments) == ("POST", "cdrs", ())
        if not is_new_cdr and (
            len(segments) not in _DEPTHS.get(module, ()) or self._is_foreign(request)
        ):
            return refused("no such resource", http_status=404)
        if request.method == "DELETE":
            return receiver.delete(module, segments)
        if not isinstance(body, dict):
            return refused("a JSON object is required as the body")
        if is_new_cdr:
            return self._posted(receiver, request, body)
        handlers = {"PUT": receiver.put, "PATCH": receiver.patch}
        if request.method not in handlers or (request.method, module) == ("PATCH", "tariffs"):
            return refused(f"{request.method} is not for this module", http_status=405)
        return handlers[request.method](module, segments, body)

    def _posted(self, receiver: Receiver, request: Request, body: dict[str, Json]) -> Answer:
        answer = receiver.post_cdr(body)
        if answer.cdr_key is None:
            return answer
        url = f"{self._settings.endpoint('cdrs', request.version)}/{answer.cdr_key}"
        return Answer(
            http_status=answer.http_status,
            status_code=answer.status_code,
            errors=answer.errors,
            headers={"Location": url},
        )

    def _is_foreign(self, request: Request) -> bool:
        """A registered platform pushes for its own parties only."""
        current = self._agreements.current
        if request.standing is not Standing.PARTNER or current is None:
            return False
        return "".join(request.segments[:2]).upper() not in current.parties()

    def _get(self, request: Request) -> Answer:
        module, segments = request.module, request.segments
        if module == "faults" and not segments:
            return self._list(request, "faults", FAULTS_PAGE_LIMIT)
        if module == "tariffs" and not segments:
            return self._list(request, "own_tariffs", self._settings.page_limit)
        if len(segments) in _READABLE.get(module, range(0)):
            return Receiver(self._storage, request.version).get(module, segments)
        return refused("no such resource", http_status=404)

    def _list(self, request: Request, kept_as: str, most: int) -> Answer:
        url = self._settings.endpoint(request.module, request.version)
        return listed(self._storage, kept_as, url, request.query, most)

    def _versions(self, request: Request) -> Answer:
        settings = self._settings
        if request.method != "GET":
            return refused(f"{request.method} is not for versions", http_status=405)
        if not request.version:
            found: list[Json] = [
                {"version": version, "url": f"{settings.base_url}/ocpi/{version}"}
                for version in settings.versions
            ]
            return Answer(data=found)
        endpoints: list[Json] = [
            {
                "identifier": settings.faults_module if module == "faults" else module,
                "role": role,
                "url": settings.endpoint(module, request.version),
            }
            for module, role in ENDPOINTS
        ]
        return Answer(data={"version": request.version, "endpoints": endpoints})
