"""Takes in payment terminals and captures; mod_payments of the Payments document, Receiver.

The payment provider owns both kinds of objects. It tells us of a terminal; which of our EVSEs that
one serves is ours to say, see `payments_part`. Invoices are the provider's: no CDR of ours names
one, so captures are kept for whoever asks, and nothing is made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
import structlog

from laddvakt_agent.ledger.errors import StorageError
from laddvakt_agent.ledger.payments import PaymentBook, PaymentRow
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.serving import Asked, Caller, Refused, Reply, Role, not_allowed
from laddvakt_agent.uplink.structs.payments import FinancialAdviceConfirmation, Terminal
from laddvakt_agent.uplink.text import Content, date_time
from laddvakt_agent.uplink.version import Version

TERMINALS = "terminals"
ADVICES = "financial-advice-confirmations"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalPlace:
    """A terminal that was put up here: known by its id, or by what is printed on it."""

    id: str | None = None  # ≤ 36 characters
    reference: str | None = None
    location_ids: tuple[str, ...] = ()  # that it serves whole
    evse_uids: tuple[str, ...] = ()  # that it serves

    def is_(self, terminal: Terminal) -> bool:
        """Whether this is the one."""
        return _same(self.id, terminal.terminal_id) or _same(self.reference, terminal.reference)

    def assigned(self, terminal: Terminal, at: datetime) -> Terminal:
        """The terminal with what it serves; later than whatever was said of it before."""
        return msgspec.structs.replace(
            terminal,
            location_ids=self.location_ids,
            evse_uids=self.evse_uids,
            last_updated=max(at, terminal.last_updated),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentsReceiver:
    """The module as the server serves it; there only for platforms with terminals here."""

    places: Mapping[str, tuple[TerminalPlace, ...]]  # by the platform's name
    book: PaymentBook
    thread: LedgerThread
    wall: Callable[[], datetime]
    wake: Callable[[], None]  # somebody must be told what a terminal serves
    identifier: str = "payments"
    role: Role = Role.RECEIVER
    versions: frozenset[Version] = frozenset({Version.V2_3_0})

    def offered_to(self, caller: Caller) -> bool:
        """To platforms whose terminals stand here."""
        return caller.registered and caller.name in self.places

    async def answer(self, asked: Asked) -> Reply:
        """GET or POST of one object.

        Raises:
            Refused: it cannot be done, or must not be.
        """
        try:
            match asked.segments:
                case [("terminals" | "financial-advice-confirmations") as kind, id_]:
                    return await self._get(asked, kind, id_)
                case ["terminals"]:
                    return await self._terminal(_posted(asked))
                case ["financial-advice-confirmations"]:
                    return await self._advice(_posted(asked))
                case _:
                    pass
        except StorageError as error:
            log.error("payments_not_kept", reason=str(error))
            raise Refused(
                "payments cannot be kept now; try again later", status_code=3000
            ) from error
        raise Refused(
            f"there is {TERMINALS} here, and {ADVICES}", status_code=2000, http_status=404
        )

    async def _get(self, asked: Asked, kind: str, id_: str) -> Reply:
        if asked.method != "GET":
            raise not_allowed(asked, "GET")
        party = asked.caller.name
        row = await self.thread.call(lambda: self.book.get(party, kind, id_.casefold()))
        if row is None:
            raise Refused("there is no such object", status_code=2000, http_status=404)
        return Reply(data=msgspec.json.decode(row.body))

    async def _terminal(self, asked: Asked) -> Reply:
        # The document lets a new terminal be its id alone, though the table wants a time with it.
        body: dict[str, object] = {"last_updated": date_time(self.wall()), **_fields(asked)}
        terminal = _decoded(Terminal, body)
        places = self.places[asked.caller.name]
        place = next((place for place in places if place.is_(terminal)), None)
        if place is None:
            raise Refused(
                f"terminal {terminal.terminal_id} is not known at this charger: "
                "its operator must first name it or its reference there"
            )
        terminal = place.assigned(terminal, self.wall())
        reply = await self._keep(asked, TERMINALS, terminal.terminal_id, terminal, told=False)
        self.wake()
        return reply

    async def _advice(self, asked: Asked) -> Reply:
        advice = _decoded(FinancialAdviceConfirmation, _fields(asked))
        reply = await self._keep(asked, ADVICES, advice.id, advice, told=True)
        noted = {
            "platform": asked.caller.name,
            "id": advice.id,
            "authorization_reference": advice.authorization_reference,
        }
        if advice.capture_status_code == "SUCCESS":
            log.info("payment_captured", **noted)
        else:
            log.warning(
                "payment_not_captured",
                status=advice.capture_status_code,
                reason=advice.capture_status_message,
                remedy="ask the payment provider: the session of this reference is not fully paid",
                **noted,
            )
        return reply

    async def _keep(
        self, asked: Asked, kind: str, id_: str, made: structs.Object, *, told: bool
    ) -> Reply:
        content: Content = structs.encode(Version.V2_3_0, made)
        row = PaymentRow(
            party=asked.caller.name,
            kind=kind,
            id=id_.casefold(),
            body=msgspec.json.encode(content).decode(),
            told=told,
        )
        is_new = await self.thread.call(lambda: self.book.save(row))
        return Reply(http_status=201 if is_new else 200)


def _posted(asked: Asked) -> Asked:
    if asked.method != "POST":
        raise not_allowed(asked, "POST")
    return asked


def _fields(asked: Asked) -> dict[str, object]:
    if not isinstance(asked.body, dict):
        raise Refused("one object belongs into the body")
    return {name: value for name, value in asked.body.items() if value is not None}


def _decoded(what: type[structs.T], body: object) -> structs.T:
    try:
        return structs.decode(Version.V2_3_0, what, body)
    except structs.Invalid as invalid:
        raise Refused(str(invalid)) from invalid


def _same(ours: str | None, theirs: str | None) -> bool:
    """As CiStrings compare; nothing is the same as nothing."""
    return ours is not None and theirs is not None and ours.casefold() == theirs.casefold()
