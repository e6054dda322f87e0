"""`python -m laddvakt_agent` is the same as `laddvakt`."""

from laddvakt_agent.cli import main

main()
