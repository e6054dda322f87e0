"""Which tariffs there are here, and which one holds for a session: [[tariff]] in the configuration.

A tariff stands in a file of the operator's, or belongs to a platform that is asked for it; what was
pulled is kept in the ledger, so that a restart without a network prices as before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import structlog

from laddvakt_agent.config.settings import Config, TariffConfig
from laddvakt_agent.ledger.ledger import Ledger
from laddvakt_agent.pricing.costs import text_of
from laddvakt_agent.pricing.errors import NotPriceable
from laddvakt_agent.pricing.tariffs import Known, known
from laddvakt_agent.uplink import costs, structs
from laddvakt_agent.uplink.serving import Caller, Party
from laddvakt_agent.uplink.settings import UplinkSettings
from laddvakt_agent.uplink.text import Content
from laddvakt_agent.uplink.version import Version

MAX_BYTES = 1_000_000  # a tariff is a few kB
MOST_PARTS = 250  # a week by the hour has 168; guarding must not wait for longer sums
_AD_HOC = "AD_HOC_USER"  # TokenType
_KINDS = {_AD_HOC: ("AD_HOC_PAYMENT", None, "REGULAR")}  # mod_tariffs, TariffType
_OTHERS = (None, "REGULAR")

log = structlog.get_logger()


@dataclass(slots=True, kw_only=True)
class TariffBook:
    """All tariffs of this station. Those of platforms come and change while it runs."""

    places: tuple[TariffConfig, ...] = ()
    files: Mapping[str, Known] = field(default_factory=dict)  # by their path
    pulled: dict[tuple[str, str], Known] = field(default_factory=dict)  # by platform and id
    revision: int = 0  # another one: something may be different
    _offered: dict[str, tuple[tuple[object, ...], dict[str, Content]]] = field(default_factory=dict)

    def chosen(self, connector: str, at: datetime, token_type: str) -> str | None:
        """The tariff of a session that begins now, as it is kept with it; `None`: it is free.

        The first in the configuration that is meant for this connector, holds at this time and is
        of a kind for this token. Preferences are not offered, so tariffs for them never hold.
        """
        there = [found for found in self.at(connector) if found.valid_at(at)]
        kinds = _KINDS.get(token_type, _OTHERS)
        for kind in (kinds[0], kinds[1:]) if token_type == _AD_HOC else (kinds,):
            wanted = kind if isinstance(kind, tuple) else (kind,)
            for found in there:
                if found.ocpi.type in wanted:
                    return text_of(found)
        return None

    def at(self, connector: str) -> Iterator[Known]:
        """Those for a connector that are known, in the order of the configuration."""
        for place in self.places:
            if not place.connectors or connector in place.connectors:
                found = self._of(place)
                if found is not None:
                    yield found

    def tariffs_for(self, caller: Caller) -> tuple[Content, ...]:
        """What this caller may see, each with its `last_updated`; for the Tariffs Sender."""
        return tuple(self.told(caller.name, caller.own, caller.version))

    def offered(self, settings: UplinkSettings) -> dict[str, Content]:
        """What is pushed to a platform that receives tariffs, by id and without `last_updated`."""
        known = self._offered.get(settings.name)
        key = (self.revision, settings.country_code, settings.party_id, settings.version)
        if known is None or known[0] != key:
            known = self._offered[settings.name] = (key, self._contents(settings))
        return known[1]

    def _contents(self, settings: UplinkSettings) -> dict[str, Content]:
        own = Party.of(settings.country_code, settings.party_id)
        told = self.told(settings.name, own, settings.version)
        return {
            str(content["id"]): {k: v for k, v in content.items() if k != "last_updated"}
            for content in told
        }

    def told(self, platform: str, own: Party, version: Version) -> list[Content]:
        """The tariffs here as our party tells them to a platform, in its version.

        Not those that came from it, nor what its version cannot say.
        """
        told: dict[str, Content] = {}
        for place in self.places:
            found = self._of(place)
            if found is None or place.uplink == platform:
                continue
            names = {"country_code": own.country_code, "party_id": own.party_id}
            body = {**structs.encode(found.version, found.ocpi), **names}
            content = costs.tariff(version, body, found.version)
            if content is not None:
                told.setdefault(found.core.id, content)
        return list(told.values())

    def take(self, platform: str, bodies: Iterable[object], version: Version) -> tuple[Known, ...]:
        """What a platform has now; one that cannot be read leaves what was known of it."""
        taken = []
        for body in bodies:
            try:
                found = _bounded(known(body if isinstance(body, dict) else {}, version))
            except (structs.Invalid, NotPriceable) as wrong:
                log.warning("tariff_not_readable", platform=platform, reason=str(wrong))
                continue
            if (platform, found.core.id.casefold()) in self._wanted():
                self.pulled[platform, found.core.id.casefold()] = found
                self.revision += 1
                taken.append(found)
        return tuple(taken)

    def platforms(self) -> frozenset[str]:
        """Whose tariffs are wanted."""
        return frozenset(platform for platform, _ in self._wanted())

    def wanted_of(self, platform: str) -> frozenset[str]:
        """The ids, in lower case."""
        return frozenset(id_ for name, id_ in self._wanted() if name == platform)

    def _wanted(self) -> frozenset[tuple[str, str]]:
        named = ((place.uplink, place.id) for place in self.places)
        return frozenset((uplink, id_.casefold()) for uplink, id_ in named if uplink and id_)

    def _of(self, place: TariffConfig) -> Known | None:
        if place.file is not None:
            return self.files.get(place.file)
        return self.pulled.get((place.uplink or "", (place.id or "").casefold()))


def opened(config: Config, ledger: Ledger) -> TariffBook:
    """The configuration's tariffs, with what was pulled before.

    A file that has become unreadable since the configuration was checked, or a row that is damaged,
    takes no session away: it is told, and sessions are without a cost.
    """
    files: dict[str, Known] = {}
    for place in config.tariff:
        if place.file is not None:
            try:
                files[place.file] = read_file(place.file)
            except NotPriceable as wrong:
                log.error("tariff_not_readable", file=place.file, reason=str(wrong))
    book = TariffBook(places=config.tariff, files=files)
    if not book.platforms():
        return book
    for row in ledger.tariffs.all():
        try:
            book.take(row.party, [json.loads(row.body, parse_float=Decimal)], Version(row.version))
        except ValueError as wrong:
            log.error("tariff_not_readable", platform=row.party, id=row.id, reason=str(wrong))
    return book


def ids_at(config: Config, connector: str) -> tuple[str, ...]:
    """The tariff ids of a connector: Connector.tariff_ids."""
    ids = (
        place.id if place.file is None else read_file(place.file).core.id
        for place in config.tariff
        if not place.connectors or connector in place.connectors
    )
    return tuple(dict.fromkeys(id_ for id_ in ids if id_))


@lru_cache(maxsize=64)
def read_file(path: str) -> Known:
    """A tariff of the operator's own, once in the life of this process.

    Raises:
        NotPriceable: it cannot be read, or breaks OCPI's tables; the message says what to mend.
    """
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise NotPriceable(f"{path}: cannot be read: {error.strerror}; check its path") from error
    if len(raw) > MAX_BYTES:
        raise NotPriceable(f"{path}: {len(raw)} bytes is no tariff; give one OCPI Tariff")
    try:
        body = json.loads(raw, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise NotPriceable(f"{path}: is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise NotPriceable(f"{path}: holds no object; give one OCPI Tariff")
    try:
        return _bounded(known(body))
    except (structs.Invalid, NotPriceable) as wrong:
        raise NotPriceable(f"{path}: {wrong}") from wrong


def _bounded(found: Known) -> Known:
    """A running session is priced between two looks at its safety.

    Raises:
        NotPriceable: that would take too long.
    """
    count = sum(len(element.components) for element in found.core.elements)
    if count > MOST_PARTS:
        raise NotPriceable(f"it has {count} price components; give at most {MOST_PARTS}")
    return found
