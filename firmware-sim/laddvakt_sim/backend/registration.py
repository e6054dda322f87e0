"""Registration, rotation and its end, from both sides: the credentials chapter."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_sim.backend.agreement import Agreement, Standing
from laddvakt_sim.backend.answer import Answer, refused
from laddvakt_sim.backend.caller import Caller, CallError, Heard
from laddvakt_sim.backend.rules import check_rules
from laddvakt_sim.backend.validate import Json, check

if TYPE_CHECKING:
    from laddvakt_sim.backend.agreement import Agreements
    from laddvakt_sim.backend.settings import ServerSettings

_UNUSABLE, _NO_VERSION, _NO_ENDPOINT = 3001, 3002, 3003


class RegistrationError(Exception):
    """It did not come to an agreement; `status_code` is what a server says of it."""

    def __init__(self, message: str, status_code: int = _UNUSABLE) -> None:
        super().__init__(message)
        self.status_code = status_code


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What their versions and details say."""

    version: str
    versions: list[Json]
    endpoints: list[Json]


class Registrar:
    """Makes and ends agreements; `needs` are identifier and role of what they must have."""

    def __init__(self, settings: ServerSettings, agreements: Agreements, caller: Caller) -> None:
        self._settings = settings
        self._agreements = agreements
        self._caller = caller
        self._turn = asyncio.Lock()
        self.needs: tuple[tuple[str, str], ...] = (("credentials", ""), ("locations", "SENDER"))

    def own(self, version: str, token: str) -> dict[str, Json]:
        """Our credentials object, with the token they shall show."""
        settings = self._settings
        own: dict[str, Json] = {
            "role": "EMSP",
            "business_details": {"name": "Simulated eMSP"},
            "country_code": settings.country_code,
            "party_id": settings.party_id,
        }
        made: dict[str, Json] = {
            "token": token,
            "url": settings.versions_url,
            "roles": [own],
        }
        hub = settings.hub_party_id
        if hub is not None and version == "2.2.1":  # there a hub names itself alone
            made["roles"] = [{**own, "role": "HUB", "country_code": hub[:2], "party_id": hub[2:]}]
        elif hub is not None:
            made["hub_party_id"] = hub
        return made

    async def settled(self) -> None:
        """Return when no registration is open, or after 2 s."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(2), self._turn:
                return

    async def serve(self, method: str, version: str, standing: Standing, body: Json) -> Answer:
        """The credentials endpoint."""
        current = self._agreements.current
        partner = standing is Standing.PARTNER and current is not None
        if method == "GET":
            shown = current.they_show if partner and current else self._settings.token
            if standing is Standing.INITIAL:
                shown = self._agreements.initial or ""
            return Answer(data=self.own(version, shown))
        if method not in ("POST", "PUT", "DELETE"):
            return refused(f"{method} is not for credentials", http_status=405)
        if partner is (method == "POST") or standing is Standing.DEVICE:
            problem = "you are registered: PUT changes it" if method == "POST" else "POST first"
            return refused(f"{method}: {problem}", status_code=2000, http_status=405)
        if method == "DELETE":
            self._agreements.end()
            return Answer()
        async with self._turn:
            return await self._accept(version, body, current if partner else None)

    async def register(self, url: str, token: str, version: str | None) -> dict[str, Json]:
        """Register with the agent as its client; `token` is the initial one it gave out.

        Raises:
            RegistrationError: it has no version or endpoint we need, or did not agree.
        """
        async with self._turn:
            found = await self._survey(url, token, version)
            made = await self._exchange("POST", url, token, found)
            self._agreements.agree(made, A=token, B=made.they_show, C=made.we_show)
        return self.shown()

    async def rotate(self) -> dict[str, Json]:
        """Agree on new tokens with a PUT; when it fails the old ones stay.

        Raises:
            RegistrationError: nobody is registered, or the agent did not agree.
        """
        async with self._turn:
            current = self._registered()
            found = await self._survey(current.versions_url, current.we_show, current.version)
            made = await self._exchange("PUT", current.versions_url, current.we_show, found)
            made = replace(made, started_by=current.started_by, shown_before=current.they_show)
            self._agreements.agree(made, B=made.they_show, C=made.we_show)
        return self.shown()

    async def unregister(self) -> Heard:
        """Tell the agent that it is over; ends here, whatever it says.

        Raises:
            RegistrationError: nobody is registered, or no answer came.
        """
        current = self._registered()
        url = current.url("credentials", "") or ""
        try:
            return await self._caller.ask("DELETE", url, current.we_show, module="credentials")
        except CallError as error:
            raise RegistrationError(str(error)) from error
        finally:
            self._agreements.end()

    def shown(self) -> dict[str, Json]:
        """What was agreed, for the control API."""
        current = self._agreements.current
        common: dict[str, Json] = {
            "registered": current is not None,
            "initial_token": self._agreements.initial,
            "tokens": dict(self._agreements.tokens),
        }
        if current is None:
            return common
        return common | {
            "version": current.version,
            "versions_url": current.versions_url,
            "they_show": current.they_show,
            "we_show": current.we_show,
            "started_by": current.started_by,
            "versions": current.versions,
            "endpoints": current.endpoints,
            "roles": current.roles,
        }

    def _registered(self) -> Agreement:
        if self._agreements.current is None:
            raise RegistrationError("nobody is registered: POST /register first")
        return self._agreements.current

    async def _accept(self, version: str, body: Json, before: Agreement | None) -> Answer:
        """POST or PUT of theirs: look at their side before the answer goes out."""
        errors = check("Credentials", body, version=version)
        if not errors and isinstance(body, dict):
            errors = check_rules("Credentials", body)
        if errors or not isinstance(body, dict):
            return refused(*errors)
        token_b, url = str(body["token"]), str(body["url"])
        try:
            found = await self._survey(url, token_b, version)
        except RegistrationError as error:
            return refused(str(error), status_code=error.status_code)
        token_c = secrets.token_urlsafe(24)
        initial = self._agreements.initial
        roles = body["roles"]
        made = Agreement(
            version=version,
            versions_url=url,
            they_show=token_c,
            we_show=token_b,
            started_by="agent" if before is None else before.started_by,
            versions=found.versions,
            endpoints=found.endpoints,
            roles=roles if isinstance(roles, list) else [],
            shown_before=None if before is None else before.they_show,
        )
        tokens = {} if before is not None or initial is None else {"A": initial}
        self._agreements.agree(made, B=token_b, C=token_c, **tokens)
        return Answer(data=self.own(version, token_c))

    async def _survey(self, url: str, token: str, version: str | None) -> _Found:
        """Their versions, and the details of the wanted or else of the newest one we share."""
        listed = await self._got(url, token, "versions")
        if not isinstance(listed, list) or not listed:
            raise RegistrationError(f"GET {url}: a list of versions is required")
        for item in listed:
            _judge("Version", item, url)
        urls = {str(item["version"]): str(item["url"]) for item in listed if isinstance(item, dict)}
        mutual = [name for name in self._settings.versions if name in urls]
        chosen = version or (max(mutual) if mutual else None)
        if chosen is None or chosen not in mutual:
            words = f"no version in common: {', '.join(sorted(urls))} there, wanted {chosen or '–'}"
            raise RegistrationError(words, _NO_VERSION)
        details = await self._got(urls[chosen], token, "versions")
        _judge("VersionDetails", details, urls[chosen])
        endpoints = details["endpoints"] if isinstance(details, dict) else []
        found = endpoints if isinstance(endpoints, list) else []
        self._check_needs(found)
        return _Found(version=chosen, versions=listed, endpoints=found)

    def _check_needs(self, endpoints: list[Json]) -> None:
        there = {
            (str(item["identifier"]), str(item["role"]))
            for item in endpoints
            if isinstance(item, dict)
        }
        for identifier, role in self.needs:
            if not any(name == identifier and role in ("", side) for name, side in there):
                raise RegistrationError(f"no endpoint {identifier} {role}".strip(), _NO_ENDPOINT)

    async def _got(self, url: str, token: str, module: str) -> Json:
        try:
            heard = await self._caller.ask("GET", url, token, module=module)
        except CallError as error:
            raise RegistrationError(str(error)) from error
        if not heard.ok or heard.errors:
            raise RegistrationError(f"GET {url}: {heard.told()} {'; '.join(heard.errors)}".strip())
        return heard.data

    async def _exchange(self, method: str, url: str, token: str, found: _Found) -> Agreement:
        """POST or PUT of ours."""
        draft = Agreement(
            version=found.version,
            versions_url=url,
            they_show=self._agreements.trial(),
            we_show=token,
            started_by="backend",
            versions=found.versions,
            endpoints=found.endpoints,
            roles=[],
        )
        try:
            heard = await self._caller.ask(
                method,
                draft.url("credentials", "") or "",
                token,
                module="credentials",
                body=self.own(found.version, draft.they_show),
            )
        except CallError as error:
            raise RegistrationError(str(error)) from error
        finally:
            self._agreements.end_trial(draft.they_show)
        if not heard.ok or heard.errors:
            told = "; ".join((heard.told(), *heard.errors))
            raise RegistrationError(f"{method} credentials: {told}", heard.status_code or 3000)
        _judge("Credentials", heard.data, "credentials", found.version)
        data = heard.data if isinstance(heard.data, dict) else {}
        roles = data.get("roles")
        return replace(
            draft,
            versions_url=str(data["url"]),
            we_show=str(data["token"]),
            roles=roles if isinstance(roles, list) else [],
        )


def _judge(class_name: str, body: Json, where: str, version: str = "2.3.0") -> None:
    errors = check(class_name, body, version=version)
    if not errors and isinstance(body, dict):
        errors = check_rules(class_name, body)
    if errors:
        raise RegistrationError(f"{where}: {'; '.join(errors)}")
