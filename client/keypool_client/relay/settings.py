"""What the relay is told by its environment: read once, checked, with one sentence for each mistake."""

import difflib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Self

from keypool_client import proxies
from keypool_client.relay import pod
from keypool_client.sharing.address import Address, parse

PREFIX = "KEYPOOL_RELAY_"
LONGEST_MODELS = 20_000
FROM_KUBERNETES = re.compile(r"(SERVICE_(HOST|PORT)\w*|PORT(_\d+_(TCP|UDP|SCTP)\w*)?)")
"""What a pod finds in its environment, after the prefix, where its namespace has a Service named keypool-relay."""


class BadSettings(Exception):
    """The environment is wrong; the text has a line for each mistake."""


def _loopback(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    if not found or not all(_is_loopback(part) for part in found):
        raise ValueError(
            "must be loopback addresses, by comma, such as 127.0.0.1,::1: the relay serves its own pod and nobody "
            "else; what several pods share is a gateway's work, such as LiteLLM's or Envoy AI Gateway's"
        )
    return found


def _is_loopback(text: str) -> bool:
    try:
        return ip_address(text).is_loopback
    except ValueError:
        return False


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError("must be an IP address, such as the pod's own, or 0.0.0.0 for all") from None


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ValueError("must be a number from 1 to 65535, or 0 for any free port")
    return int(text)


def _seconds(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) or not 0.1 <= float(text) <= 86400:
        raise ValueError("must be a number of seconds from 0.1 to 86400")
    return float(text)


def _yes(text: str) -> bool:
    if text not in {"true", "false"}:
        raise ValueError("must be true or false")
    return text == "true"


def _folder(text: str) -> str:
    if text and not re.fullmatch(r"/[\w./-]{1,1000}", text, re.ASCII):
        raise ValueError("must be the absolute path of a folder, such as /var/run/secrets/keypool.dev/report")
    return text


def _level(text: str) -> str:
    if text not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
    return text


def _models(text: str) -> Mapping[str, Mapping[str, str]]:
    try:
        told = json.loads(text[:LONGEST_MODELS])
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not all(map(_is_names, told.values())):
        raise ValueError(
            'must be JSON such as {"team-a/backup": {"gpt-5": "deepseek-chat"}}: pool, model asked for, model sent; '
            f"at most {LONGEST_MODELS} characters"
        )
    return MappingProxyType(told)


def _is_names(told: object) -> bool:
    return isinstance(told, dict) and all(isinstance(name, str) and name for pair in told.items() for name in pair)


def _setting(parse: Callable[[str], Any], default: str, doc: str) -> Any:  # noqa: ANN401 as dataclasses.field has it
    return field(metadata={"parse": parse, "default": default, "doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is KEYPOOL_RELAY_ and its name in capitals. An empty variable counts as absent."""

    listen_addresses: tuple[str, ...] = _setting(
        _loopback, "127.0.0.1,::1", "Where requests are taken: loopback addresses alone."
    )
    listen_port: int = _setting(_port, "8484", "The port of the same.")
    health_address: str = _setting(
        _address,
        "127.0.0.1",
        "Where `/livez`, `/startedz` and `/metrics` are served: in a pod its own address, for kubelet and Prometheus.",
    )
    health_port: int = _setting(_port, "8485", "The port of the same.")
    models: Mapping[str, Mapping[str, str]] = _setting(
        _models, "{}", 'Names of models that a pool calls otherwise: `{"team-a/backup": {"gpt-5": "deepseek-chat"}}`.'
    )
    keep_organization: bool = _setting(
        _yes,
        "false",
        "Whether `OpenAI-Organization` and `OpenAI-Project` are passed on; they go with a key of the caller's own.",
    )
    connect_seconds: float = _setting(_seconds, "5", "How long a connection to an endpoint may take, TLS included.")
    first_byte_seconds: float = _setting(_seconds, "600", "How long an endpoint may take until its answer begins.")
    idle_seconds: float = _setting(
        _seconds, "300", "How long an answer that has begun, or an endpoint that takes an upload, may pause."
    )
    body_seconds: float = _setting(_seconds, "60", "How long a client may pause while it sends a request's body.")
    share: Address | None = _setting(  # noqa: RUF009 a field, as above; Address is frozen
        parse,
        "",
        "Where relays share verdicts: `redis://` or, with TLS, `rediss://`, then `USER@HOST:PORT/DATABASE`.",
    )
    share_password_file: str = _setting(str, "", "The file with its password, in a mounted Secret.")
    report: str = _setting(
        _folder,
        "",
        "The folder with `token`, `ca.crt` and `namespace`, with which the relay tells which keys its pod holds; "
        "`KEYPOOL_POD_NAME` and `KEYPOOL_POD_UID` are needed, too. Empty: it tells nobody.",
    )
    log_level: str = _setting(_level, "INFO", "DEBUG, INFO, WARNING or ERROR.")

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Self:
        """The settings of an environment; raises BadSettings with all that is wrong. No value is repeated in it."""
        values, wrong = {}, _unknown(cls, environ) + proxies.faults(environ)
        for each in fields(cls):
            name = PREFIX + each.name.upper()
            try:
                values[each.name] = each.metadata["parse"](environ.get(name) or each.metadata["default"])
            except ValueError as error:
                wrong.append(f"{name} {error}")
        if values.get("share_password_file") and not environ.get(f"{PREFIX}SHARE"):
            wrong.append(f"{PREFIX}SHARE_PASSWORD_FILE is set, but {PREFIX}SHARE is not: name the store, too")
        if values.get("report"):
            wrong += pod.faults(environ)
        if wrong:
            raise BadSettings("\n".join(wrong))
        return cls(**values)


def documented() -> list[tuple[str, str, str]]:
    """Name, default and description of every setting, for the documentation."""
    return [(PREFIX + each.name.upper(), each.metadata["default"], each.metadata["doc"]) for each in fields(Settings)]


def _unknown(cls: type[Settings], environ: Mapping[str, str]) -> list[str]:
    known = [PREFIX + each.name.upper() for each in fields(cls)]
    wrong = []
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and not FROM_KUBERNETES.fullmatch(name.removeprefix(PREFIX)):
            near = difflib.get_close_matches(name, known, 1)
            wrong.append(f"{name[:80]} is no setting" + (f": {near[0]} is one" if near else ""))
    return wrong
