"""The API server's side. What is imported below asks for a home directory, so there has to be one."""

from keypool.cluster.home import ensure_home

ensure_home()
