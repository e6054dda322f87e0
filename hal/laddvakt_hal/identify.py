"""What a device on a line is, by the registers its profile names for that; nothing is written.

Rows that change when they are read are never touched, not even those of another candidate that
would lie under a read. A profile that names no such registers can only be `possible`: the rows
that fewest others have answer and say something plausible.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from laddvakt_hal.errors import Garbled, NoReply, Refused
from laddvakt_hal.frame import Request
from laddvakt_hal.profile_values import value_of
from laddvakt_hal.settings import SerialSettings
from laddvakt_hal.survey_io import clearing_row
from laddvakt_hal.survey_line import NotAllowed, probe_timing_on
from laddvakt_hal.survey_sunspec import find_sunspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from laddvakt_hal.codec import Value
    from laddvakt_hal.profile_model import Identity, Profile, Row
    from laddvakt_hal.survey_line import Channel
    from laddvakt_hal.turns import Reply

SAMPLES = 3  # rows of a profile without identity that must answer plausibly
_NO_NAMES = (0, 1, 0xFFFF, 0xFFFFFFFF)  # what any register may say


class Confidence(enum.IntEnum):
    """How sure a match is; smaller is surer."""

    CERTAIN = 0  # a register says a value only this kind says
    LIKELY = 1  # every register that should tell is there, but any value will do
    POSSIBLE = 2  # nothing tells; its own rows answer and are plausible


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A profile the device may have, and why."""

    profile: Profile
    confidence: Confidence
    evidence: tuple[str, ...]
    at_factory_settings: bool = False  # it answers at this profile's own speed and unit
    shared: int = 0  # how many other profiles have the rows that spoke for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """What was found: matches, the best first; `reads` counts the questions asked."""

    unit: int
    matches: tuple[Match, ...]
    reads: int
    silent: bool = False  # nobody answered at all

    @property
    def best(self) -> Match | None:
        """The best match, `None` when nothing fits."""
        return self.matches[0] if self.matches else None

    @property
    def others(self) -> tuple[Match, ...]:
        """What it could also be: as sure as the best."""
        return tuple(m for m in self.matches[1:] if m.confidence is self.matches[0].confidence)


async def identify(
    line: Channel,
    unit: int,
    profiles: Iterable[Profile],
    on_progress: Callable[[str], None] = lambda _: None,
) -> Identified:
    """Try every profile against the device, the likeliest first.

    Raises:
        HalError: BusDown or LineTrouble; a silent device is an answer, not an error.
        NotAllowed: whoever holds the line asks it nothing.
    """
    line.set_timing(unit, probe_timing_on(line.settings))
    candidates = sorted(profiles, key=lambda profile: _unlikely(profile, line, unit))
    asker = _Asker(line, unit, candidates)
    matches: list[Match] = []
    for profile in candidates:
        if asker.gives_up:
            break
        on_progress(profile.id)
        match = await _try(asker, profile)
        if match is not None:
            matches.append(match)
    if asker.refused is not None and not asker.heard:
        raise asker.refused
    matches.sort(key=lambda m: (m.confidence, m.shared, not m.at_factory_settings))
    return Identified(unit=unit, matches=tuple(matches), reads=asker.asked, silent=not asker.heard)


class _Asker:
    """Reads rows once each, whoever wants them, and none that a read would change."""

    def __init__(self, line: Channel, unit: int, profiles: Sequence[Profile]) -> None:
        self.line = line
        self.unit = unit
        self.asked = 0
        self.heard = False
        self.refused: NotAllowed | None = None  # the latest question that was not carried out
        self._silences = 0
        self._known: dict[tuple[int, int, int], Reply | None] = {}
        everywhere = [row for profile in profiles for row in profile.rows.values()]
        self._changing = tuple(row for row in everywhere if row.clears)
        self._places = Counter((row.function, row.addr) for row in everywhere)

    @property
    def gives_up(self) -> bool:
        """True once the device has said nothing three times and never anything."""
        return not self.heard and self._silences >= 3

    def may_read(self, row: Row) -> bool:
        """True when nothing anybody might have there is changed by reading it."""
        if not row.readable or row.clears:
            return False
        return clearing_row(self._changing, row.function, row.addr, row.count) is None

    def usual(self, row: Row) -> int:
        """How many profiles have something at the row's address."""
        return self._places[row.function, row.addr]

    async def read(self, row: Row, profile: Profile) -> Value | None:
        """The row's value as the profile reads it, `None` where there is none."""
        key = (int(row.function), row.addr, row.count)
        if key not in self._known:
            self._known[key] = await self._ask(row)
        reply = self._known[key]
        if reply is None:
            return None
        if row.type.is_bit:
            return reply.bits[0]
        return value_of(profile, row, reply.words, reply.taken_at_s, is_factor=False).value

    async def _ask(self, row: Row) -> Reply | None:
        request = Request(unit=self.unit, function=row.function, address=row.addr, count=row.count)
        for _ in range(2):
            self.asked += 1
            try:
                reply = await self.line.transact(request)
            except NoReply:
                self._silences += 1
                if self.gives_up:
                    return None
            except Garbled:
                continue
            except Refused:
                self.heard = True
                return None
            except NotAllowed as error:  # too long for a line that others need
                self.refused = error
                return None
            else:
                self.heard = True
                return reply
        return None


async def _try(asker: _Asker, profile: Profile) -> Match | None:
    if profile.discovery is not None:
        return await _try_sunspec(asker, profile)
    points = [point for point in profile.identity if asker.may_read(profile.rows[point.quantity])]
    if len(points) < len(profile.identity):
        return None  # a point that must not be read leaves it open: not all of them can match
    if points:
        return await _try_identity(asker, profile, points)
    return await _try_samples(asker, profile)


async def _try_identity(
    asker: _Asker, profile: Profile, points: Sequence[Identity]
) -> Match | None:
    evidence = []
    tells = False
    for point in points:
        value = await asker.read(profile.rows[point.quantity], profile)
        if value is None or not point.matches(value):
            return None
        evidence.append(f"{point.quantity} = {value}")
        tells = tells or bool(point.texts) or any(v not in _NO_NAMES for v in point.values)
    confidence = Confidence.CERTAIN if tells else Confidence.LIKELY
    return _match(asker, profile, confidence, evidence)


async def _try_samples(asker: _Asker, profile: Profile) -> Match | None:
    rows = sorted(
        (row for row in profile.rows.values() if asker.may_read(row)),
        key=lambda row: (asker.usual(row), row.confidence),
    )
    evidence = []
    for row in rows[:SAMPLES]:
        value = await asker.read(row, profile)
        if value is None:
            return None
        evidence.append(f"{row.quantity} = {value}")
    if not rows:
        return None
    shared = sum(asker.usual(row) - 1 for row in rows[:SAMPLES])
    return replace(_match(asker, profile, Confidence.POSSIBLE, evidence), shared=shared)


async def _try_sunspec(asker: _Asker, profile: Profile) -> Match | None:
    wanted = profile.discovery
    if wanted is None:
        return None
    found = await find_sunspec(asker.line, asker.unit, wanted.bases, wanted.models)
    if found is None:
        return None
    asker.heard = True
    named = " ".join(text for text in (found.maker, found.name) if text)
    evidence = [f"SunSpec at {found.base}, model {found.model}", *([named] if named else [])]
    return _match(asker, profile, Confidence.CERTAIN, evidence)


def _match(
    asker: _Asker, profile: Profile, confidence: Confidence, evidence: Sequence[str]
) -> Match:
    return Match(
        profile=profile,
        confidence=confidence,
        evidence=tuple(evidence),
        at_factory_settings=_unlikely(profile, asker.line, asker.unit)[:2] == (False, False),
    )


def _unlikely(profile: Profile, line: Channel, unit: int) -> tuple[bool, bool, bool, str]:
    """Sorts: the profile whose factory settings these are first, those without identity last."""
    settings = line.settings
    if isinstance(settings, SerialSettings):
        its = (profile.baud, profile.parity, profile.stop_bits)
        elsewhere = its != (settings.baud, settings.parity, settings.stop_bits)
    else:
        elsewhere = profile.tcp_port is None
    nameless = not profile.identity and profile.discovery is None
    return elsewhere, profile.unit != unit, nameless, profile.id
