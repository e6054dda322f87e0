"""`python -m laddvakt_sim.backend`, the same as `laddvakt-sim backend`."""

from laddvakt_sim.backend.cli import backend

backend(prog_name="laddvakt-sim backend")
