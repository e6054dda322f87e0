"""Coverage-guided fuzzing of the frame parser: `make fuzz`, or longer by LADDVAKT_FUZZ_RUNS.

A run that finds something leaves the input as `crash-…` and ends with an error.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

# Only `make fuzz` installs it.
import atheris  # type: ignore[import-not-found,import-untyped,unused-ignore]

with atheris.instrument_imports(include=["laddvakt_hal"]):
    from fuzz.judge_frames import check

CORPUS = Path(__file__).parent / "corpus"
SHORT_S = 40


def main() -> None:
    """Fuzz for a while, or for a number of runs; new inputs go to a folder of their own."""
    runs = os.environ.get("LADDVAKT_FUZZ_RUNS")
    limit = f"-runs={int(runs)}" if runs else f"-max_total_time={SHORT_S}"
    with tempfile.TemporaryDirectory(prefix="laddvakt-fuzz-") as found:
        arguments = [sys.argv[0], limit, "-max_len=300", "-verbosity=0", "-print_final_stats=1"]
        atheris.Setup([*arguments, found, str(CORPUS)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
