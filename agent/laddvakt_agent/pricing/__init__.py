"""Prices at the edge: OCPI's tariffs and CDRs, time zones and records around `core.tariff`."""
