"""Tokens and what is answered about them. Source: mod_tokens, mod_cdrs (CdrToken)."""

from __future__ import annotations

from datetime import datetime

from laddvakt_agent.uplink.structs.enums import AllowedType, ProfileType, TokenType, WhitelistType
from laddvakt_agent.uplink.structs.kinds import Ci36, CountryCode, Language, PartyId, Text64
from laddvakt_agent.uplink.structs.places import DisplayText
from laddvakt_agent.uplink.structs.plan import Object


class EnergyContract(Object, frozen=True, kw_only=True):
    """mod_tokens, EnergyContract."""

    supplier_name: Text64
    contract_id: Text64 | None = None


class Token(Object, frozen=True, kw_only=True):
    """mod_tokens, Token; its key is country, party, uid and type."""

    country_code: CountryCode
    party_id: PartyId
    uid: Ci36
    type: TokenType
    contract_id: Ci36
    visual_number: Text64 | None = None
    issuer: Text64
    group_id: Ci36 | None = None
    valid: bool
    whitelist: WhitelistType
    language: Language | None = None
    default_profile_type: ProfileType | None = None
    energy_contract: EnergyContract | None = None
    last_updated: datetime


class CdrToken(Object, frozen=True, kw_only=True):
    """mod_cdrs, CdrToken: who charged."""

    country_code: CountryCode
    party_id: PartyId
    uid: Ci36
    type: TokenType
    contract_id: Ci36


class LocationReferences(Object, frozen=True, kw_only=True):
    """mod_tokens, LocationReferences."""

    location_id: Ci36
    evse_uids: tuple[Ci36, ...] = ()


class AuthorizationInfo(Object, frozen=True, kw_only=True):
    """mod_tokens, AuthorizationInfo."""

    allowed: AllowedType
    token: Token
    location: LocationReferences | None = None
    authorization_reference: Ci36 | None = None
    info: DisplayText | None = None
