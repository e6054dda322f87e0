"""The figures: `make bench` prints one JSON object."""
