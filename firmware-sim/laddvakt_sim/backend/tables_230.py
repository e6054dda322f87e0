"""What OCPI 2.3.0 changes in the tables of 2.2.1, and the Payments document's tables.

Only the rows that differ stand here; all the others are those of 2.2.1, so that they cannot drift
apart. Sources: the 2.3.0 core document and the separate Payments document.
"""

from __future__ import annotations

from typing import Final

from laddvakt_sim.backend.rows import Field, amended, table
from laddvakt_sim.backend.tables import TABLES


def _amended(class_name: str, text: str) -> tuple[Field, ...]:
    return amended(TABLES[class_name], text)


_CHANGED: Final[dict[str, tuple[Field, ...]]] = {
    "Location": _amended(
        "Location",
        """
        parking_places  Parking       *
        help_phone      CiString(25)  ?
    """,
    ),
    "EVSE": _amended(
        "EVSE",
        """
        parking                     EVSEParking  *
        accepted_service_providers  string(50)   *
    """,
    ),
    "Connector": _amended(
        "Connector",
        """
        capabilities  ConnectorCapability  *
    """,
    ),
    "Tariff": _amended(
        "Tariff",
        """
        min_price            PriceLimit   ?
        max_price            PriceLimit   ?
        preauthorize_amount  number       ?
        tax_included         TaxIncluded  1
    """,
    ),
    "Credentials": _amended(
        "Credentials",
        """
        hub_party_id  CiString(5)  ?
    """,
    ),
    "Price": table("""
        before_taxes  number     1
        taxes         TaxAmount  *
    """),
}

_NEW: Final[dict[str, tuple[Field, ...]]] = {
    "TaxAmount": table("""
        name            string  1
        account_number  string  ?
        percentage      number  ?
        amount          number  1
    """),
    "PriceLimit": table("""
        before_taxes  number  1
        after_taxes   number  ?
    """),
    "Parking": table("""
        id                       CiString(36)      1
        physical_reference       string(12)        ?
        vehicle_types            VehicleType       +
        max_vehicle_weight       number            ?
        max_vehicle_height       number            ?
        max_vehicle_length       number            ?
        max_vehicle_width        number            ?
        parking_space_length     number            ?
        parking_space_width      number            ?
        dangerous_goods_allowed  boolean           ?
        direction                ParkingDirection  ?
        drive_through            boolean           ?
        restricted_to_type       boolean           1
        reservation_required     boolean           1
        time_limit               number            ?
        roofed                   boolean           ?
        images                   Image             *
        lighting                 boolean           ?
        refrigeration_outlet     boolean           ?
        standards                CiString(36)      *
        apds_reference           CiString          ?
    """),
    "EVSEParking": table("""
        parking_id     CiString(36)  1
        evse_position  EVSEPosition  ?
    """),
    # mod_payments
    "Terminal": table("""
        terminal_id         CiString(36)    1
        customer_reference  CiString(36)    ?
        party_id            CiString(3)     ?
        country_code        CiString(2)     ?
        address             CiString(45)    ?
        city                CiString(45)    ?
        postal_code         CiString(10)    ?
        state               CiString(20)    ?
        country             CiString(3)     ?
        coordinates         GeoLocation     ?
        invoice_base_url    URL             ?
        invoice_creator     InvoiceCreator  ?
        reference           CiString(36)    ?
        location_ids        CiString(36)    *
        evse_uids           CiString(36)    *
        last_updated        DateTime        1
    """),
    "FinancialAdviceConfirmation": table("""
        id                       CiString(36)       1
        authorization_reference  CiString(36)       1
        total_costs              Price              1
        currency                 CiString(3)        1
        eft_data                 CiString(255)      +
        capture_status_code      CaptureStatusCode  1
        capture_status_message   CiString(255)      ?
        last_updated             DateTime           1
    """),
}

TABLES_2_3_0: Final[dict[str, tuple[Field, ...]]] = {**TABLES, **_CHANGED, **_NEW}
