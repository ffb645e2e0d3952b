"""keypool: a Kubernetes operator for the API keys that workloads use to call language models."""

__version__ = "0.1.0"
