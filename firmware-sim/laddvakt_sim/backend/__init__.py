"""An OCPI receiver to talk to: strict, and everything it got can be read back."""
