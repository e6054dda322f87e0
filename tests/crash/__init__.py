"""The crash campaign: cuts the supply, or the process, at thousands of points of a day."""
