"""The world outside the agent: a simulated charger, its lines and a backend."""
