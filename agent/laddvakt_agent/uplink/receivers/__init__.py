"""The modules in which others tell us something: commands, tokens, charging profiles."""
