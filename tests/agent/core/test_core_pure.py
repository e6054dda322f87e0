"""The core imports nothing that acts, waits, guesses or asks the time; files stay readable."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import laddvakt_agent.core

CORE = Path(laddvakt_agent.core.__file__).parent
MODULES = sorted(CORE.rglob("*.py"))
ALLOWED = {
    "__future__", "bisect", "collections", "dataclasses", "decimal", "enum", "fractions",
    "itertools", "math", "types", "typing",
}  # fmt: skip
IMPURE_CALLS = {"open", "print", "input", "eval", "exec", "__import__", "id", "hash"}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=aliases):
                names |= {alias.name for alias in aliases}
            case ast.ImportFrom(module=module, level=level):
                names.add("." * level + (module or ""))
            case _:
                pass
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_imports(path: Path) -> None:
    for name in imported(ast.parse(path.read_text())):
        root = name.split(".")[0]
        inside = name == "laddvakt_agent.core" or name.startswith("laddvakt_agent.core.")
        assert inside or root in ALLOWED, name
        assert inside or root in sys.stdlib_module_names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_no_any_and_nothing_impure(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Name(id="Any") | ast.alias(name="Any"):
                pytest.fail(f"{path.name} uses Any")
            case ast.Call(func=ast.Name(id=name)):
                assert name not in IMPURE_CALLS - {"id"}, f"{path.name} calls {name}"
            case ast.Global() | ast.Nonlocal() | ast.AsyncFunctionDef() | ast.Await():
                pytest.fail(f"{path.name}:{node.lineno} is not pure")
            case _:
                pass


def test_no_import_cycles() -> None:
    graph = {
        f"laddvakt_agent.core.{path.stem}": imported(ast.parse(path.read_text()))
        for path in MODULES
    }
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, f"cycle: {' → '.join((*trail, name))}"
        if name in done:
            return
        for other in graph.get(name, set()):
            visit(other, (*trail, name))
        done.add(name)

    for module in graph:
        visit(module, ())
