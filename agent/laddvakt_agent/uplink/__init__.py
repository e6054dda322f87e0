"""OCPI: what the backend should know, and what it has acknowledged."""
