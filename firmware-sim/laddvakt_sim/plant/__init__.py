"""Pure physics behind the register images: time is passed in."""
