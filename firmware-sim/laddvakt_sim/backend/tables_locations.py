"""OCPI 2.2.1 mod_locations and types, transcribed row by row."""

from __future__ import annotations

from typing import Final

from laddvakt_sim.backend.rows import Field, table

LOCATION_TABLES: Final[dict[str, tuple[Field, ...]]] = {
    "Location": table("""
        country_code          CiString(2)            1
        party_id              CiString(3)            1
        id                    CiString(36)           1
        publish               boolean                1
        publish_allowed_to    PublishTokenType       *
        name                  string(255)            ?
        address               string(255)            1
        city                  string(45)             1
        postal_code           string(10)             ?
        state                 string(45)             ?
        country               string(3)              1
        coordinates           GeoLocation            1
        related_locations     AdditionalGeoLocation  *
        parking_type          ParkingType            ?
        evses                 EVSE                   *
        directions            DisplayText            *
        operator              BusinessDetails        ?
        suboperator           BusinessDetails        ?
        owner                 BusinessDetails        ?
        facilities            Facility               *
        time_zone             string(255)            1
        opening_times         Hours                  ?
        charging_when_closed  boolean                ?
        images                Image                  *
        energy_mix            EnergyMix              ?
        last_updated          DateTime               1
    """),
    "EVSE": table("""
        uid                   CiString(36)        1
        evse_id               CiString(48)        ?
        status                Status              1
        status_schedule       StatusSchedule      *
        capabilities          Capability          *
        connectors            Connector           +
        floor_level           string(4)           ?
        coordinates           GeoLocation         ?
        physical_reference    string(16)          ?
        directions            DisplayText         *
        parking_restrictions  ParkingRestriction  *
        images                Image               *
        last_updated          DateTime            1
    """),
    "Connector": table("""
        id                    CiString(36)     1
        standard              ConnectorType    1
        format                ConnectorFormat  1
        power_type            PowerType        1
        max_voltage           int              1
        max_amperage          int              1
        max_electric_power    int              ?
        tariff_ids            CiString(36)     *
        terms_and_conditions  URL              ?
        last_updated          DateTime         1
    """),
    "AdditionalGeoLocation": table("""
        latitude   Latitude(10)   1
        longitude  Longitude(11)  1
        name       DisplayText    ?
    """),
    "BusinessDetails": table("""
        name     string(100)  1
        website  URL          ?
        logo     Image        ?
    """),
    "EnergyMix": table("""
        is_green_energy      boolean              1
        energy_sources       EnergySource         *
        environ_impact       EnvironmentalImpact  *
        supplier_name        string(64)           ?
        energy_product_name  string(64)           ?
    """),
    "EnergySource": table("""
        source      EnergySourceCategory  1
        percentage  number                1
    """),
    "EnvironmentalImpact": table("""
        category  EnvironmentalImpactCategory  1
        amount    number                       1
    """),
    "ExceptionalPeriod": table("""
        period_begin  DateTime  1
        period_end    DateTime  1
    """),
    "GeoLocation": table("""
        latitude   Latitude(10)   1
        longitude  Longitude(11)  1
    """),
    "Hours": table("""
        twentyfourseven       boolean            1
        regular_hours         RegularHours       *
        exceptional_openings  ExceptionalPeriod  *
        exceptional_closings  ExceptionalPeriod  *
    """),
    "Image": table("""
        url        URL            1
        thumbnail  URL            ?
        category   ImageCategory  1
        type       CiString(4)    1
        width      int            ?
        height     int            ?
    """),
    "PublishTokenType": table("""
        uid            CiString(36)  ?
        type           TokenType     ?
        visual_number  string(64)    ?
        issuer         string(64)    ?
        group_id       CiString(36)  ?
    """),
    "RegularHours": table("""
        weekday       int             1
        period_begin  HourMinute(5)   1
        period_end    HourMinute(5)   1
    """),
    "StatusSchedule": table("""
        period_begin  DateTime  1
        period_end    DateTime  ?
        status        Status    1
    """),
    # types
    "DisplayText": table("""
        language  string(2)    1
        text      string(512)  1
    """),
    "Price": table("""
        excl_vat  number  1
        incl_vat  number  ?
    """),
}
