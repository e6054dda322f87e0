"""Whatever the tables allow goes out and comes in the same: objects made from the rules alone."""

from __future__ import annotations

import json
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from laddvakt_agent.uplink import structs
from laddvakt_agent.uplink.structs import plan, rules
from laddvakt_agent.uplink.text import Content, Json
from laddvakt_agent.uplink.version import Version

ASCII = st.characters(min_codepoint=32, max_codepoint=126)
PRINTABLE = st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"])
# These must also fit together, which no table says; `test_structs` has them as they are.
APART = {"Location", "CDR", "Session", "PublishTokenType", "Credentials", "Hours", "Object"}
NAMES = sorted(structs.CLASSES.keys() - APART)


def of_rule(rule: rules.Rule, version: Version) -> st.SearchStrategy[Json]:
    """JSON of one type, as strictly as we send it."""
    made: st.SearchStrategy[Json] = st.booleans()
    match rule:
        case plan._Part(cls):
            made = of_class(cls, version)
        case rules.Text(pattern=pattern, most=most) if pattern:
            least = most if rule.exactly else 1
            fits = st.from_regex(pattern, fullmatch=True, alphabet=ASCII)
            made = fits.filter(lambda text: least <= len(text) <= most)
        case rules.Text(most=most):
            letters = ASCII if isinstance(rule, rules.Ci) else PRINTABLE
            made = st.text(letters, min_size=most if rule.exactly else 1, max_size=min(most, 40))
        case rules.Number(places=places, least=least):
            made = st.decimals(max(least, -(10**6)), 10**6, places=places).map(float)
        case rules.Whole(least, most):
            made = st.integers(least, most)
        case rules.OneOf(values):
            made = st.sampled_from(values or ("2.2.1",))
        case rules.Moment():
            made = st.just("2027-03-01T12:00:00.125Z")
        case _:
            assert isinstance(rule, rules.Flag)
    return made


@cache
def of_class(cls: type[structs.Object], version: Version) -> st.SearchStrategy[Json]:
    """An object with every required field, and some of the others."""
    required: dict[str, st.SearchStrategy[Json]] = {}
    optional: dict[str, st.SearchStrategy[Json]] = {}
    for field in plan.plan(cls, version):
        if cls.__name__ in {"GeoLocation", "AdditionalGeoLocation"} and "itude" in field.name:
            value: st.SearchStrategy[Json] = st.just("59.858560")  # there is nothing past a pole
        else:
            value = of_rule(field.rule, version)
        if field.many:
            value = st.lists(value, min_size=1, max_size=2)
        (required if field.required else optional)[field.wire] = value
    return st.fixed_dictionaries(required, optional=optional)


def content() -> st.SearchStrategy[tuple[Version, str, Content]]:
    def of(version: Version, name: str) -> st.SearchStrategy[tuple[Version, str, Content]]:
        made = of_class(structs.CLASSES[name], version)
        return st.tuples(st.just(version), st.just(name), made)

    return st.tuples(st.sampled_from(Version), st.sampled_from(NAMES)).flatmap(
        lambda chosen: of(*chosen)
    )


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(content(), st.booleans())
def test_decode_after_encode_is_identity(
    made: tuple[Version, str, Content], explicit_nulls: bool
) -> None:
    version, name, body = made
    assert structs.checked(version, name, body) == body
    read = structs.decode(version, name, body)
    told = structs.encode(version, read, explicit_nulls=explicit_nulls)
    assert structs.decode(version, name, json.loads(json.dumps(told))) == read
    assert structs.encode(version, read) == body
