"""Which key and endpoint a request uses, and what follows from an answer. Pure: no I/O, no clock, no randomness."""
