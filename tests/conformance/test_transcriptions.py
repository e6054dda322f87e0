"""The agent's structs and the simulated backend's tables are two readings of one specification.

Both were transcribed on their own; here they must say the same of every object in both versions:
field names, types, lengths, cardinalities, values of enumerations and which of those are open.
"""

from __future__ import annotations

import pytest

from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.structs import plan, rules
from laddvakt_agent.uplink.version import Version
from laddvakt_sim.backend.rows import Field
from laddvakt_sim.backend.spec import SPECS, Spec

# What the agent knows beyond the specification, on purpose.
OURS_ALONE = {
    ("2.3.0", "EVSE", "faults"),  # our own field: Non-specified JSON fields
}
# Where the specification contradicts itself or the world; each reading has its reason.
DISPUTED = {
    # CiString in the table, but places have other letters: the agent reads more than ASCII.
    *(("2.3.0", "Terminal", field) for field in ("address", "city", "state")),
    ("2.3.0", "CredentialsRole", "role"),  # PTP: the Payments document uses it, the list lacks it
}
ANY = "any length"
TEXTS = {"Latitude", "Longitude", "HourMinute", "LocalDate", "string"}
CODES = {"CiString", "TokenText"}
PLAIN = {"number": "number", "int": "int", "boolean": "boolean", "DateTime": "DateTime"}

RULES: dict[type, str] = {
    rules.Number: "number",
    rules.Whole: "int",
    rules.Flag: "boolean",
    rules.Moment: "DateTime",
}
# Not OCPI's: the custom fault module has no specification, its reader here is the stricter one.
NAMES = {
    name: found
    for name, found in structs.CLASSES.items()
    if name not in {"OfferedVersion", "EvseFault", "Fault", "Object"}
}
PAIRS = [
    pytest.param(version, name, id=f"{version} {name}")
    for version, spec in SPECS.items()
    for name in spec.tables
    if name in NAMES
]


def simulated(spec: Spec, row: Field) -> tuple[str, object, str]:
    """Cardinality and type of a row of the backend's tables, in words both have."""
    if row.kind in spec.enums:
        is_open = row.kind in spec.open_enums
        values = frozenset() if row.kind in {"ModuleID", "VersionNumber"} else spec.enums[row.kind]
        return "enum", values, f"{row.card}{' open' if is_open else ''}"
    if row.kind == "URL":
        return "text", 255, row.card
    if row.kind in TEXTS | CODES:
        return "code" if row.kind in CODES else "text", row.limit or ANY, row.card
    return PLAIN.get(row.kind, row.kind), None, row.card


def agents(version: Version, field: plan.Field) -> tuple[str, object, str]:
    """The same of a field of the agent's structs."""
    card = {(True, False): "1", (False, False): "?", (False, True): "*", (True, True): "+"}[
        (field.required, field.many)
    ]
    rule = field.rule
    if isinstance(rule, rules.OneOf):
        more = rule.earlier if version is Version.V2_2_1 else rule.later
        is_open = " open" if rule._is_open(version) else ""
        return "enum", frozenset(rule.values + more), card + is_open
    if isinstance(rule, rules.Text):
        return "code" if isinstance(rule, rules.Ci) else "text", rule.most, card
    if isinstance(rule, plan._Part):
        name = next(name for name, found in NAMES.items() if found is rule.of)
        # 2.3.0 gave the limits of a tariff a class of their own; before, they were prices.
        is_old_limit = name == "PriceLimit" and version is Version.V2_2_1
        return "Price" if is_old_limit else name, None, card
    return RULES[type(rule)], None, card


@pytest.mark.parametrize(("version", "name"), PAIRS)
def test_both_transcriptions_say_the_same(version: str, name: str) -> None:
    spec, number = SPECS[version], Version(version)
    theirs = {row.name: simulated(spec, row) for row in spec.tables[name]}
    ours = {
        field.wire: agents(number, field)
        for field in plan.plan(NAMES[name], number)
        if (version, name, field.wire) not in OURS_ALONE
    }
    assert ours.keys() == theirs.keys()
    for field, said in theirs.items():
        if (version, name, field) in DISPUTED:
            assert ours[field] != said, "no longer disputed"
            continue
        kind, size, card = ours[field]
        assert (kind, ANY if said[1] == ANY else size, card) == said, field


def test_the_old_limits_of_a_tariff_are_prices() -> None:
    """The agent has one class for both; in 2.2.1 its fields are those of a Price."""
    limit, price = (
        [agents(Version.V2_2_1, field) for field in plan.plan(NAMES[name], Version.V2_2_1)]
        for name in ("PriceLimit", "Price")
    )
    assert limit == price


def test_neither_knows_an_object_that_the_other_lacks() -> None:
    assert SPECS["2.3.0"].tables.keys() == NAMES.keys() | {"Fault"}


def test_the_difference_is_seen() -> None:
    """The comparison itself: another length, cardinality or list of values is not the same."""
    spec = SPECS["2.2.1"]
    row = Field(name="id", kind="CiString", limit=36, card="1")
    (ours,) = (
        agents(Version.V2_2_1, field)
        for field in plan.plan(NAMES["Location"], Version.V2_2_1)
        if field.wire == "id"
    )
    assert ours == simulated(spec, row)
    for other in (
        Field(name="id", kind="CiString", limit=39, card="1"),
        Field(name="id", kind="string", limit=36, card="1"),
        Field(name="id", kind="CiString", limit=36, card="?"),
        Field(name="id", kind="Status", limit=None, card="1"),
    ):
        assert ours != simulated(spec, other)
