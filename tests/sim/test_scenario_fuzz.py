"""Whatever a scenario file holds, reading it ends with a scenario or with named mistakes."""

from __future__ import annotations

import json
import os
import tomllib

from hypothesis import given, settings
from hypothesis import strategies as st

from laddvakt_sim.scenario import Problem, ScenarioError, loads
from laddvakt_sim.scenario.lines import key_lines
from sim.test_scenario_read import EVERYTHING

TIMES = int(os.environ.get("LADDVAKT_SCENARIO_FUZZ", "1"))  # 100 for the long form
_PIECES = EVERYTHING.splitlines(keepends=True)
_NAMES = sorted({word for piece in _PIECES for word in piece.replace("=", " ").split()})
_LEAVES = st.one_of(
    st.booleans(),
    st.integers(-3, 300),
    st.sampled_from([2**63, -(2**64), 10**400]),
    st.floats(allow_nan=True),
    st.sampled_from(["1", "2", "phase_lost", "CHARGING", "none", "", "é", 'a"b', "\n"]),
)
_VALUES = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["min", "max", "name", "connector", "share"]), inner),
    ),
    max_leaves=6,
)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value) if isinstance(value, float) else json.dumps(value)


def _problems(text: str) -> tuple[Problem, ...]:
    try:
        loads(text)
    except ScenarioError as error:
        return error.problems or (Problem(line=0, what="", remedy=""),)
    return ()


def _judged(text: str) -> None:
    """Read it; mistakes must name lines that exist."""
    last = text.count("\n") + 1
    for problem in _problems(text):
        assert 1 <= problem.line <= last
        assert problem.what
        assert problem.remedy


@settings(max_examples=60 * TIMES, deadline=None)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    _judged(text)


@settings(max_examples=120 * TIMES, deadline=None)
@given(st.data())
def test_a_sound_file_with_one_value_exchanged(data: st.DataObject) -> None:
    pieces = list(_PIECES)
    n = data.draw(st.sampled_from([n for n, piece in enumerate(pieces) if " = " in piece]))
    key = pieces[n].split(" = ", maxsplit=1)[0]
    pieces[n] = f"{key} = {_toml(data.draw(_VALUES))}\n"
    _judged("".join(pieces))


@settings(max_examples=60 * TIMES, deadline=None)
@given(st.lists(st.sampled_from(_PIECES), max_size=30))
def test_lines_of_a_sound_file_in_any_order(pieces: list[str]) -> None:
    _judged("".join(pieces))


@settings(max_examples=60 * TIMES, deadline=None)
@given(st.lists(st.sampled_from(_NAMES), max_size=12), st.sampled_from([" ", "\n", ".", " = "]))
def test_words_of_a_sound_file_in_any_order(words: list[str], between: str) -> None:
    _judged(between.join(words))


def test_deep_nesting_is_a_mistake_like_any_other() -> None:
    _judged("x = " + "[" * 5000 + "]" * 5000)


@settings(max_examples=60 * TIMES, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(
                [
                    "# [a]\n",
                    "\n",
                    'x{} = "#[["\n',
                    "x{} = '''\n[[z]]\ny = 1\n'''\n",
                    "x{} = [ # [ '''\n 1]\n",
                ]
            ),
            st.sampled_from(['[[t]]\n"a b" = 1\n', "[[t]]\nk.l = [\n 1, # ]\n 2]\n", "[[t]]\n"]),
        ),
        max_size=6,
    )
)
def test_lines_are_those_of_the_keys(parts: list[tuple[str, str]]) -> None:
    """Whatever comments and strings hold, each table is found on the line it begins."""
    text = "".join(before.format(n) + table for n, (before, table) in enumerate(parts))
    tomllib.loads(text)  # the test's own text is sound
    lines = key_lines(text)
    rows = text.splitlines()
    inside = text.count("[[t]]")
    assert [path for path in lines if len(path) == 2] == [("t", n) for n in range(inside)]
    for n in range(inside):
        assert rows[lines["t", n] - 1] == "[[t]]"
