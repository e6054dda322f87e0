"""Facts that must survive: sessions, faults, CDRs, latches."""
