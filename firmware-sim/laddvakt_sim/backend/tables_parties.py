"""OCPI 2.2.1 versions, credentials, tokens, commands and charging profiles, row by row."""

from __future__ import annotations

from typing import Final

from laddvakt_sim.backend.rows import Field, table

PARTY_TABLES: Final[dict[str, tuple[Field, ...]]] = {
    # version_information_endpoint
    "Version": table("""
        version  VersionNumber  1
        url      URL            1
    """),
    "VersionDetails": table("""
        version    VersionNumber  1
        endpoints  Endpoint       +
    """),
    "Endpoint": table("""
        identifier  ModuleID       1
        role        InterfaceRole  1
        url         URL            1
    """),
    # credentials
    "Credentials": table("""
        token  TokenText(64)    1
        url    URL              1
        roles  CredentialsRole  +
    """),
    "CredentialsRole": table("""
        role              Role             1
        business_details  BusinessDetails  1
        party_id          CiString(3)      1
        country_code      CiString(2)      1
    """),
    # mod_tokens
    "Token": table("""
        country_code          CiString(2)     1
        party_id              CiString(3)     1
        uid                   CiString(36)    1
        type                  TokenType       1
        contract_id           CiString(36)    1
        visual_number         string(64)      ?
        issuer                string(64)      1
        group_id              CiString(36)    ?
        valid                 boolean         1
        whitelist             WhitelistType   1
        language              string(2)       ?
        default_profile_type  ProfileType     ?
        energy_contract       EnergyContract  ?
        last_updated          DateTime        1
    """),
    "EnergyContract": table("""
        supplier_name  string(64)  1
        contract_id    string(64)  ?
    """),
    "LocationReferences": table("""
        location_id  CiString(36)  1
        evse_uids    CiString(36)  *
    """),
    "AuthorizationInfo": table("""
        allowed                  AllowedType         1
        token                    Token               1
        location                 LocationReferences  ?
        authorization_reference  CiString(36)        ?
        info                     DisplayText         ?
    """),
    # mod_sessions, the receiver's side
    "ChargingPreferences": table("""
        profile_type       ProfileType  1
        departure_time     DateTime     ?
        energy_need        number       ?
        discharge_allowed  boolean      ?
    """),
    # mod_commands
    "StartSession": table("""
        response_url             URL           1
        token                    Token         1
        location_id              CiString(36)  1
        evse_uid                 CiString(36)  ?
        connector_id             CiString(36)  ?
        authorization_reference  CiString(36)  ?
    """),
    "StopSession": table("""
        response_url  URL           1
        session_id    CiString(36)  1
    """),
    "ReserveNow": table("""
        response_url             URL           1
        token                    Token         1
        expiry_date              DateTime      1
        reservation_id           CiString(36)  1
        location_id              CiString(36)  1
        evse_uid                 CiString(36)  ?
        authorization_reference  CiString(36)  ?
    """),
    "CancelReservation": table("""
        response_url    URL           1
        reservation_id  CiString(36)  1
    """),
    "UnlockConnector": table("""
        response_url  URL           1
        location_id   CiString(36)  1
        evse_uid      CiString(36)  1
        connector_id  CiString(36)  1
    """),
    "CommandResponse": table("""
        result   CommandResponseType  1
        timeout  int                  1
        message  DisplayText          *
    """),
    "CommandResult": table("""
        result   CommandResultType  1
        message  DisplayText        *
    """),
    # mod_charging_profiles
    "SetChargingProfile": table("""
        charging_profile  ChargingProfile  1
        response_url      URL              1
    """),
    "ChargingProfile": table("""
        start_date_time          DateTime               ?
        duration                 int                    ?
        charging_rate_unit       ChargingRateUnit       1
        min_charging_rate        number                 ?
        charging_profile_period  ChargingProfilePeriod  *
    """),
    "ChargingProfilePeriod": table("""
        start_period  int     1
        limit         number  1
    """),
    "ActiveChargingProfile": table("""
        start_date_time   DateTime         1
        charging_profile  ChargingProfile  1
    """),
    "ChargingProfileResponse": table("""
        result   ChargingProfileResponseType  1
        timeout  int                          1
    """),
    "ChargingProfileResult": table("""
        result  ChargingProfileResultType  1
    """),
    "ClearProfileResult": table("""
        result  ChargingProfileResultType  1
    """),
    "ActiveChargingProfileResult": table("""
        result   ChargingProfileResultType  1
        profile  ActiveChargingProfile      ?
    """),
}
