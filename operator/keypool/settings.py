"""The operator's settings: environment variables that begin with KEYPOOL_."""

import socket
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Every default is fit for production in a pod, but for the port's address: a pod sets KEYPOOL_HTTP_HOST."""

    model_config = SettingsConfigDict(env_prefix="KEYPOOL_", extra="ignore", frozen=True)

    namespace: str = Field(default="keypool-system", description="Where ledgers, Lease and kept credentials live.")
    namespaces: str = Field(default="", description="Namespaces to serve, by comma; empty: the whole cluster.")
    identity: str = Field(default_factory=socket.gethostname, description="This replica's name in the Lease.")
    kubeconfig: Path | None = Field(default=None, description="Kubeconfig to use; a pod uses its service account.")
    http_host: str = Field(default="127.0.0.1", description="Address of /healthz, /readyz and /metrics.")
    http_port: int = Field(default=8080, ge=0, le=65535, description="Port of the same; 0 for any free one.")
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR.")
    allow_insecure_endpoints: bool = Field(default=False, description="Allow providers at plain http (tests only).")
    workers: int = Field(default=16, ge=1, le=256, description="Pools that are looked at side by side.")
    lease_duration: float = Field(default=15.0, description="Seconds after which an unrenewed Lease is free.")
    lease_renew_deadline: float = Field(default=10.0, description="Seconds after which a leader stops by itself.")
    lease_retry: float = Field(default=2.0, description="Seconds between two looks at the Lease.")
    resync: float = Field(default=300.0, gt=0, description="Seconds between two comparisons of cache and cluster.")
    grace: float = Field(default=30.0, ge=0, description="Seconds for work in flight after SIGTERM; a call takes 20.")

    @property
    def served(self) -> tuple[str, ...]:
        """The namespaces to serve; none means the whole cluster."""
        return tuple(name.strip() for name in self.namespaces.split(",") if name.strip())
