"""Why it does not charge and why this current, as chains of reasons."""
