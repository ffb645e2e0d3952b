"""What a Secret says that it may be used for: its owner's word, for one use and one target. Purely computational.

The annotation holds entries, with commas or white space between them. `provider/NAME@https://HOST[:PORT]`: the provider
object of that name, where the Secret stands, may send what is in it to that host; for a KeyProvider or
ClusterKeyProvider each endpoint, and the token URL, needs an entry. `pool/NAME`: the pool of that name may take its
values for its keys, or may write its keys into it; `pool/NAME@https://HOST[:PORT]`: the values are checked there alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import Any

from keypool.core.naming import OURS
from keypool.core.views_secret import SecretView
from keypool.core.wording import is_name

ANNOTATION = "keypool.dev/allow"
OPAQUE = frozenset({"Opaque"})
CERTIFICATES = OPAQUE | {"kubernetes.io/tls"}
"""Types of a Secret that holds certificates: cert-manager writes the second."""
LONGEST = 16_384
"""Characters of an annotation that is read."""
_SHOWN = 300
"""Characters of entries that a message repeats."""
_ASCII = re.ASCII | re.IGNORECASE
"""Else letters of other alphabets count as small forms of ours: the Kelvin sign as k, a long s as s."""
_ENTRY = re.compile(r"(provider|pool)/([a-z0-9][-a-z0-9.]*)(?:@([^@\s,]+))?")
_ORIGIN = re.compile(r"(https?)://([a-z0-9][-a-z0-9._]*|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?(?:/[^?#]*)?", _ASCII)
_DEFAULT = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Use:
    """What somebody wants of a Secret: `any_of` are entries of which each group needs one; the first is the one that
    people are asked to add. `types`: those that a Secret may have for it."""

    any_of: tuple[tuple[str, ...], ...]
    types: frozenset[str] = OPAQUE


def as_credential(provider: str, urls: Iterable[str], types: frozenset[str] = OPAQUE) -> Use:
    """A provider object sends the Secret's content to all of these."""
    origins = dict.fromkeys(origin_of(url) or url for url in urls)
    return Use(tuple((f"provider/{provider}@{origin}",) for origin in origins), types)


def as_values(pool: str, urls: Iterable[str]) -> Use:
    """A pool takes the Secret's values for its keys; its provider checks them at these URLs."""
    origins = dict.fromkeys(origin_of(url) or url for url in urls)
    return Use(tuple((f"pool/{pool}@{origin}", f"pool/{pool}") for origin in origins) or ((f"pool/{pool}",),))


def as_target(pool: str) -> Use:
    """A pool writes its keys into the Secret."""
    return Use(((f"pool/{pool}",),))


def origin_of(url: str) -> str | None:
    """Scheme, host and port in one form, by which they are compared: in small letters, without the dot at the name's
    end, without the port that the scheme has anyway, and whatever the path is. An IPv6 address is in its shortest form.
    A name in other letters than ASCII has to stand in its ASCII form (xn--). None for what is no such URL."""
    if (found := _ORIGIN.fullmatch(url)) is None:
        return None
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    if host.startswith("["):
        try:
            host = f"[{IPv6Address(host[1:-1]).compressed}]"
        except AddressValueError:
            return None
    host = host.removesuffix(".")
    number = int(port) if port else _DEFAULT[scheme]
    if not 0 < number <= 65_535:
        return None
    return f"{scheme}://{host}" if number == _DEFAULT[scheme] else f"{scheme}://{host}:{number}"


def entries_of(annotation: str) -> frozenset[str]:
    """What the annotation allows, in the form in which it is compared. What has another form allows nothing."""
    if len(annotation) > LONGEST:
        return frozenset()
    return frozenset(entry for word in re.split(r"[\s,]+", annotation) if (entry := _canonical(word)) is not None)


def _canonical(word: str) -> str | None:
    found = _ENTRY.fullmatch(word)
    if found is None:
        return None
    kind, name, target = found.groups()
    if target is None:
        return word if kind == "pool" else None
    origin = origin_of(target)
    return f"{kind}/{name}@{origin}" if origin is not None else None


def refusal(secret: Mapping[str, Any], use: Use) -> str | None:
    """Why a Secret, as the API server sends it, must not be used so; None when it may. Neither its entries nor its
    annotations are repeated."""
    meta = secret["metadata"]
    name = meta["name"] if is_name(meta["name"]) else "NAME"
    if is_ours(secret):
        return f"Secret {name} is one that keypool writes: name one that you fill"
    annotation = str((meta.get("annotations") or {}).get(ANNOTATION) or "")
    if (lacks := _lacking(annotation, use)) is not None:
        return _asking(name, meta["namespace"], annotation, lacks)
    kind = secret.get("type") or "Opaque"
    if kind not in use.types:
        return f"Secret {name} is of a type that is not used for this; it must be {' or '.join(sorted(use.types))}"
    return None


def refused_target(view: SecretView, pool: str, *, mine: bool) -> str | None:
    """Why a pool may not write its keys into a Secret; `mine`: it did before."""
    name = view.name if is_name(view.name) else "NAME"
    if not mine and any(label.startswith(OURS) for label in view.labels):
        return f"Secret {name} is one that keypool writes for something else: use another spec.secret.name"
    annotation = view.annotations.get(ANNOTATION, "")
    lacks = _lacking(annotation, as_target(pool))
    return _asking(name, view.namespace, annotation, lacks) if lacks is not None else None


def is_ours(secret: Mapping[str, Any]) -> bool:
    """Whether keypool writes it: a ledger, what is kept of a provider, a published Secret."""
    meta = secret["metadata"]
    owners = meta.get("ownerReferences") or ()
    owned = any(owner.get("kind") == "ApiKeyPool" and str(owner.get("apiVersion")).startswith(OURS) for owner in owners)
    labelled = any(label.startswith(OURS) for label in meta.get("labels") or ())
    return owned or labelled or str(secret.get("type") or "").startswith(OURS)


def _lacking(annotation: str, use: Use) -> list[str] | None:
    allowed = entries_of(annotation)
    lacks = [choices[0] for choices in use.any_of if not allowed.intersection(choices)]
    return lacks or None


def _asking(name: str, namespace: str, annotation: str, lacks: list[str]) -> str:
    """The one line that mends it. What stands in the annotation is for those who may read the Secret."""
    shown = [entry for index, entry in enumerate(lacks) if sum(map(len, lacks[: index + 1])) <= _SHOWN] or lacks[:1]
    left = f" (then {len(lacks) - len(shown)} more)" if len(shown) < len(lacks) else ""
    entries = ",".join(shown)
    where = f"secret {name} --namespace {namespace}"
    if not annotation:
        line = f"kubectl annotate {where} {ANNOTATION}={entries}"
    elif len(annotation) > LONGEST:
        return f"Secret {name}: its annotation {ANNOTATION} is longer than {LONGEST} characters, so nothing is allowed"
    else:
        line = f"kubectl annotate {where} --overwrite {ANNOTATION}=OLD,{entries}, where OLD is what stands there now"
    return f"Secret {name} does not say that it may be used for this. Its owner can: {line}{left}"
