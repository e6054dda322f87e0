"""Who asks, for what, and which module replies. Runs in the agent's loop; knows nothing of HTTP.

Our endpoints: `{base}/ocpi/versions`, `{base}/ocpi/{version}`,
`{base}/ocpi/{version}/{identifier}[/…]`. Names compare without regard to case, a slash at the end
is no difference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

import structlog

from laddvakt_agent.uplink.server.heads import Ids, Routing, shown_token
from laddvakt_agent.uplink.serving import Asked, Authority, Caller, Module, Refused, Reply, Role
from laddvakt_agent.uplink.version import Version

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_UNROUTED = ("credentials", "hubclientinfo")  # configuration modules: no routing headers
_NEWEST = list(Version)[-1]
_SEGMENT_MAX = 255

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request whose caller may ask it: what is left is its body and the reply."""

    caller: Caller
    method: str
    ids: Ids
    version: Version | None = None  # `None`: the list of versions
    identifier: str | None = None  # of the module; `None`: versions or version details
    segments: tuple[str, ...] = ()
    query: Mapping[str, str] = field(default_factory=dict)
    routing: Routing = field(default_factory=Routing)
    refused: Refused | None = None  # the caller is known, but may not ask this

    @property
    def headers(self) -> Mapping[str, str]:
        """The routing headers of the response; none outside functional modules."""
        if self.identifier is None or self.identifier in _UNROUTED:
            return {}
        return self.routing.back(self.caller)


class Desk:
    """Lets in and passes on; every method in the agent's loop."""

    def __init__(
        self,
        *,
        url: str,
        authority: Authority,
        modules: Callable[[], Sequence[Module]],
        answer_s: float,
    ) -> None:
        """`url`: how others reach us, without `/ocpi`; `modules`: all there are now."""
        self.base = url.rstrip("/") + "/ocpi"
        self._path = urlsplit(self.base).path.split("/")[1:]
        self._authority, self._modules, self._answer_s = authority, modules, answer_s

    async def admit(
        self,
        method: str,
        raw_path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        ids: Ids,
    ) -> Visit:
        """Who asks and whether this may be asked at all, by the head of the request alone.

        Who asks comes first: a stranger learns nothing else of a request, however it is wrong.

        Raises:
            Refused: nobody known asks.
        """
        place, unreadable = None, None
        try:
            place = self._place(raw_path)
        except Refused as refused:
            unreadable = refused
        version = _NEWEST if place is None else place[0]
        shown = shown_token(headers)
        caller = None if shown is None else self._authority.caller(shown, version or _NEWEST)
        if caller is None:
            raise Refused(
                "this needs an Authorization header: Token, one space, your credentials token "
                "in Base64",
                status_code=2000,
                http_status=401,
            )
        visit = Visit(caller=caller, method=method, ids=ids, query=query, refused=unreadable)
        if unreadable is not None:
            return visit
        try:
            return self._entered(self._at(visit, place), headers)
        except Refused as refused:
            return replace(visit, refused=refused)

    async def answer(self, visit: Visit, body: object) -> Reply:
        """The reply of whoever is asked; a defect in a module is told and becomes 3000.

        Raises:
            Refused: it cannot be done.
        """
        if visit.version is None:
            return Reply(data=self._versions(visit.caller))
        if visit.identifier is None:
            return Reply(data=self._details(visit.caller, visit.version))
        asked = Asked(
            caller=visit.caller,
            method=visit.method,
            segments=visit.segments,
            query=visit.query,
            body=body,
            url=self.endpoint(visit.version, visit.identifier),
            from_party=visit.routing.sender,
            to_party=visit.routing.receiver,
            request_id=visit.ids.request,
            correlation_id=visit.ids.correlation,
        )
        try:
            async with asyncio.timeout(self._answer_s):
                return await self._asked(asked, visit)
        except Refused:
            raise
        except TimeoutError:
            raise Refused("this took too long; try again later", status_code=3000) from None
        except Exception:
            log.exception("module_failed", module=visit.identifier, method=visit.method)
            raise Refused(
                "this failed here and was written down; try again later", status_code=3000
            ) from None

    def endpoint(self, version: Version, identifier: str) -> str:
        """The absolute URL of a module."""
        return f"{self.base}/{version.value}/{identifier}"

    async def _asked(self, asked: Asked, visit: Visit) -> Reply:
        """One identifier may be served by several modules, each with methods of its own."""
        refused: Refused | None = None
        for module in self._offered(visit.caller, visit.version):
            if module.identifier.lower() != visit.identifier:
                continue
            try:
                return await module.answer(asked)
            except Refused as refusal:
                if refusal.http_status != 405:
                    raise
                refused = refusal
        raise refused if refused is not None else _not_here(visit)

    def _at(self, visit: Visit, place: tuple[Version | None, tuple[str, ...]] | None) -> Visit:
        """The visit with what it is to.

        Raises:
            Refused: there is nothing, or no such method.
        """
        if place is None or not _spoken(visit.caller, *place):
            raise Refused(
                f"there is nothing here; begin at {self.base}/versions",
                status_code=2000,
                http_status=404,
            )
        return replace(
            visit,
            method=_method(visit.method),
            version=place[0],
            identifier=place[1][0].lower() if place[1] else None,
            segments=place[1][1:],
        )

    def _entered(self, visit: Visit, headers: Mapping[str, str]) -> Visit:
        """Judge what stands between the token and the module.

        Raises:
            Refused: an initial token where it is worth nothing, no such module, another party's.
        """
        caller, identifier = visit.caller, visit.identifier
        if identifier is None:
            if visit.method != "GET":
                raise Refused(
                    "only GET is possible here",
                    status_code=2000,
                    http_status=405,
                    headers={"Allow": "GET, HEAD"},
                )
            return visit
        if not caller.registered and identifier != "credentials":
            raise Refused(
                "this token is only good for registration: POST your credentials first",
                status_code=2000,
                http_status=401,
            )
        if all(m.identifier.lower() != identifier for m in self._offered(caller, visit.version)):
            raise _not_here(visit)
        if identifier in _UNROUTED:
            return visit
        routing = Routing.of(headers)
        if routing.receiver not in (None, caller.own):
            raise Refused(
                f"the party in OCPI-to-… is not here; {caller.own.country_code} "
                f"{caller.own.party_id} is",
                status_code=4001,
                http_status=404,
            )
        return replace(visit, routing=routing)

    def _place(self, raw_path: str) -> tuple[Version | None, tuple[str, ...]] | None:
        """The version and what follows it; (None, ()): the list; `None`: nothing of ours."""
        parts = [segment(part) for part in raw_path.split("/")[1:]]
        if parts and parts[-1] == "":
            parts.pop()
        for prefix in (self._path, ["ocpi"]):  # a relay in front may take its own part away
            if parts[: len(prefix)] == prefix:
                parts = parts[len(prefix) :]
                break
        else:
            return None
        if parts == ["versions"]:
            return None, ()
        known = {version.value: version for version in Version}
        if not parts or parts[0] not in known or "" in parts:
            return None
        return known[parts[0]], tuple(parts[1:])

    def _offered(self, caller: Caller, version: Version | None) -> list[Module]:
        """Who has yet to register sees what there will be."""
        soon = replace(caller, registered=True)
        return [m for m in self._modules() if version in m.versions and m.offered_to(soon)]

    def _versions(self, caller: Caller) -> list[dict[str, str]]:
        """Those that are spoken with this caller: it would take the newest that is listed."""
        return [
            {"version": version.value, "url": f"{self.base}/{version.value}"}
            for version in caller.versions
        ]

    def _details(self, caller: Caller, version: Version) -> dict[str, object]:
        """Each pair of module and role once; `credentials` has no role, SENDER is advised."""
        pairs = dict.fromkeys(
            (m.identifier, Role.SENDER if m.identifier == "credentials" else m.role)
            for m in self._offered(caller, version)
        )
        endpoints = [
            {"identifier": name, "role": role.value, "url": self.endpoint(version, name)}
            for name, role in pairs
        ]
        return {"version": version.value, "endpoints": endpoints}


def _spoken(caller: Caller, version: Version | None, rest: tuple[str, ...]) -> bool:
    """Whether there is anything for this caller; credentials say themselves why not (3002)."""
    asks_to_register = bool(rest) and rest[0].lower() == "credentials"
    return version in (None, *caller.versions) or asks_to_register


def segment(raw: str) -> str:
    """One segment of a path.

    Raises:
        Refused: it is not UTF-8, too long, or has control characters.
    """
    try:
        text = unquote(raw, errors="strict")
    except UnicodeDecodeError:
        text = "\0"
    if len(text) > _SEGMENT_MAX or not (text.isprintable() or text == ""):
        raise Refused("the URL has a part that nothing is called", http_status=400)
    return text


def _method(method: str) -> str:
    """HEAD is a GET whose body is not sent."""
    if method == "HEAD":
        return "GET"
    if method not in METHODS:
        raise Refused(
            f"OCPI knows {', '.join(METHODS)} alone",
            status_code=2000,
            http_status=405,
            headers={"Allow": ", ".join(METHODS)},
        )
    return method


def _not_here(visit: Visit) -> Refused:
    return Refused(
        f"there is no module {visit.identifier!r} here; the version details list those there are",
        status_code=2000,
        http_status=404,
    )
