"""`python -m laddvakt_sim` is `laddvakt-sim`."""

from laddvakt_sim.cli import main

if __name__ == "__main__":
    main()
