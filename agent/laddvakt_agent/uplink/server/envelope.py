"""The envelope of every response, also of the errors. Source: transport_and_format. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from laddvakt_agent.uplink.serving import Missing, Refused, Reply
from laddvakt_agent.uplink.text import date_time, string

_MESSAGE_MAX = 512
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A response, ready to be written."""

    http_status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def outgoing(reply: Reply, headers: Mapping[str, str], now: datetime) -> Outgoing:
    """The reply in its envelope; `now`: aware, told as the timestamp."""
    envelope: dict[str, object] = {}
    if reply.data is not Missing.DATA:
        envelope["data"] = reply.data
    envelope["status_code"] = reply.status_code
    if reply.message is not None:
        envelope["status_message"] = string(reply.message, _MESSAGE_MAX)
    envelope["timestamp"] = date_time(now)
    return Outgoing(
        http_status=reply.http_status,
        body=_encoder.encode(envelope),
        headers={**headers, **reply.headers},
    )


def refusal(refused: Refused, headers: Mapping[str, str] | None = None) -> Reply:
    """A refusal as a reply."""
    return Reply(
        data=refused.data,
        http_status=refused.http_status,
        status_code=refused.status_code,
        message=str(refused),
        headers={} if headers is None else headers,
    )
