"""What detectors must remember between readings, a module per domain."""
