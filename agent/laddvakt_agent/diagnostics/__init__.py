"""The local API on the Unix socket."""
