"""Judges what slipcover measured: every line and every branch, but for bodies that are only `...`.

python tests/covered.py MEASURED.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

_SHOWN = 40  # a new file without tests would fill the screen


def missing(measured: Path) -> list[str]:
    """Every line and branch nobody ran, as `file:line`; ValueError when nothing was measured."""
    files = json.loads(measured.read_text())["files"]
    if not files:
        raise ValueError(f"{measured}: it names no file; was the right folder measured?")
    found = []
    for name, file in sorted(files.items()):
        source = Path(name).read_text().splitlines()
        found += [f"{name}:{n}" for n in file["missing_lines"] if source[n - 1].strip() != "..."]
        found += [f"{name}:{a} to {b}" for a, b in file["missing_branches"]]
    return found


if __name__ == "__main__":
    gaps = missing(Path(sys.argv[1]))
    said = f"{len(gaps)} lines and branches were never run" if gaps else "every line and branch run"
    print("\n".join([said, *gaps[:_SHOWN]]))  # noqa: T201
    sys.exit(bool(gaps))
