"""Names for the types that the tables use most."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from laddvakt_agent.uplink.structs.plan import Since, Until
from laddvakt_agent.uplink.structs.rules import Ci, Text
from laddvakt_agent.uplink.version import Version

NEW = Since(Version.V2_3_0)
NEW_AND_REQUIRED = Since(Version.V2_3_0, required=True)
NEW_AND_OURS = Since(Version.V2_3_0, ours=True)
OLD = Until(Version.V2_2_1)

CountryCode: TypeAlias = Annotated[
    str, Ci(2, exactly=True, pattern="[A-Za-z]{1,2}", like="SE, as ISO 3166-1 alpha-2 has it")
]
PartyId: TypeAlias = Annotated[
    str, Ci(3, exactly=True, pattern="[A-Za-z0-9]{1,3}", like="LVK, three letters or digits")
]
Country: TypeAlias = Annotated[
    str, Text(3, exactly=True, pattern="[A-Za-z]{3}", like="SWE, as ISO 3166-1 alpha-3 has it")
]
Currency: TypeAlias = Annotated[
    str, Text(3, exactly=True, pattern="[A-Za-z]{3}", like="SEK, as ISO 4217 has it")
]
Language: TypeAlias = Annotated[
    str, Text(2, exactly=True, pattern="[A-Za-z]{2}", like="sv, as ISO 639-1 has it")
]
Ci36: TypeAlias = Annotated[str, Ci(36)]
Ci39: TypeAlias = Annotated[str, Ci(39)]
Text10: TypeAlias = Annotated[str, Text(10)]
Text16: TypeAlias = Annotated[str, Text(16)]
Text45: TypeAlias = Annotated[str, Text(45)]
Text64: TypeAlias = Annotated[str, Text(64)]
Text255: TypeAlias = Annotated[str, Text(255)]
Text512: TypeAlias = Annotated[str, Text(512)]
Text5000: TypeAlias = Annotated[str, Text(5000)]
Url: TypeAlias = Annotated[
    str,
    Text(
        255,
        shown=True,
        pattern=r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+",
        like="https://example.com/path, in 255 characters at most",
    ),
]
WebUrl: TypeAlias = Annotated[
    str,
    Text(
        255,
        pattern=r"[Hh][Tt][Tt][Pp][Ss]?://[\x21-\x7e]+",
        like="https://example.com/path, in 255 characters at most",
    ),
]
Clock: TypeAlias = Annotated[
    str, Text(5, pattern="([01][0-9]|2[0-3]):[0-5][0-9]", like="08:30, from 00:00 to 23:59")
]
Day: TypeAlias = Annotated[
    str,
    Text(
        10,
        pattern="[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])",
        like="2027-03-01",
    ),
]
Latitude: TypeAlias = Annotated[
    str,
    Text(10, pattern=r"-?[0-9]{1,2}\.[0-9]{5,7}", like="59.329300, in 10 characters at most"),
]
Longitude: TypeAlias = Annotated[
    str,
    Text(11, pattern=r"-?[0-9]{1,3}\.[0-9]{5,7}", like="18.068600, in 11 characters at most"),
]
