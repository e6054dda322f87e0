"""Commands and charging profiles we ask for, and the results that must come later."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from laddvakt_sim.backend.answer import Answer, refused
from laddvakt_sim.backend.caller import Caller, CallError
from laddvakt_sim.backend.rules import check_rules
from laddvakt_sim.backend.transport import utc_now
from laddvakt_sim.backend.validate import Json, check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.agreement import Agreement, Agreements
    from laddvakt_sim.backend.settings import ServerSettings

# The result may overtake the answer to the request by a little: two connections, no order.
_OVERTAKING_S: Final = 2.0
_RESULT_OF: Final = {
    "PUT": "ChargingProfileResult",
    "GET": "ActiveChargingProfileResult",
    "DELETE": "ClearProfileResult",
}


class OrderError(Exception):
    """It cannot be sent; the message says why."""


@dataclass(slots=True, kw_only=True)
class _Order:
    """One request that has, or will have, an answer and then a result."""

    id: str
    command: str  # START_SESSION, …, or PROFILE_PUT, …
    subject: str = ""  # the session of a profile
    answer: dict[str, Json] | None = None
    due: float | None = None  # loop time until which the result is awaited
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    results: list[dict[str, Json]] = field(default_factory=list)

    @property
    def accepted(self) -> bool:
        """The agent said that it would try."""
        data = self.answer.get("data") if self.answer is not None else None
        return isinstance(data, dict) and data.get("result") == "ACCEPTED"


class Orders:
    """Sends, remembers, and judges what comes back."""

    def __init__(self, settings: ServerSettings, agreements: Agreements, caller: Caller) -> None:
        self._settings = settings
        self._agreements = agreements
        self._caller = caller
        self._orders: dict[str, _Order] = {}
        self._active: list[dict[str, Json]] = []

    async def command(self, name: str, body: dict[str, Json]) -> dict[str, Json]:
        """POST a command; a `response_url` in the body is left as it is.

        Raises:
            OrderError: nobody is registered, has no such endpoint, or answered.
        """
        current, endpoint = self._endpoint("commands")
        order = self._new(name)
        here = self._settings.endpoint("commands", current.version)
        sent: dict[str, Json] = {"response_url": f"{here}/{name}/{order.id}", **body}
        return await self._send(
            current, order, "POST", f"{endpoint}/{name}", "CommandResponse", body=sent
        )

    async def profile(
        self, method: str, session_id: str, body: dict[str, Json], query: Mapping[str, str]
    ) -> dict[str, Json]:
        """PUT, GET or DELETE the charging profile of a session; OrderError as for commands."""
        current, endpoint = self._endpoint("chargingprofiles")
        order = self._new(f"PROFILE_{method}", session_id)
        here = self._settings.endpoint("chargingprofiles", current.version)
        url, back = f"{endpoint}/{session_id}", f"{here}/results/{order.id}"
        if method == "PUT":
            sent: dict[str, Json] = {"response_url": back, **body}
            return await self._send(
                current, order, method, url, "ChargingProfileResponse", body=sent
            )
        asked = {"response_url": back, **({"duration": "900"} if method == "GET" else {}), **query}
        return await self._send(current, order, method, url, "ChargingProfileResponse", query=asked)

    async def result(self, order_id: str, command: str, body: Json, version: str) -> Answer:
        """A result has come to its `response_url`; it is kept also when it is wrong."""
        order = self._orders.get(order_id)
        if order is None or not order.command.startswith(command):
            return refused("nothing was asked under this URL", http_status=404)
        try:
            async with asyncio.timeout(_OVERTAKING_S):
                await order.answered.wait()
        except TimeoutError:
            pass  # judged below: there is no answer that says ACCEPTED
        errors = [*_form_errors(order, body, version), *_order_errors(order, body)]
        content = body if isinstance(body, dict) else {}
        kept: dict[str, Json] = {
            "id": order.id,
            "command": order.command,
            "result": content.get("result"),
            "message": content.get("message"),
            "at": utc_now(),
            "errors": list(errors),
        }
        if "profile" in content:
            kept["profile"] = content["profile"]
        order.results.append(kept)
        return refused(*errors) if errors else Answer()

    def results(self) -> list[dict[str, Json]]:
        """Every result so far, oldest first."""
        return sorted(
            (item for order in self._orders.values() for item in order.results),
            key=lambda item: str(item["at"]),
        )

    def sent(self) -> list[dict[str, Json]]:
        """Every command so far with its answer and results, newest first."""
        return [
            {
                "id": order.id,
                "command": order.command,
                "answer": order.answer,
                "results": list(order.results),
            }
            for order in reversed(self._orders.values())
        ]

    def activate(self, session_id: str, body: Json, version: str) -> Answer:
        """The agent tells the profile in force: only after a profile of ours was taken."""
        errors = check("ActiveChargingProfile", body, version=version)
        if not errors and isinstance(body, dict):
            errors = check_rules("ActiveChargingProfile", body)
        taken = [
            order
            for order in self._orders.values()
            if order.command == "PROFILE_PUT"
            and order.subject.lower() == session_id.lower()
            and any(item["result"] == "ACCEPTED" for item in order.results)
        ]
        if not taken:
            errors.append(f"no charging profile was set for session {session_id!r}")
        self._active.append(
            {"session_id": session_id, "body": body, "at": utc_now(), "errors": list(errors)}
        )
        return refused(*errors) if errors else Answer()

    def active(self) -> list[dict[str, Json]]:
        """Every profile that was told to be in force, oldest first."""
        return self._active

    def _new(self, command: str, subject: str = "") -> _Order:
        order = _Order(id=str(uuid.uuid4()), command=command, subject=subject)
        self._orders[order.id] = order
        return order

    def _endpoint(self, module: str) -> tuple[Agreement, str]:
        current = self._agreements.current
        if current is None:
            raise OrderError("nobody is registered: POST /register first")
        url = current.url(module, "RECEIVER")
        if url is None:
            raise OrderError(f"the agent has no endpoint {module} RECEIVER")
        return current, url

    async def _send(
        self,
        current: Agreement,
        order: _Order,
        method: str,
        url: str,
        answer_class: str,
        *,
        body: Json = None,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Json]:
        try:
            heard = await self._caller.ask(
                method,
                url,
                current.we_show,
                module="commands",
                to=current.party(),
                body=body,
                query=query,
            )
        except CallError as error:
            order.answered.set()
            raise OrderError(str(error)) from error
        shown = heard.shown()
        if heard.ok:
            errors = check(answer_class, heard.data, version=current.version)
            shown["errors"] = [*heard.errors, *errors]
        order.answer = shown
        timeout = heard.data.get("timeout") if isinstance(heard.data, dict) else None
        if isinstance(timeout, int):
            order.due = asyncio.get_running_loop().time() + timeout
        order.answered.set()
        return {"id": order.id, "answer": shown}


def _form_errors(order: _Order, body: Json, version: str) -> list[str]:
    class_name = "CommandResult"
    if order.command.startswith("PROFILE_"):
        class_name = _RESULT_OF[order.command.removeprefix("PROFILE_")]
    errors = check(class_name, body, version=version)
    if isinstance(body, dict) and {"status_code", "data"} & body.keys():
        errors.append(f"a bare {class_name} is required, without an envelope")
    return errors


def _order_errors(order: _Order, body: Json) -> list[str]:
    """Only after ACCEPTED, once, in time; a reservation may be cancelled by the CPO later."""
    errors = []
    if not order.accepted:
        errors.append("the answer was not ACCEPTED, no result is due")
    result = body.get("result") if isinstance(body, dict) else None
    later = order.command == "RESERVE_NOW" and result == "CANCELED_RESERVATION"
    if later:
        return errors
    if order.results:
        errors.append("a result has come already")
    if order.due is not None and asyncio.get_running_loop().time() > order.due:
        errors.append("later than the time-out in the answer")
    return errors
