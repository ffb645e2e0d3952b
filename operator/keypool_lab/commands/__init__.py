"""The commands of `python -m keypool_lab`, one module each."""
