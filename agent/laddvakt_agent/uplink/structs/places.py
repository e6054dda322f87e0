"""The helper classes of a Location that other objects use, too. Source: mod_locations, types."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from laddvakt_agent.uplink.structs.enums import (
    EnergySourceCategory,
    EnvironmentalImpactCategory,
    ImageCategory,
    TokenType,
)
from laddvakt_agent.uplink.structs.kinds import (
    Ci36,
    Clock,
    Language,
    Latitude,
    Longitude,
    Text64,
    Text512,
    Url,
)
from laddvakt_agent.uplink.structs.plan import Object
from laddvakt_agent.uplink.structs.rules import Ci, Text, Whole


class DisplayText(Object, frozen=True, kw_only=True):
    """types, DisplayText."""

    language: Language
    text: Text512


class GeoLocation(Object, frozen=True, kw_only=True):
    """mod_locations, GeoLocation: decimal degrees as text."""

    latitude: Latitude
    longitude: Longitude

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """The regular expressions allow places that Earth does not have."""
        yield from off_earth(self.latitude, self.longitude, strict=strict)


class AdditionalGeoLocation(Object, frozen=True, kw_only=True):
    """mod_locations, AdditionalGeoLocation."""

    latitude: Latitude
    longitude: Longitude
    name: DisplayText | None = None

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """As in a GeoLocation."""
        yield from off_earth(self.latitude, self.longitude, strict=strict)


class Image(Object, frozen=True, kw_only=True):
    """mod_locations, Image: width and height in pixels."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[str, Ci(4)]
    width: Annotated[int, Whole(0, 99_999)] | None = None
    height: Annotated[int, Whole(0, 99_999)] | None = None


class BusinessDetails(Object, frozen=True, kw_only=True):
    """mod_locations, BusinessDetails."""

    name: Annotated[str, Text(100)]
    website: Url | None = None
    logo: Image | None = None


class EnergySource(Object, frozen=True, kw_only=True):
    """mod_locations, EnergySource."""

    source: EnergySourceCategory
    percentage: Decimal


class EnvironmentalImpact(Object, frozen=True, kw_only=True):
    """mod_locations, EnvironmentalImpact: amount in g/kWh."""

    category: EnvironmentalImpactCategory
    amount: Decimal


class EnergyMix(Object, frozen=True, kw_only=True):
    """mod_locations, EnergyMix."""

    is_green_energy: bool
    energy_sources: tuple[EnergySource, ...] = ()
    environ_impact: tuple[EnvironmentalImpact, ...] = ()
    supplier_name: Text64 | None = None
    energy_product_name: Text64 | None = None


class RegularHours(Object, frozen=True, kw_only=True):
    """mod_locations, RegularHours: weekday 1 is Monday, times are local."""

    weekday: Annotated[int, Whole(1, 7)]
    period_begin: Clock
    period_end: Clock


class ExceptionalPeriod(Object, frozen=True, kw_only=True):
    """mod_locations, ExceptionalPeriod."""

    period_begin: datetime
    period_end: datetime


class Hours(Object, frozen=True, kw_only=True):
    """mod_locations, Hours."""

    twentyfourseven: bool
    regular_hours: tuple[RegularHours, ...] = ()
    exceptional_openings: tuple[ExceptionalPeriod, ...] = ()
    exceptional_closings: tuple[ExceptionalPeriod, ...] = ()

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """Regular hours say when it is open, unless it always is."""
        if strict and self.twentyfourseven and self.regular_hours:
            yield "regular_hours", "are given for a place always open", "leave them out"


class PublishTokenType(Object, frozen=True, kw_only=True):
    """mod_locations, PublishTokenType."""

    uid: Ci36 | None = None
    type: TokenType | None = None
    visual_number: Text64 | None = None
    issuer: Text64 | None = None
    group_id: Ci36 | None = None

    def conflicts(self, *, strict: bool) -> Iterator[tuple[str, str, str]]:
        """The rules above the table."""
        del strict
        if self.uid is None and self.visual_number is None and self.group_id is None:
            yield "uid", "is missing", "give it, a visual_number or a group_id"
        if self.uid is not None and self.type is None:
            yield "type", "is missing", "a uid needs it"
        if self.visual_number is not None and self.issuer is None:
            yield "issuer", "is missing", "a visual_number needs it"


def off_earth(latitude: str, longitude: str, *, strict: bool) -> Iterator[tuple[str, str, str]]:
    """Degrees beyond the poles or the date line, in what we send."""
    for name, degrees, most in (("latitude", latitude, 90), ("longitude", longitude, 180)):
        if strict and abs(float(degrees)) > most:
            yield name, f"is {degrees}", f"write a value from -{most} to {most}"
