"""The OCPI platform that others call: HTTP, and the modules whose data we own."""
