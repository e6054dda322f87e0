"""The page with forms: a command, a way to misbehave, a registration; no JavaScript."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import TYPE_CHECKING, Final

from aiohttp import web

from laddvakt_sim.backend.behaviour import FAULTY_MODULES, BehaviourError
from laddvakt_sim.backend.modes import DEEDS
from laddvakt_sim.backend.orders import OrderError
from laddvakt_sim.backend.page import document
from laddvakt_sim.backend.registration import RegistrationError
from laddvakt_sim.backend.validate import Json, objects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from laddvakt_sim.backend.behaviour import Behaviour
    from laddvakt_sim.backend.orders import Orders
    from laddvakt_sim.backend.registration import Registrar
    from laddvakt_sim.backend.storage import Storage

# Which fields each command has; `token` and `expiry_date` are made from simpler ones.
_COMMANDS: Final = {
    "START_SESSION": ("token", "location_id", "evse_uid", "connector_id"),
    "STOP_SESSION": ("session_id",),
    "RESERVE_NOW": ("token", "expiry_date", "reservation_id", "location_id", "evse_uid"),
    "CANCEL_RESERVATION": ("reservation_id",),
    "UNLOCK_CONNECTOR": ("location_id", "evse_uid", "connector_id"),
}
_RESERVED_FOR: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steer:
    """Shows the forms and does what they say."""

    storage: Storage
    registrar: Registrar
    orders: Orders
    behaviour: Behaviour

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """One page, and one address per form."""
        router.add_get("/steer", self._page)
        router.add_post("/steer/{what}", self._done)

    async def _page(self, request: web.Request) -> web.Response:
        said = request.query.get("said")
        note = "" if said is None else f"<p><strong>{escape(said)}</strong></p>"
        forms = [self._command_form(name) for name in _COMMANDS]
        body = f"<p><a href='/'>back</a></p>{note}{''.join(forms)}{_BEHAVIOUR}{_REGISTER}"
        return web.Response(text=document("Steer the backend", body), content_type="text/html")

    async def _done(self, request: web.Request) -> web.Response:
        fields = {name: str(value) for name, value in (await request.post()).items() if value}
        try:
            said = await self._do(request.match_info["what"], fields)
        except (OrderError, BehaviourError, RegistrationError) as error:
            said = str(error)
        raise web.HTTPSeeOther(str(request.rel_url.with_path("/steer").with_query(said=said)))

    async def _do(self, what: str, fields: dict[str, str]) -> str:
        if what == "behaviour":
            wish: dict[str, Json] = {"mode": fields.get("mode")}
            wish |= {"module": fields["module"]} if "module" in fields else {}
            if fields.get("count", "").isdecimal():
                wish["count"] = int(fields["count"])
            self.behaviour.set(wish)
            return f"{fields.get('mode')} from now on"
        if what == "register":
            url, token = fields.get("url", ""), fields.get("token", "")
            agreed = await self.registrar.register(url, token, None)
            return f"registered, OCPI {agreed['version']}"
        if what not in _COMMANDS:
            return f"{what}: no such command"
        answer = (await self.orders.command(what, self._command(fields)))["answer"]
        data = answer.get("data") if isinstance(answer, dict) else None
        return f"{what}: {json.dumps(data)}"

    def _command(self, fields: dict[str, str]) -> dict[str, Json]:
        body: dict[str, Json] = {**fields}
        if "token" in fields:
            body["token"] = next(
                (item for item in self.storage.objects("tokens") if item["uid"] == fields["token"]),
                None,
            )
        if "reservation_id" in fields and "token" in fields:
            ends = datetime.now(UTC) + _RESERVED_FOR
            body["expiry_date"] = ends.strftime("%Y-%m-%dT%H:%M:%SZ")
        return body

    def _command_form(self, name: str) -> str:
        known = self._known()
        inputs = [
            f"<label>{field} {_select(field, known[field])}</label>"
            if known.get(field)
            else f"<label>{field} <input name='{field}'></label>"
            for field in _COMMANDS[name]
            if field != "expiry_date"
        ]
        return _form(name, name, "".join(inputs))

    def _known(self) -> dict[str, list[str]]:
        """Ids that have come, to choose from."""
        locations = self.storage.objects("locations")
        evses = [evse for item in locations for evse in objects(item.get("evses"))]
        connectors = [item for evse in evses for item in objects(evse.get("connectors"))]
        return {
            "token": [str(item["uid"]) for item in self.storage.objects("tokens")],
            "location_id": [str(item["id"]) for item in locations],
            "evse_uid": [str(item["uid"]) for item in evses],
            "connector_id": [str(item["id"]) for item in connectors],
            "session_id": [str(item["id"]) for item in self.storage.objects("sessions")][::-1],
        }


def _select(name: str, values: Iterable[str]) -> str:
    options = "".join(f"<option>{escape(value)}</option>" for value in dict.fromkeys(values))
    return f"<select name='{name}'>{options}<option value=''>–</option></select>"


def _form(address: str, title: str, inputs: str) -> str:
    return (
        f"<form method='post' action='/steer/{address}'><h2>{escape(title)}</h2>{inputs}"
        "<button>Send</button></form>"
    )


_MODES: Final = "".join(
    f"<option value='{mode.value}'>{mode.value} – {escape(deed.text)}</option>"
    for mode, deed in DEEDS.items()
)
_BEHAVIOUR: Final = _form(
    "behaviour",
    "Misbehave",
    f"<label>mode <select name='mode'>{_MODES}</select></label>"
    f"<label>module (– for all) {_select('module', ('', *FAULTY_MODULES))}</label>"
    "<label>times (empty: until changed) <input name='count' inputmode='numeric'></label>",
)
_REGISTER: Final = _form(
    "register",
    "Register with a charger",
    "<label>its versions URL <input name='url'></label>"
    "<label>its initial token <input name='token'></label>",
)
