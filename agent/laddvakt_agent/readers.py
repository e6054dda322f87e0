"""Puts together who may charge and where cards are shown, from the configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from laddvakt_agent.card_desk import CardDesk
from laddvakt_agent.config import Config, ReaderConfig
from laddvakt_agent.guard import Guard
from laddvakt_agent.journal import Journal
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.ledger.thread import LedgerThread
from laddvakt_agent.permits import Permits
from laddvakt_agent.published import TokenRef
from laddvakt_agent.uplink.tokens.authorising import Authoriser
from laddvakt_agent.uplink.tokens.book import TokenBook
from laddvakt_hal.card_reader import SerialCardReader
from laddvakt_hal.settings import SerialSettings


def permits(
    config: Config,
    ledger: Ledger,
    thread: LedgerThread,
    guards: Mapping[str, Guard],
    now_s: Callable[[], float],
) -> Permits:
    """Who may charge here; which platforms can be asked is told once they are known."""
    station = config.station
    authoriser = Authoriser(
        listed={token.uid.casefold(): token for token in listed(config)},
        own=(station.country_code, station.party_id),
        location_id=station.location_id,
        book=TokenBook(file=ledger.tokens, thread=thread),
        now_s=now_s,
        within_s=station.authorise_within_s,
        unknown_offline=station.unknown_offline == "allow",
    )
    return Permits(authoriser=authoriser, guards=guards, now_s=now_s)


def listed(config: Config) -> tuple[TokenRef, ...]:
    """The configuration's own tokens."""
    station = config.station
    return tuple(
        TokenRef(
            uid=token.uid,
            type=token.type,
            contract_id=token.contract_id,
            country_code=token.country_code or station.country_code,
            party_id=token.party_id or station.party_id,
        )
        for token in config.token
    )


def desks(
    config: Config,
    permits: Permits,
    journal: Journal,
    now_s: Callable[[], float],
    step: Callable[[Guard], None],
) -> tuple[CardDesk, ...]:
    """One for each reader; no port is open yet."""

    def wrote(who: str, verb: str, guard: Guard, detail: str) -> None:
        connector = guard.settings.connector
        journal.command(who=who, verb=verb, connector=connector, detail=detail, outcome="done")

    made = []
    for reader in config.reader:
        desk = CardDesk(
            guards=tuple(permits.guards[name] for name in reader.connectors or permits.guards),
            permits=permits,
            now_s=now_s,
            step=step,
            wrote=wrote,
        )
        desk.reader = _reader(reader, now_s, desk)
        made.append(desk)
    return tuple(made)


def _reader(reader: ReaderConfig, now_s: Callable[[], float], desk: CardDesk) -> SerialCardReader:
    return SerialCardReader(
        settings=SerialSettings(name=reader.name, port=reader.port, baud=reader.baud),
        format=reader.format,
        clock=now_s,
        on_card=desk.presented,
        reverse=reader.reverse,
    )
