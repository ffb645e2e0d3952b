"""What settings may say. Messages tell what is wrong and what would be right, never the value: people paste secrets."""

import difflib
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

from pydantic import SecretStr

from keypool.providers.authorities import read_file
from keypool.providers.proxy import parse_bypass, parse_proxy
from keypool.providers.reach import parse_networks

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LONGEST_LABEL = 63
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_RIGHT = f"a namespace's name has 1 to {LONGEST_LABEL} lower-case letters, digits and '-', none of them at either end"
_LABS_OWN = re.compile(r"KEYPOOL_(CACHE|LAB_\w+)")
_SERVICE_LINK = re.compile(r"KEYPOOL_(\w+_)?(SERVICE_(HOST|PORT(_\w+)?)|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)")
"""What a kubelet tells of Services whose names begin with keypool, where a pod has enableServiceLinks."""
_LINK = re.compile("(tcp|udp|sctp)://")


def label(name: str) -> str:
    """The name of one namespace. Raises ValueError."""
    if problem := _problem(name):
        raise ValueError(f"{problem}: {_RIGHT}")
    return name


def namespaces(text: str) -> str:
    """Names of namespaces by comma, each once; none is right, too. Raises ValueError."""
    names = text.split(",") if text else []
    for number, name in enumerate(names, 1):
        where = f"entry {number} of {len(names)} ({len(name)} characters)"
        if problem := _problem(name):
            raise ValueError(f"{where} {problem}: {_RIGHT}; write them as in team-a,team-b")
        if name in names[: number - 1]:
            raise ValueError(f"{where} is the same as entry {names.index(name) + 1}: name each namespace once")
    return text


def _problem(name: str) -> str | None:
    checks = (
        (not name, "is empty (a comma too many?)"),
        (any(char.isspace() for char in name), "has a space in it"),
        (any(char in "*?[]!" for char in name), "is a pattern, and patterns are not supported: name each namespace"),
        (name != name.lower(), "has a capital letter"),
        (len(name) > LONGEST_LABEL, "is too long"),
        (not _LABEL.fullmatch(name), "is no name of a namespace"),
    )
    return next((text for wrong, text in checks if wrong), None)


def is_printable(text: str) -> str:
    """A name without control characters. Raises ValueError."""
    if not text.strip() or not text.isprintable():
        raise ValueError("must be printable characters, and not blanks alone")
    return text


def host(text: str) -> str:
    """An address to listen on. Raises ValueError."""
    try:
        return text if text == "localhost" else str(ip_address(text))
    except ValueError:
        raise ValueError(
            'is no IP address: write "::" for every address of the node, "0.0.0.0" for those of IPv4, or one address '
            "without brackets and port"
        ) from None


def level(text: object) -> str:
    """A level of the log, in whatever case. Raises ValueError."""
    if str(text).upper() not in LEVELS:
        raise ValueError(f"must be one of {', '.join(LEVELS)}")
    return str(text).upper()


def proxy(url: SecretStr) -> SecretStr:
    """The URL of a proxy; none is right, too. Raises ValueError."""
    if url.get_secret_value():
        parse_proxy(url.get_secret_value())
    return url


def no_proxy(text: str) -> str:
    """Hosts by comma. Raises ValueError."""
    parse_bypass(text)
    return text


def private_networks(text: str) -> str:
    """Networks by comma. Raises ValueError."""
    parse_networks(text)
    return text


def ca_file(path: Path | None) -> Path | None:
    """A file of certificates that can be read. Raises ValueError."""
    if path is not None:
        read_file(path, datetime.now(UTC))
    return path


def unknown(environ: Mapping[str, str], prefix: str, fields: Collection[str]) -> list[str]:
    """A line for each variable with our prefix that nothing reads: a misspelt one would be ignored in silence."""
    known = [f"{prefix}{field}".upper() for field in fields]
    names = sorted(name for name in environ if name.upper().startswith(prefix) and name.upper() not in known)
    return [_unknown(name, known) for name in names if not _is_others(name, environ[name])]


def _is_others(name: str, value: str) -> bool:
    if name.endswith("_PORT") and _LINK.match(value):
        return True
    return bool(_LABS_OWN.fullmatch(name) or _SERVICE_LINK.fullmatch(name))


def _unknown(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name.upper(), known, 1, 0.0)
    return f"{name[:100]!r}: there is no such setting; the nearest is {near[0]} (python -m keypool --help has them all)"
