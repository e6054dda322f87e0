"""An eMSP made of somebody else's OCPI library, started in that library's own environment.

    python emsp.py PORT FOLDER INITIAL_TOKEN

`extrawest-ocpi` and `py-ocpi` both call their package `py_ocpi`: whichever is installed where this
runs is what answers. The library does all the OCPI; here is only its memory, and beside it `GET
/kept` (all of it, as JSON) and `PUT /allow` (what is answered to a real-time authorisation). With
`cert.pem` and `key.pem` in FOLDER it speaks TLS.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

PORT, FOLDER, INITIAL = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
HOST = f"127.0.0.1:{PORT}"
TLS = (FOLDER / "cert.pem").exists()
# Both libraries read these when they are imported.
os.environ |= {
    "ENVIRONMENT": "production",
    "OCPI_HOST": HOST,
    "PROTOCOL": "https" if TLS else "http",
    "COUNTRY_CODE": "NL",
    "PARTY_ID": "FOR",
    "TRAILING_SLASH": "True",
}

import uvicorn  # noqa: E402
from fastapi import Request  # noqa: E402
from fastapi.encoders import jsonable_encoder  # noqa: E402
from py_ocpi import get_application  # noqa: E402
from py_ocpi.core.enums import ModuleID, RoleEnum  # noqa: E402
from py_ocpi.core.exceptions import NotFoundOCPIError  # noqa: E402
from py_ocpi.modules.cdrs.v_2_2_1.schemas import Cdr  # noqa: E402
from py_ocpi.modules.credentials.v_2_2_1.schemas import Credentials  # noqa: E402
from py_ocpi.modules.locations.v_2_2_1.schemas import Location  # noqa: E402
from py_ocpi.modules.sessions.v_2_2_1.schemas import Session  # noqa: E402
from py_ocpi.modules.tokens.v_2_2_1.schemas import AuthorizationInfo, Token  # noqa: E402
from py_ocpi.modules.versions.enums import VersionNumber  # noqa: E402

try:
    from py_ocpi.core.authentication.authenticator import Authenticator
except ImportError:  # the older of the two lets everybody in
    Authenticator = None

TOKEN = {
    "country_code": "NL",
    "party_id": "FOR",
    "uid": "04A1B2C3D4",
    "type": "RFID",
    "contract_id": "NL-FOR-C00000001-X",
    "issuer": "Somebody else",
    "valid": True,
    "whitelist": "NEVER",
    "last_updated": "2026-01-01T00:00:00Z",
}
KEPT: dict[str, dict[str, Any]] = {
    name: {} for name in ("locations", "sessions", "cdrs", "commands", "credentials")
}
HISTORY: list[dict[str, Any]] = []
ALLOWED = {"allowed": "ALLOWED", "authorization_reference": "foreign-reference"}
ISSUED = "token-that-the-foreign-platform-issued"


def _module(module: Any) -> str:
    return str(getattr(module, "value", module))


class Memory:
    """The library's `Crud`: what it stores and finds."""

    @classmethod
    async def get(cls, module: Any, role: Any, object_id: Any, *_: Any, **__: Any) -> Any:
        """One object; the libraries' own error where it is not known."""
        if module is ModuleID.tokens:
            if str(object_id).casefold() != str(TOKEN["uid"]).casefold():
                raise NotFoundOCPIError
            return TOKEN
        if module is ModuleID.credentials_and_registration:
            return KEPT["credentials"].get("ours")
        return KEPT.get(_module(module), {}).get(str(object_id).lower())

    @classmethod
    async def list(cls, module: Any, role: Any, filters: Any, *_: Any, **__: Any) -> Any:
        """All there is, on one page."""
        found = [TOKEN] if module is ModuleID.tokens else []
        page = found[filters["offset"] : filters["offset"] + filters["limit"]]
        return page, len(found), True

    @classmethod
    async def create(cls, module: Any, role: Any, data: Any, *_: Any, **__: Any) -> Any:
        """Keep it."""
        plain = jsonable_encoder(data)
        if module is ModuleID.credentials_and_registration:
            KEPT["credentials"] = {"theirs": plain, "ours": _credentials()}
            return _credentials()
        HISTORY.append({"module": _module(module), "how": "create", "data": plain})
        KEPT[_module(module)][str(plain["id"]).lower()] = plain
        return plain

    @classmethod
    async def update(cls, module: Any, role: Any, data: Any, known: Any = "", **more: Any) -> Any:
        """Replace it."""
        plain, object_id = jsonable_encoder(data), more.get("id", known)
        HISTORY.append({"module": _module(module), "how": "update", "data": plain})
        if module is ModuleID.credentials_and_registration:
            KEPT["credentials"] = {"theirs": plain, "ours": _credentials()}
            return _credentials()
        KEPT[_module(module)][str(object_id).lower()] = plain
        return plain

    @classmethod
    async def delete(cls, module: Any, role: Any, object_id: Any, **_: Any) -> None:
        """Forget it."""
        if module is ModuleID.credentials_and_registration:
            KEPT["credentials"] = {}

    @classmethod
    async def do(cls, module: Any, role: Any, action: Any, *_: Any, **more: Any) -> Any:
        """Authorise a token; or say who is registered."""
        if module is ModuleID.tokens:
            return {**ALLOWED, "token": TOKEN}
        shown = more.get("auth_token")  # `None`: nobody's; empty: ours, but not registered yet
        return (
            shown if shown == ISSUED and KEPT["credentials"] else "" if shown == INITIAL else None
        )


class Shapes:
    """The library's `Adapter`: dictionaries to its models."""

    @classmethod
    def location_adapter(cls, data: Any, *_: Any, **__: Any) -> Any:
        """A Location."""
        return Location(**data)

    @classmethod
    def session_adapter(cls, data: Any, *_: Any, **__: Any) -> Any:
        """A Session."""
        return Session(**data)

    @classmethod
    def cdr_adapter(cls, data: Any, *_: Any, **__: Any) -> Any:
        """A CDR."""
        return Cdr(**data)

    @classmethod
    def token_adapter(cls, data: Any, *_: Any, **__: Any) -> Any:
        """A Token."""
        return Token(**data)

    @classmethod
    def authorization_adapter(cls, data: Any, *_: Any, **__: Any) -> Any:
        """An AuthorizationInfo."""
        return AuthorizationInfo(**data)

    @classmethod
    def credentials_adapter(cls, data: Any, *_: Any, **__: Any) -> Any:
        """Credentials."""
        return Credentials(**data)


def _credentials() -> dict[str, Any]:
    scheme = "https" if TLS else "http"
    return {
        "token": ISSUED,
        "url": f"{scheme}://{HOST}/ocpi/versions",
        "roles": [
            {
                "role": "EMSP",
                "country_code": "NL",
                "party_id": "FOR",
                "business_details": {"name": "Somebody else"},
            }
        ],
    }


def _application() -> Any:
    wanted: dict[str, Any] = {
        "version_numbers": [VersionNumber.v_2_2_1],
        "roles": [RoleEnum.emsp],
        "crud": Memory,
        "adapter": Shapes,
    }
    if Authenticator is not None:

        class Doorman(Authenticator):  # type: ignore[misc]
            """Who may come in."""

            @classmethod
            async def get_valid_token_c(cls) -> list[str]:
                """The token we issued."""
                return [ISSUED] if KEPT["credentials"] else []

            @classmethod
            async def get_valid_token_a(cls) -> list[str]:
                """The one that was given out of band."""
                return [] if KEPT["credentials"] else [INITIAL]

        wanted["authenticator"] = Doorman
        wanted["modules"] = [
            ModuleID.credentials_and_registration,
            ModuleID.locations,
            ModuleID.sessions,
            ModuleID.cdrs,
            ModuleID.commands,
            ModuleID.tokens,
        ]
    return get_application(**wanted)


app = _application()


@app.get("/kept")  # type: ignore[untyped-decorator]
async def kept() -> Any:
    """Everything that came."""
    return {**KEPT, "history": HISTORY}


@app.put("/allow")  # type: ignore[untyped-decorator]
async def allow(request: Request) -> Any:
    """What a real-time authorisation answers from now on."""
    ALLOWED.clear()
    ALLOWED.update(await request.json())
    return {"ok": True}


async def _serve() -> None:
    tls = {"ssl_certfile": str(FOLDER / "cert.pem"), "ssl_keyfile": str(FOLDER / "key.pem")}
    config = uvicorn.Config(
        app, host="127.0.0.1", port=PORT, log_level="warning", **(tls if TLS else {})
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(_serve())
