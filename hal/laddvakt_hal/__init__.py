"""What the hardware says and does: lines, devices, profiles, readings."""
