"""What the agent pulls from here: pages of tokens, tariffs and faults, and leave to charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urlencode

from laddvakt_sim.backend.answer import UNKNOWN_TOKEN, Answer, refused
from laddvakt_sim.backend.validate import Json, check, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.storage import Storage

FAULTS_PAGE_LIMIT: Final = 100
_NOT_ENOUGH: Final = 2002


def listed(storage: Storage, module: str, url: str, query: Mapping[str, str], most: int) -> Answer:
    """A page of at most `most` objects: transport_and_format, Pagination."""
    errors = [
        f"{name}: a DateTime is required"
        for name in ("date_from", "date_to")
        if name in query and moment(query[name]) is None
    ] + [
        f"{name}: a whole number is required"
        for name in ("offset", "limit")
        if name in query and not query[name].isdecimal()
    ]
    if errors:
        return refused(*errors)
    offset = int(query.get("offset", "0"))
    limit = min(int(query.get("limit", most)), most)
    page = storage.page(
        module,
        date_from=query.get("date_from"),
        date_to=query.get("date_to"),
        offset=offset,
        limit=limit,
    )
    headers = {"X-Total-Count": str(page.total), "X-Limit": str(most)}
    if limit and offset + limit < page.total:
        following = {**query, "offset": str(offset + limit), "limit": str(limit)}
        headers["Link"] = f'<{url}?{urlencode(following, quote_via=quote)}>; rel="next"'
    return Answer(data=list(page.items), headers=headers)


def authorised(storage: Storage, uid: str, token_type: str, body: Json, version: str) -> Answer:
    """Real-time authorisation: mod_tokens, POST.

    What `PUT /authorisations` said about the uid comes first; otherwise a token that is known here
    and valid may charge, one that is not valid is blocked, and an unknown one gets 404 and 2004.
    """
    if body is not None:
        errors = check("LocationReferences", body, version=version)
        if errors:
            return refused(*errors)
    wishes = storage.state("authorisations")
    wish = wishes.get(uid.lower()) if isinstance(wishes, dict) else None
    said = wish if isinstance(wish, dict) else {}
    if said.get("needs_location") and body is None:
        return refused("location_id: required to decide", status_code=_NOT_ENOUGH)
    code = said.get("status_code")
    if isinstance(code, int) and code != 1000:
        http = said.get("http_status")
        return refused(
            "as told by /authorisations",
            status_code=code,
            http_status=http if isinstance(http, int) else 200,
        )
    token = _token(storage, uid, token_type)
    if token is None:
        return refused(
            f"no token {uid!r} of type {token_type}", status_code=UNKNOWN_TOKEN, http_status=404
        )
    return Answer(data=_info(said, token, body))


def _info(said: dict[str, Json], token: dict[str, Json], body: Json) -> dict[str, Json]:
    names = ("allowed", "token", "location", "authorization_reference", "info")
    info: dict[str, Json] = {
        "allowed": "ALLOWED" if token["valid"] else "BLOCKED",
        "token": token,
        **{name: said[name] for name in names if name in said},
    }
    if info["allowed"] == "ALLOWED":
        info.setdefault("authorization_reference", f"auth-{token['uid']}"[:36])
        if body is not None:
            info.setdefault("location", body)
    return info


def _token(storage: Storage, uid: str, token_type: str) -> dict[str, Json] | None:
    for token in storage.objects("tokens"):
        if str(token["uid"]).lower() == uid.lower() and token.get("type") == token_type:
            return token
    return None
