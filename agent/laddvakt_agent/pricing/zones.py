"""Local time at a charger: from an IANA name, or from where it stands if that leaves no doubt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from laddvakt_agent.core import tariff as core
from laddvakt_agent.pricing.errors import ZoneUnknown

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)
_STEP = timedelta(hours=6)  # no place changes its offset twice within it
_MARGIN = timedelta(days=2)

# ISO 3166-1 alpha-2 and alpha-3 of countries that have one civil time, and that time by tzdata.
_ONE_TIME = """
AD AND Europe/Andorra|AE ARE Asia/Dubai|AL ALB Europe/Tirane|AM ARM Asia/Yerevan
AT AUT Europe/Vienna|AZ AZE Asia/Baku|BA BIH Europe/Sarajevo|BE BEL Europe/Brussels
BG BGR Europe/Sofia|BY BLR Europe/Minsk|CH CHE Europe/Zurich|CO COL America/Bogota
CR CRI America/Costa_Rica|CZ CZE Europe/Prague|DE DEU Europe/Berlin|DK DNK Europe/Copenhagen
EE EST Europe/Tallinn|EG EGY Africa/Cairo|FI FIN Europe/Helsinki|FO FRO Atlantic/Faroe
FR FRA Europe/Paris|GB GBR Europe/London|GE GEO Asia/Tbilisi|GG GGY Europe/Guernsey
GI GIB Europe/Gibraltar|GR GRC Europe/Athens|HK HKG Asia/Hong_Kong|HR HRV Europe/Zagreb
HU HUN Europe/Budapest|IE IRL Europe/Dublin|IL ISR Asia/Jerusalem|IM IMN Europe/Isle_of_Man
IN IND Asia/Kolkata|IS ISL Atlantic/Reykjavik|IT ITA Europe/Rome|JE JEY Europe/Jersey
JO JOR Asia/Amman|JP JPN Asia/Tokyo|KE KEN Africa/Nairobi|KR KOR Asia/Seoul
KW KWT Asia/Kuwait|LI LIE Europe/Vaduz|LT LTU Europe/Vilnius|LU LUX Europe/Luxembourg
LV LVA Europe/Riga|MA MAR Africa/Casablanca|MC MCO Europe/Monaco|MD MDA Europe/Chisinau
ME MNE Europe/Podgorica|MK MKD Europe/Skopje|MT MLT Europe/Malta|NL NLD Europe/Amsterdam
NO NOR Europe/Oslo|OM OMN Asia/Muscat|PL POL Europe/Warsaw|QA QAT Asia/Qatar
RO ROU Europe/Bucharest|RS SRB Europe/Belgrade|SA SAU Asia/Riyadh|SE SWE Europe/Stockholm
SG SGP Asia/Singapore|SI SVN Europe/Ljubljana|SK SVK Europe/Bratislava|SM SMR Europe/San_Marino
TH THA Asia/Bangkok|TN TUN Africa/Tunis|TR TUR Europe/Istanbul|TW TWN Asia/Taipei
UA UKR Europe/Kyiv|VA VAT Europe/Vatican|ZA ZAF Africa/Johannesburg
AR ARG America/Argentina/Buenos_Aires|BH BHR Asia/Bahrain|CN CHN Asia/Shanghai|CY CYP Asia/Nicosia
LB LBN Asia/Beirut|LK LKA Asia/Colombo|MY MYS Asia/Kuala_Lumpur|NP NPL Asia/Kathmandu
PE PER America/Lima|PH PHL Asia/Manila|PK PAK Asia/Karachi|UY URY America/Montevideo
VN VNM Asia/Ho_Chi_Minh
"""
_SPAIN, _PORTUGAL = ("ES", "ESP"), ("PT", "PRT")


def zone(name: str, from_at: datetime, to_at: datetime) -> core.Zone:
    """Local time in a time zone, good for all moments between two.

    Raises:
        ZoneUnknown: the system's time zone data has no such name.
    """
    since, ahead = _offsets(name, from_at.date().toordinal(), to_at.date().toordinal())
    return core.Zone(since_us=since, ahead_us=ahead)


def micros(moment: datetime) -> int:
    """An aware datetime as microseconds since 1970."""
    return (moment - _EPOCH) // _US


def moment(micros_since: int) -> datetime:
    """And back."""
    return _EPOCH + micros_since * _US


def zone_name(country: str, latitude: float | None, longitude: float | None) -> str:
    """The time zone of a place; `country` is alpha-2 or alpha-3.

    Raises:
        ZoneUnknown: the country has several, or is not known here.
    """
    country = country.upper()
    for row in _ONE_TIME.replace("\n", "|").split("|"):
        if country in row.split()[:2]:
            return row.split()[2]
    if country in _SPAIN:  # where nothing says that it is an island it is none
        return "Atlantic/Canary" if latitude is not None and latitude < 31.0 else "Europe/Madrid"
    if country in _PORTUGAL:
        if longitude is None or longitude >= -12.0:
            return "Europe/Lisbon"
        return "Atlantic/Azores" if longitude < -20.0 else "Atlantic/Madeira"
    raise ZoneUnknown(f"the country {country} alone does not say which local time holds there")


@lru_cache(maxsize=64)
def _offsets(name: str, first_day: int, last_day: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    try:
        place = ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ZoneUnknown(f"this system knows no time zone {name!r}") from error
    at = datetime.fromordinal(first_day).replace(tzinfo=UTC) - _MARGIN
    end = datetime.fromordinal(last_day).replace(tzinfo=UTC) + _MARGIN
    since, ahead = [micros(at)], [_ahead(place, at)]
    while at < end:
        if _ahead(place, at + _STEP) != ahead[-1]:
            since.append(micros(_change(place, at)))
            ahead.append(_ahead(place, at + _STEP))
        at += _STEP
    return tuple(since), tuple(ahead)


def _change(place: ZoneInfo, low: datetime) -> datetime:
    """The second in which the offset changes, in the step after `low`."""
    before, span = _ahead(place, low), int(_STEP.total_seconds())
    while span > 1:
        half = span // 2
        if _ahead(place, low + timedelta(seconds=half)) == before:
            low, span = low + timedelta(seconds=half), span - half
        else:
            span = half
    return low + timedelta(seconds=1)


def _ahead(place: ZoneInfo, at: datetime) -> int:
    return (at.astimezone(place).utcoffset() or timedelta()) // _US
