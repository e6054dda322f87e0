"""A line in memory and in virtual time: hours in milliseconds, and the same each time."""
