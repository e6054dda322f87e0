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

from bench import (
    core_states,
    crowd,
    cycles,
    line_timing,
    peers,
    reaction,
    service,
    uplink,
    wear,
    wire,
)
from bench.rows import Row

BENCHES: dict[str, Callable[[Path], list[Row]]] = {
    "core": core_states.run,
    "line": line_timing.run,
    "wire": wire.run,
    "cycles": cycles.run,
    "peers": peers.run,
    "reaction": reaction.run,
    "dead_device": crowd.run,
    "service": service.run,
    "uplink": uplink.run,
    "wear": wear.run,
}
LONG: dict[str, Callable[[Path], list[Row]]] = {
    "reaction_1000": reaction.run_long,
    "many": crowd.run_long,
    "wear_long": wear.run_long,
}


def main() -> int:
    """Run all or the named ones; 1 when a bound is broken."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    known = BENCHES | LONG
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--long", action="store_true", help=f"run {' and '.join(LONG)}")
    given = parser.parse_args()
    names = given.names or list(LONG if given.long else BENCHES)
    if unknown := set(names) - set(known):
        parser.error(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(known)}")
    rows: list[Row] = []
    for name in names:
        sys.stderr.write(f"bench: {name}\n")
        with tempfile.TemporaryDirectory(prefix="laddvakt-bench-") as directory:
            rows += known[name](Path(directory))
    sys.stdout.write(
        json.dumps({"schema_version": 1, "results": [row.as_dict() for row in rows]}) + "\n"
    )
    return 0 if all(row.ok for row in rows) else 1


sys.exit(main())
