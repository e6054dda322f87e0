"""Our own objects: the custom module's Fault, and the short form that an EVSE carries (2.3.0)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from laddvakt_agent.uplink.structs.kinds import Ci36
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.rules import Ci

_Code = Annotated[str, Ci(64)]


class EvseFault(Object, frozen=True, kw_only=True):
    """A standing fault in the EVSE's `faults`; its `id` is that in the custom module."""

    id: Ci36
    code: _Code
    severity: _Code
    started_at: datetime
    cause: _Code
    connector_id: Ci36 | None = None
    mrec: _Code | None = None
    ocpp16: _Code | None = None
    locked_out: bool


class Fault(Object, frozen=True, kw_only=True):
    """A fault from raised to cleared; `evse_uid` is "#NA" when it is the whole station's."""

    id: Ci36
    code: _Code
    severity: _Code
    location_id: Ci36
    evse_uid: Ci36
    connector_id: Ci36 | None = None
    started_at: datetime
    cleared_at: datetime | None = None
    cause: _Code
    symptoms: tuple[_Code, ...] = ()
    mrec: _Code | None = None
    ocpp16: _Code | None = None
    locked_out: bool
    last_updated: datetime
