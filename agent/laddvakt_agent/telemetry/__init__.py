"""Measurements that may be lost: `telemetry.db`, and one-second figures in memory."""
