"""The demo: keypool does its job while a workload uses its keys, and everything is counted."""
