"""The laboratory: plant and core joined in virtual time, without wires, processes or waiting."""
