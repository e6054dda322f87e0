"""Carries out scenarios for real: simulated board and backend, real agent, lines and time."""
