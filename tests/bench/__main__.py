"""Runs every benchmark and prints `{"schema_version":1,"results":[…]}`.

A row is `{"name","value","unit","bound","ok"}`; `bound` null means the figure is only told. Names
are stable. Values are medians unless the name says otherwise; everything runs on this machine's
simulator, so machine stalls are part of the figure.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import core_states, service, wire
from bench.rows import Row

BENCHES: dict[str, Callable[[Path], list[Row]]] = {
    "core": core_states.run,
    "wire": wire.run,
    "service": service.run,
}


def main() -> int:
    """Run all or the named ones; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    names = parser.parse_args().names or list(BENCHES)
    if unknown := set(names) - set(BENCHES):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    rows: list[Row] = []
    for name in names:
        sys.stderr.write(f"bench: {name}\n")
        with tempfile.TemporaryDirectory(prefix="laddvakt-bench-") as directory:
            rows += BENCHES[name](Path(directory))
    sys.stdout.write(
        json.dumps({"schema_version": 1, "results": [row.as_dict() for row in rows]}) + "\n"
    )
    return 0 if all(row.ok for row in rows) else 1


sys.exit(main())
