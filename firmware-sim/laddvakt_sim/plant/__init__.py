"""Pure physics: no clock, no sockets; time and randomness are passed in."""
