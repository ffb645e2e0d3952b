"""The operator's settings: environment variables that begin with KEYPOOL_. What is wrong ends the start, in words."""

import socket
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from keypool import settings_checks as checks
from keypool.cluster.election import Timing
from keypool.providers.authorities import Authorities, check_public, read_file
from keypool.providers.proxy import Proxy, parse_bypass, parse_proxy
from keypool.providers.reach import Network, parse_networks

PREFIX = "KEYPOOL_"
SHORTEST_CALL = 0.5
"""Seconds: a provider gets at least so long to answer."""

Seconds = Annotated[float, Field(allow_inf_nan=False, gt=0, le=86400)]


class Settings(BaseSettings):
    """Every default is fit for production in a pod, but for the port's address: a pod sets KEYPOOL_HTTP_HOST."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True)

    namespace: Annotated[str, AfterValidator(checks.label)] = Field(
        default="keypool-system", description="Where ledgers, Lease and kept credentials live."
    )
    namespaces: Annotated[str, AfterValidator(checks.namespaces)] = Field(
        default="",
        description="Namespaces to serve, by comma and without spaces, such as `team-a,team-b`; no patterns. Empty: "
        "the whole cluster.",
    )
    identity: Annotated[str, AfterValidator(checks.is_printable)] = Field(
        default_factory=socket.gethostname, max_length=200, description="This replica's name in the Lease."
    )
    kubeconfig: Path | None = Field(default=None, description="Kubeconfig to use; a pod uses its service account.")
    http_host: Annotated[str, AfterValidator(checks.host)] = Field(
        default="127.0.0.1",
        description="IP address of /healthz, /readyz and /metrics. `::` is every address that the node has, IPv6 and "
        "IPv4; `0.0.0.0` every one of IPv4.",
    )
    http_port: int = Field(default=8080, ge=0, le=65535, description="Port of the same; 0 for any free one.")
    log_level: Annotated[str, BeforeValidator(checks.level)] = Field(
        default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    allow_insecure_endpoints: bool = Field(default=False, description="Allow providers at plain http (tests only).")
    allow_private_endpoints: Annotated[str, AfterValidator(checks.private_networks)] = Field(
        default="",
        description="Networks beside the public ones in which providers may be, by comma, such as "
        "`10.0.0.0/8,fd00::/8` for a gateway in the cluster. Loopback addresses only where a network of them alone is "
        "listed. Addresses of metadata services, link-local ones, the API server's and the pod's own are refused "
        "whatever is listed.",
    )
    https_proxy: Annotated[SecretStr, AfterValidator(checks.proxy)] = Field(
        default=SecretStr(""),
        description="HTTP proxy through which providers and their token servers are called, such as "
        "`http://USER:PASSWORD@proxy.example.com:3128`; from a Secret, where there is a password. The API server is "
        "never called through it, nor is plain http. `HTTPS_PROXY`, `NO_PROXY` and the like are not read.",
    )
    proxy_resolves: bool = Field(
        default=False,
        description="The proxy looks names up, where the operator's pods cannot: then it alone keeps calls from "
        "addresses that are not public. Otherwise the proxy is asked for the address that the operator checked.",
    )
    no_proxy: Annotated[str, AfterValidator(checks.no_proxy)] = Field(
        default="",
        description="Hosts that are called without the proxy, by comma: names (and all below them), `.suffixes`, "
        "addresses and networks, such as `gateway.ai.svc,.internal,10.0.0.0/8`.",
    )
    ca_file: Annotated[Path | None, AfterValidator(checks.ca_file)] = Field(
        default=None,
        description="File of certificates in PEM of authorities that are trusted at all providers beside the public "
        "ones. It is read once, at the start. `SSL_CERT_FILE` instead replaces the public ones.",
    )
    audit_required: bool = Field(
        default=False,
        description="End the process when a line of the audit log cannot be written, or nobody takes it for 10 s, and "
        "begin only when one can. "
        "Otherwise the work goes on, a leaked key's revocation too, and `keypool_audit_lines_lost_total` counts.",
    )
    workers: int = Field(default=16, ge=1, le=256, description="Pools of one provider that are looked at side by side.")
    lease_duration: Seconds = Field(default=15.0, description="Seconds after which an unrenewed Lease is free.")
    lease_renew_deadline: Seconds = Field(
        default=12.0,
        description="Seconds after which a leader stops by itself; less two retries it bounds calls to providers.",
    )
    lease_retry: Seconds = Field(default=1.0, description="Seconds between two looks at the Lease.")
    resync: Seconds = Field(default=300.0, description="Seconds between two comparisons of cache and cluster.")
    grace: Annotated[float, Field(allow_inf_nan=False, ge=0, le=3600)] = Field(
        default=30.0, description="Seconds for work in flight after SIGTERM; a call takes 10."
    )

    @model_validator(mode="after")
    def _proxy_is_named(self) -> "Settings":
        if not self.https_proxy.get_secret_value() and (self.proxy_resolves or self.no_proxy):
            raise ValueError("KEYPOOL_PROXY_RESOLVES and KEYPOOL_NO_PROXY need KEYPOOL_HTTPS_PROXY")
        return self

    @model_validator(mode="after")
    def _timings_fit(self) -> "Settings":
        if not self.lease_duration > self.lease_renew_deadline > self.lease_retry:
            raise ValueError(
                "KEYPOOL_LEASE_DURATION must be longer than KEYPOOL_LEASE_RENEW_DEADLINE, and that longer than "
                f"KEYPOOL_LEASE_RETRY: they are {self.lease_duration:g}, {self.lease_renew_deadline:g} and "
                f"{self.lease_retry:g} s"
            )
        if self.timing.longest_call < SHORTEST_CALL:
            raise ValueError(
                "KEYPOOL_LEASE_RENEW_DEADLINE less twice KEYPOOL_LEASE_RETRY is the time that a call to a provider may "
                f"take: it is {self.timing.longest_call:g} s and must be at least {SHORTEST_CALL:g} s"
            )
        return self

    @property
    def private_networks(self) -> tuple[Network, ...]:
        """Where providers may be beside public addresses."""
        return parse_networks(self.allow_private_endpoints)

    @property
    def timing(self) -> Timing:
        """The Lease's timings."""
        return Timing(self.lease_duration, self.lease_renew_deadline, self.lease_retry)

    @property
    def proxy(self) -> Proxy | None:
        """The proxy for calls to providers."""
        if not (text := self.https_proxy.get_secret_value()):
            return None
        return replace(parse_proxy(text), resolves=self.proxy_resolves, bypass=parse_bypass(self.no_proxy))

    @property
    def authorities(self) -> Authorities:
        """Whom TLS trusts at providers. Raises AuthoritiesUnusable where the file changed since it was checked."""
        return Authorities(read_file(self.ca_file, datetime.now(UTC)) if self.ca_file is not None else "")

    @property
    def served(self) -> tuple[str, ...]:
        """The namespaces to serve; none means the whole cluster."""
        return tuple(filter(None, self.namespaces.split(",")))

    @property
    def url(self) -> str:
        """Where the server is asked, without the port."""
        is_v6 = self.http_host != "localhost" and ip_address(self.http_host).version == 6
        return f"http://[{self.http_host}]" if is_v6 else f"http://{self.http_host}"


class BadSettings(Exception):
    """The variables and what is wrong with each, in one line; never what they hold."""


def read(environ: Mapping[str, str]) -> Settings:
    """The settings of this process, whose environment is `environ`. Raises BadSettings."""
    problems = checks.unknown(environ, PREFIX, Settings.model_fields)
    problems += filter(None, [check_public(environ)])
    try:
        settings = Settings()
    except ValidationError as error:
        problems += _in_words(error)
    if problems:
        raise BadSettings("; ".join(problems))
    return settings


_HINTS = {
    "bool_parsing": 'write "true" or "false"',
    "float_parsing": 'write a plain number of seconds, such as "30", without a unit',
    "finite_number": 'write a plain number of seconds, such as "30"',
    "int_parsing": 'write a whole number, such as "8080"',
}


def _in_words(error: ValidationError) -> list[str]:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        "".join(f"{PREFIX}{part}: ".upper() for part in one["loc"]) + _why(one["type"], one["msg"]) for one in found
    ]


def _why(kind: str, message: str) -> str:
    hint = f": {_HINTS[kind]}" if kind in _HINTS else ""
    return message.removeprefix("Value error, ") + hint
