"""OCPI 2.2.1 mod_sessions, mod_cdrs and the tariff embedded in a CDR, row by row.

The custom fault module stands at the end, in the same form.
"""

from __future__ import annotations

from typing import Final

from laddvakt_sim.backend.rows import Field, table

BILLING_TABLES: Final[dict[str, tuple[Field, ...]]] = {
    # mod_sessions
    "Session": table("""
        country_code             CiString(2)     1
        party_id                 CiString(3)     1
        id                       CiString(36)    1
        start_date_time          DateTime        1
        end_date_time            DateTime        ?
        kwh                      number          1
        cdr_token                CdrToken        1
        auth_method              AuthMethod      1
        authorization_reference  CiString(36)    ?
        location_id              CiString(36)    1
        evse_uid                 CiString(36)    1
        connector_id             CiString(36)    1
        meter_id                 string(255)     ?
        currency                 string(3)       1
        charging_periods         ChargingPeriod  *
        total_cost               Price           ?
        status                   SessionStatus   1
        last_updated             DateTime        1
    """),
    # mod_cdrs
    "CDR": table("""
        country_code                CiString(2)     1
        party_id                    CiString(3)     1
        id                          CiString(39)    1
        start_date_time             DateTime        1
        end_date_time               DateTime        1
        session_id                  CiString(36)    ?
        cdr_token                   CdrToken        1
        auth_method                 AuthMethod      1
        authorization_reference     CiString(36)    ?
        cdr_location                CdrLocation     1
        meter_id                    string(255)     ?
        currency                    string(3)       1
        tariffs                     Tariff          *
        charging_periods            ChargingPeriod  +
        signed_data                 SignedData      ?
        total_cost                  Price           1
        total_fixed_cost            Price           ?
        total_energy                number          1
        total_energy_cost           Price           ?
        total_time                  number          1
        total_time_cost             Price           ?
        total_parking_time          number          ?
        total_parking_cost          Price           ?
        total_reservation_cost      Price           ?
        remark                      string(255)     ?
        invoice_reference_id        CiString(39)    ?
        credit                      boolean         ?
        credit_reference_id         CiString(39)    ?
        home_charging_compensation  boolean         ?
        last_updated                DateTime        1
    """),
    "CdrDimension": table("""
        type    CdrDimensionType  1
        volume  number            1
    """),
    "CdrLocation": table("""
        id                    CiString(36)     1
        name                  string(255)      ?
        address               string(45)       1
        city                  string(45)       1
        postal_code           string(10)       ?
        state                 string(20)       ?
        country               string(3)        1
        coordinates           GeoLocation      1
        evse_uid              CiString(36)     1
        evse_id               CiString(48)     1
        connector_id          CiString(36)     1
        connector_standard    ConnectorType    1
        connector_format      ConnectorFormat  1
        connector_power_type  PowerType        1
    """),
    "CdrToken": table("""
        country_code  CiString(2)   1
        party_id      CiString(3)   1
        uid           CiString(36)  1
        type          TokenType     1
        contract_id   CiString(36)  1
    """),
    "ChargingPeriod": table("""
        start_date_time  DateTime      1
        dimensions       CdrDimension  +
        tariff_id        CiString(36)  ?
    """),
    "SignedData": table("""
        encoding_method          CiString(36)  1
        encoding_method_version  int           ?
        public_key               string(512)   ?
        signed_values            SignedValue   +
        url                      string(512)   ?
    """),
    "SignedValue": table("""
        nature       CiString(32)  1
        plain_data   string(5000)  1
        signed_data  string(5000)  1
    """),
    # mod_tariffs, as embedded in a CDR
    "Tariff": table("""
        country_code     CiString(2)    1
        party_id         CiString(3)    1
        id               CiString(36)   1
        currency         string(3)      1
        type             TariffType     ?
        tariff_alt_text  DisplayText    *
        tariff_alt_url   URL            ?
        min_price        Price          ?
        max_price        Price          ?
        elements         TariffElement  +
        start_date_time  DateTime       ?
        end_date_time    DateTime       ?
        energy_mix       EnergyMix      ?
        last_updated     DateTime       1
    """),
    "TariffElement": table("""
        price_components  PriceComponent      +
        restrictions      TariffRestrictions  ?
    """),
    "PriceComponent": table("""
        type       TariffDimensionType  1
        price      number               1
        vat        number               ?
        step_size  int                  1
    """),
    "TariffRestrictions": table("""
        start_time    HourMinute(5)               ?
        end_time      HourMinute(5)               ?
        start_date    LocalDate(10)               ?
        end_date      LocalDate(10)               ?
        min_kwh       number                      ?
        max_kwh       number                      ?
        min_current   number                      ?
        max_current   number                      ?
        min_power     number                      ?
        max_power     number                      ?
        min_duration  int                         ?
        max_duration  int                         ?
        day_of_week   DayOfWeek                   *
        reservation   ReservationRestrictionType  ?
    """),
    # The custom fault module; the form of its rows follows the standard objects.
    "Fault": table("""
        id            CiString(36)   1
        code          CiString(64)   1
        severity      FaultSeverity  1
        location_id   CiString(36)   1
        evse_uid      CiString(36)   1
        connector_id  CiString(36)   ?
        started_at    DateTime       1
        cleared_at    DateTime       ?
        cause         CiString(64)   1
        symptoms      CiString(64)   *
        mrec          CiString(8)    ?
        ocpp16        CiString(50)   ?
        locked_out    boolean        1
        last_updated  DateTime       1
    """),
}
