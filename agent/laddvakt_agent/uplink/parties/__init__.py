"""The other platforms: who they are, what was agreed with them, how they are reached."""
