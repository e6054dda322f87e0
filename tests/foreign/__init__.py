"""Somebody else's OCPI platform, to hold the agent against."""
