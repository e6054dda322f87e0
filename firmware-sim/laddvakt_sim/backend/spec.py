"""One version of OCPI as this backend has transcribed it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from laddvakt_sim.backend.enums import ENUMS, OPEN_2_2_1
from laddvakt_sim.backend.enums_230 import ENUMS_2_3_0, OPEN_2_3_0
from laddvakt_sim.backend.tables import TABLES
from laddvakt_sim.backend.tables_230 import TABLES_2_3_0

if TYPE_CHECKING:
    from collections.abc import Mapping

    from laddvakt_sim.backend.rows import Field

DEFAULT_VERSION: Final = "2.2.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The tables and value lists of one version."""

    version: str
    tables: Mapping[str, tuple[Field, ...]]
    enums: Mapping[str, frozenset[str]]
    open_enums: frozenset[str]  # value lists that anybody may add to
    open_objects: bool  # fields the tables do not name are allowed (2.3.0, Non-specified fields)


SPECS: Final[dict[str, Spec]] = {
    "2.2.1": Spec(
        version="2.2.1", tables=TABLES, enums=ENUMS, open_enums=OPEN_2_2_1, open_objects=False
    ),
    "2.3.0": Spec(
        version="2.3.0",
        tables=TABLES_2_3_0,
        enums=ENUMS_2_3_0,
        open_enums=OPEN_2_3_0,
        open_objects=True,
    ),
}
