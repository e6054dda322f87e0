"""Who may call whom with which token: what was agreed, kept over a restart."""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
import secrets
from dataclasses import asdict, dataclass, field, fields, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from laddvakt_sim.backend.settings import ServerSettings
    from laddvakt_sim.backend.storage import Storage
    from laddvakt_sim.backend.validate import Json


class Standing(enum.Enum):
    """What a shown token opens."""

    DEVICE = "pre-agreed"  # every module, no registration
    INITIAL = "initial"  # versions and credentials: token A
    TRIAL = "trial"  # versions: token B while our own registration is open
    PARTNER = "partner"  # every module of the agreed version


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """A finished registration."""

    version: str
    versions_url: str  # theirs
    they_show: str = field(repr=False)
    we_show: str = field(repr=False)
    started_by: str  # "agent" or "backend": who sent the POST
    versions: list[Json]  # theirs, as listed
    endpoints: list[Json]  # theirs, as listed
    roles: list[Json]  # theirs
    shown_before: str | None = field(default=None, repr=False)  # good until the new one is used

    def url(self, identifier: str, role: str) -> str | None:
        """Their endpoint, without a slash at its end; `None` when they have none."""
        for item in self.endpoints:
            if not isinstance(item, dict) or item.get("identifier") != identifier:
                continue
            if identifier == "credentials" or item.get("role") == role:
                return str(item["url"]).rstrip("/")
        return None

    def party(self) -> str | None:
        """Country and party in one of the first CPO among their roles, else of the first role."""
        roles = [role for role in self.roles if isinstance(role, dict)]
        roles.sort(key=lambda role: role["role"] != "CPO")
        return f"{roles[0]['country_code']}{roles[0]['party_id']}" if roles else None

    def parties(self) -> frozenset[str]:
        """Country and party in one, in capitals, of each of their roles."""
        return frozenset(
            f"{role['country_code']}{role['party_id']}".upper()
            for role in self.roles
            if isinstance(role, dict)
        )


class Agreements:
    """The one agreement there is, and the tokens that lead to it."""

    def __init__(self, storage: Storage, settings: ServerSettings) -> None:
        self._storage = storage
        self._device_token = settings.token
        self._trial: set[str] = set()
        kept = storage.state("agreement")
        known = {item.name for item in fields(Agreement)}
        self.current: Agreement | None = None
        if isinstance(kept, dict):
            self.current = Agreement(**{k: v for k, v in kept.items() if k in known})  # type: ignore[arg-type]  # written by _keep
        tokens = storage.state("tokens_a_b_c")
        self.tokens: dict[str, Json] = tokens if isinstance(tokens, dict) else {}
        if settings.initial_token is not None and self._is_unspent(settings.initial_token):
            self._storage.keep_state("initial", settings.initial_token)

    @property
    def initial(self) -> str | None:
        """Token A as we gave it out; `None`: none is open."""
        value = self._storage.state("initial")
        return value if isinstance(value, str) else None

    def open_with(self, token: str) -> None:
        """Take this token for one registration from now on."""
        self._storage.keep_state("initial", token)

    def standing(self, header: str | None) -> Standing | None:
        """What the token in an Authorization header opens, `None`: nothing."""
        shown = shown_token(header)
        if shown is None:
            return None
        current = self.current
        if current is not None and _same(shown, current.they_show):
            if current.shown_before is not None:  # the new one has arrived
                self._keep(replace(current, shown_before=None))
            return Standing.PARTNER
        others = [(Standing.DEVICE, self._device_token), (Standing.INITIAL, self.initial)]
        others += [(Standing.TRIAL, token) for token in self._trial]
        if current is not None:
            others.append((Standing.PARTNER, current.shown_before))
        for standing, token in others:
            if token is not None and _same(shown, token):
                return standing
        return None

    def trial(self) -> str:
        """A new token that opens our versions while a registration of ours is open."""
        token = secrets.token_urlsafe(24)
        self._trial.add(token)
        return token

    def end_trial(self, token: str) -> None:
        """The registration is over, well or not."""
        self._trial.discard(token)

    def agree(self, made: Agreement, **tokens: str) -> None:
        """Keep a new or changed agreement; a first one uses the initial token up."""
        if self.current is None:
            self.tokens = {}
        if self.initial is not None and made.started_by == "agent":
            self._storage.keep_state("spent", [*self._spent(), self.initial])
            self._storage.keep_state("initial", None)
        self.tokens |= tokens
        self._storage.keep_state("tokens_a_b_c", self.tokens)
        self._keep(made)

    def end(self) -> None:
        """Nobody is registered any more, and no token of theirs opens anything."""
        self._keep(None)

    def _keep(self, made: Agreement | None) -> None:
        self.current = made
        self._storage.keep_state("agreement", None if made is None else asdict(made))

    def _spent(self) -> list[Json]:
        spent = self._storage.state("spent")
        return spent if isinstance(spent, list) else []

    def _is_unspent(self, token: str) -> bool:
        return self.current is None and token not in self._spent()


def shown_token(header: str | None) -> str | None:
    """The token in `Token <base64 of the token>`; a bare token is none."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme != "Token":
        return None
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _same(shown: str, known: str) -> bool:
    return hmac.compare_digest(shown.encode(), known.encode())
