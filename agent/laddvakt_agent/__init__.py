"""Laddvakt: the agent that guards a charger and tells the truth about it."""

__version__ = "0.1.0"
