"""The operator's settings: environment variables that begin with KEYPOOL_."""

import socket
from pathlib import Path

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from keypool.cluster.election import Timing

SHORTEST_CALL = 0.5
"""Seconds: a provider gets at least so long to answer."""


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
    allow_private_endpoints: bool = Field(
        default=False,
        description="Allow providers at private, loopback and other addresses that are not public, such as a gateway "
        "in the cluster.",
    )
    workers: int = Field(default=16, ge=1, le=256, description="Pools of one provider that are looked at side by side.")
    lease_duration: float = Field(default=15.0, description="Seconds after which an unrenewed Lease is free.")
    lease_renew_deadline: float = Field(
        default=12.0,
        description="Seconds after which a leader stops by itself; less two retries it bounds calls to providers.",
    )
    lease_retry: float = Field(default=1.0, description="Seconds between two looks at the Lease.")
    resync: float = Field(default=300.0, gt=0, description="Seconds between two comparisons of cache and cluster.")
    grace: float = Field(default=30.0, ge=0, description="Seconds for work in flight after SIGTERM; a call takes 10.")

    @model_validator(mode="after")
    def _timings_fit(self) -> "Settings":
        if self.timing.longest_call < SHORTEST_CALL:
            raise ValueError(
                "KEYPOOL_LEASE_RENEW_DEADLINE less twice KEYPOOL_LEASE_RETRY is the time that a call to a provider may "
                f"take: it is {self.timing.longest_call:g} s and must be at least {SHORTEST_CALL:g} s"
            )
        return self

    @property
    def timing(self) -> Timing:
        """The Lease's timings."""
        return Timing(self.lease_duration, self.lease_renew_deadline, self.lease_retry)

    @property
    def served(self) -> tuple[str, ...]:
        """The namespaces to serve; none means the whole cluster."""
        return tuple(name.strip() for name in self.namespaces.split(",") if name.strip())
