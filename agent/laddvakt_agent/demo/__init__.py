"""The demo: three real processes, one day in the life of a charger in under 100 seconds."""
