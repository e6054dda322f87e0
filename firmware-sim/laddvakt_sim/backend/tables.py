"""Every object table of OCPI 2.2.1 this receiver knows, by class name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from laddvakt_sim.backend.tables_billing import BILLING_TABLES
from laddvakt_sim.backend.tables_locations import LOCATION_TABLES
from laddvakt_sim.backend.tables_parties import PARTY_TABLES

if TYPE_CHECKING:
    from laddvakt_sim.backend.rows import Field

TABLES: Final[dict[str, tuple[Field, ...]]] = {
    **LOCATION_TABLES,
    **BILLING_TABLES,
    **PARTY_TABLES,
}
