"""One track per fault: confirmed, left within its budget, kept over a restart."""
