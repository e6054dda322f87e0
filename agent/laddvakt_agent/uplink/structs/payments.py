"""Payment terminals and captures (2.3.0). Source: mod_payments of the Payments document."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import CaptureStatusCode, InvoiceCreator
from laddvakt_agent.uplink.structs.kinds import Ci36, CountryCode, PartyId, Url
from laddvakt_agent.uplink.structs.places import GeoLocation
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.prices import Price
from laddvakt_agent.uplink.structs.rules import Ci, Text

_Message = Annotated[str, Ci(255)]
# CiString in the table; place names are not ASCII everywhere, so received ones may be more.
_Street = Annotated[str, Text(45)]


class Terminal(Object, frozen=True, kw_only=True):
    """mod_payments, Terminal."""

    terminal_id: Ci36
    customer_reference: Ci36 | None = None
    party_id: PartyId | None = None
    country_code: CountryCode | None = None
    address: _Street | None = None
    city: _Street | None = None
    postal_code: Annotated[str, Ci(10)] | None = None
    state: Annotated[str, Text(20)] | None = None
    country: Annotated[str, Ci(3, pattern="[A-Za-z]{3}", like="SWE")] | None = None
    coordinates: GeoLocation | None = None
    invoice_base_url: Url | None = None
    invoice_creator: InvoiceCreator | None = None
    reference: Ci36 | None = None
    location_ids: tuple[Ci36, ...] = ()
    evse_uids: tuple[Ci36, ...] = ()
    last_updated: datetime


class FinancialAdviceConfirmation(Object, frozen=True, kw_only=True):
    """mod_payments, FinancialAdviceConfirmation."""

    id: Ci36
    authorization_reference: Ci36
    total_costs: Price
    currency: Annotated[str, Ci(3, pattern="[A-Za-z]{3}", like="SEK")]
    eft_data: tuple[_Message, ...]
    capture_status_code: CaptureStatusCode
    capture_status_message: _Message | None = None
    last_updated: datetime
