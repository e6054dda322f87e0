"""Hangs payment terminals on the agent: the receiver, and what their providers must hear.

Source: the Payments document, Terminal Assignment and Terminal Activation.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import structlog

from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.payments import PaymentRow
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.backoff import Backoff
from laddvakt_agent.uplink.client import join_url
from laddvakt_agent.uplink.errors import UplinkError
from laddvakt_agent.uplink.receivers.payments import TERMINALS, PaymentsReceiver, TerminalPlace
from laddvakt_agent.uplink.serving import Role
from laddvakt_agent.uplink.structs.payments import Terminal
from laddvakt_agent.uplink.text import Content, date_time
from laddvakt_agent.uplink.version import Version

if TYPE_CHECKING:
    from laddvakt_agent.config import Config
    from laddvakt_agent.uplink_parts import Context

ACTIVATED = "activation"  # a row for each reference that was activated
LOOK_S = 60.0
RETRY_MIN_S, RETRY_MAX_S = 30.0, 900.0
_ADDRESS = {"address": 45, "city": 45, "postal_code": 10, "country": 3}  # CiStrings

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class Payments:
    """Terminals of this station; `keep` tells their providers what they serve."""

    context: Context
    places: Mapping[str, tuple[TerminalPlace, ...]]
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    backoff: Backoff = field(
        default_factory=lambda: Backoff(
            random.Random(int.from_bytes(os.urandom(8))),
            min_s=RETRY_MIN_S,
            max_s=RETRY_MAX_S,
        )
    )

    @property
    def module(self) -> PaymentsReceiver:
        """Where providers tell us of their terminals."""
        clock = self.context.clock
        return PaymentsReceiver(
            places=self.places,
            book=self.context.ledger.payments,
            thread=self.context.thread,
            wall=lambda: clock.wall_at(clock.now_s()),
            wake=self.woken.set,
        )

    async def keep(self) -> None:
        """Tell whatever is to be told, and again where it did not arrive; runs until cancelled."""
        while True:
            self.woken.clear()
            now_s = self.context.clock.now_s
            try:
                await self.tell()
            except (UplinkError, StorageError) as error:
                self.backoff.failed(now_s())
                log.warning("terminal_not_told", reason=str(error), remedy=_remedy(error))
            else:
                self.backoff.succeeded()
            wait_s = self.backoff.remaining_s(now_s()) or LOOK_S
            try:
                await asyncio.wait_for(self.woken.wait(), wait_s)
            except TimeoutError:
                continue

    async def tell(self) -> None:
        """Ask for what is not active yet, and say what each terminal serves.

        One provider's trouble is no reason to leave the others waiting: they are told first.

        Raises:
            UplinkError: a provider did not take it.
            StorageError: the disk does not take it.
        """
        book, call = self.context.ledger.payments, self.context.thread.call
        known = await call(lambda: book.all(TERMINALS))
        active = {row.id for row in await call(lambda: book.all(ACTIVATED))}
        trouble: UplinkError | None = None
        for party in self.places:
            try:
                await self._tell(party, [row for row in known if row.party == party], active)
            except UplinkError as error:
                trouble = trouble or error
        if trouble is not None:
            raise trouble

    async def _tell(self, party: str, known: list[PaymentRow], active: set[str]) -> None:
        told = [_terminal(row) for row in known]
        for place in self.places[party]:
            if place.reference is None or place.reference.casefold() in active:
                continue
            if not any(place.is_(terminal) for terminal in told):
                await self._activate(party, place, place.reference)
        for row in known:
            if not row.told:
                await self._assign(row)

    async def _activate(self, party: str, place: TerminalPlace, reference: str) -> None:
        body: Content = {
            "reference": reference,
            "location_ids": list(place.location_ids),
            "evse_uids": list(place.evse_uids),
            **_where(self.context.config),
            "last_updated": self._now(),
        }
        if await self._send(party, "POST", ("activate",), body):
            row = PaymentRow(party=party, kind=ACTIVATED, id=reference.casefold(), body="{}")
            await self.context.thread.call(lambda: self.context.ledger.payments.save(row))

    async def _assign(self, row: PaymentRow) -> None:
        """A PATCH has no way to take the last one away: an empty list is told, too."""
        terminal = _terminal(row)
        body: Content = {
            "location_ids": list(terminal.location_ids),
            "evse_uids": list(terminal.evse_uids),
            "last_updated": date_time(terminal.last_updated),
        }
        if await self._send(row.party, "PATCH", (terminal.terminal_id,), body):
            told = PaymentRow(party=row.party, kind=row.kind, id=row.id, body=row.body)
            await self.context.thread.call(lambda: self.context.ledger.payments.save(told))

    async def _send(self, party: str, method: str, path: tuple[str, ...], body: Content) -> bool:
        """False: there is no agreement with payments now; it is looked for again."""
        outward = self.context.outwards().get(party)
        endpoint = None if outward is None else outward.endpoint("payments", Role.SENDER)
        if outward is None or endpoint is None or outward.version is Version.V2_2_1:
            return False
        sent = structs.checked(Version.V2_3_0, Terminal, body, patch=True)
        await outward.send(method, join_url(endpoint, TERMINALS, *path), sent)
        log.info("terminal_told", platform=party, method=method, path="/".join(path))
        return True

    def _now(self) -> str:
        clock = self.context.clock
        return date_time(clock.wall_at(clock.now_s()))


def payments(context: Context) -> Payments | None:
    """The part of the configured terminals; `None` without any."""
    places: dict[str, tuple[TerminalPlace, ...]] = {}
    config = context.config
    uids = {part.id: part.evse_uid for part in config.connector}
    for made in config.terminal:
        place = TerminalPlace(
            id=made.id,
            reference=made.reference,
            location_ids=() if made.connectors else (config.station.location_id,),
            evse_uids=tuple(uids[name] for name in made.connectors),
        )
        places[made.uplink] = (*places.get(made.uplink, ()), place)
    return Payments(context=context, places=places) if places else None


def _terminal(row: PaymentRow) -> Terminal:
    return structs.decode(Version.V2_3_0, Terminal, msgspec.json.decode(row.body))


def _where(config: Config) -> Content:
    """As far as it can be said in ASCII, which is all that these fields may hold."""
    station = config.station
    said: Content = {
        name: value
        for name, most in _ADDRESS.items()
        if (value := getattr(station, name)) and value.isascii() and len(value) <= most
    }
    return {
        **said,
        "country_code": station.country_code,
        "party_id": station.party_id,
        "coordinates": {"latitude": station.latitude, "longitude": station.longitude},
    }


def _remedy(error: Exception) -> str:
    usual = "look at the disk of this controller"
    return error.remedy if isinstance(error, UplinkError) else usual
