"""The connector's life and the small automata beside it: power, limits, lock, poles, waking."""
