"""Every case of the list of 74 is there, by its number in a test's name."""

from __future__ import annotations

import ast
from pathlib import Path

CASES = range(1, 75)


def test_every_case_has_a_test() -> None:
    named = {
        int(part[1:])
        for path in Path(__file__).parent.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for part in node.name.split("_")
        if part[:1] == "c" and part[1:].isdecimal() and len(part) == 3
    }
    assert [case for case in CASES if case not in named] == []
