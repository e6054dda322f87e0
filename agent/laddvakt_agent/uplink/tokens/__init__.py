"""Tokens that platforms gave us: kept, pulled, asked for, and what they allow."""
