"""What the API server refuses beyond types and limits: rules in CEL, by the place in the schema they stand at.

The API server puts the field's path before a message, so a message says what would be right. A rule between fields
stays silent while one of them is malformed: that one's own rule speaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keypool.api.duration import PATTERN
from keypool.api.forms import PREFIXED, QUALIFIED
from keypool.api.key_holder import MOST_KEYS


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition in CEL that must hold, and what the API server says when it does not.

    `field`: the path below the rule's place that the message is about, such as ".name".
    """

    rule: str
    message: str
    field: str | None = None


Rules = Mapping[str, tuple[Rule, ...]]
"""Place in the schema, such as "spec.rotation.every", to its rules; "" is the whole object, "[]" each item."""

_BELOW_OURS = r"^([^/]*\.)?keypool\.dev/"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_OUR_LABELS = r"^(([^/]*\.)?keypool\.dev/|app\.kubernetes\.io/managed-by$)"
_OUR_ANNOTATIONS = r"^([^/]*\.)?(keypool\.dev|kubernetes\.io|k8s\.io)/"


def _well_formed(field: str) -> str:
    return f"{field} != '' && {field}.matches({PATTERN!r})"


def between(shortest: str, longest: str) -> tuple[Rule]:
    """A duration within bounds."""
    bounds = f"duration(self) >= duration('{shortest}') && duration(self) <= duration('{longest}')"
    example = f'must be a duration from {shortest} to {longest} in hours, minutes and seconds, such as "1h30m"'
    return (Rule(f"{_well_formed('self')} && {bounds}", example),)


def _compare(left: str, operator: str, right: str, message: str) -> Rule:
    """A rule at spec between two durations that holds while one of them is absent or malformed."""
    sides = ((f"self.{left}", "l"), (f"self.{right}", "r"))
    given = " && ".join(f"{_has(field)} && {_well_formed(field)}" for field, _ in sides)
    return Rule(f"!({given}) || duration(self.{left}) {operator} duration(self.{right})", message, f".{left}")


def _has(field: str) -> str:
    return "has(self.rotation.overlap) && has(self.rotation.overlap.min)" if "overlap" in field else f"has({field})"


def settled(field: str, why: str = "because workloads mount it: make a new pool for another name") -> Rule:
    """A rule at the object that has the field."""
    same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return Rule(same, f"is immutable, {why}", f".{field}")


def _metadata_keys(owned: str, whose: str) -> tuple[Rule, ...]:
    return (
        Rule(
            f"self.all(key, key.size() <= 253 && key.matches({QUALIFIED!r}))",
            "keys must be of the form name or example.com/name",
        ),
        Rule(f"!self.exists(key, key.matches({owned!r}))", whose),
    )


def together(most: int, each: str, what: str) -> Rule:
    """So that an object stays small, whoever makes it: the operator keeps it in memory."""
    return Rule(f"self.map(each, {each}).sum() <= {most}", f"{what} must have at most {most} characters together")


def entries(most: int) -> Rule:
    """The same of a map."""
    return together(most, "each.size() + self[each].size()", "keys and values")


_NO_DOT_FILE = (Rule("!self.startsWith('.')", "must not begin with '.': such files are hidden from programs"),)
_PUBLISHED = "(has(self.spec.secret.name) ? self.spec.secret.name : self.metadata.name)"
_RELAY = "self.metadata.name + '-relay'"
_BALANCED = f"(has(self.spec.secret.poolName) ? self.spec.secret.poolName : {_PUBLISHED} + '-pool')"
_OURS = f"[{_PUBLISHED}, {_BALANCED}, {_RELAY}]"

_OF_ONE_ACCOUNT = Rule("self == oldSelf", "is immutable, because keys belong to one account: make a new pool")

POOL_RULES: Rules = {
    "": (
        Rule(
            "self.metadata.name.size() <= 200",
            "metadata.name must be at most 200 characters, because names of Secrets are made from it",
        ),
        Rule(
            f"{_PUBLISHED} != {_BALANCED}",
            "must differ from the published Secret's name (secret.name, or the pool's own name)",
            ".spec.secret.poolName",
        ),
        Rule(
            f"!({_RELAY} in [{_PUBLISHED}, {_BALANCED}])",
            "must not name the pool's own name and -relay: keypool writes that Secret for relays",
            ".spec.secret",
        ),
        Rule(
            f"!has(self.spec.keysFrom) || !(self.spec.keysFrom.secretRef.name in {_OURS})",
            "must name a Secret that you fill, not one that keypool writes for this pool",
            ".spec.keysFrom.secretRef.name",
        ),
    ),
    "spec": (
        _compare("rotation.renewBefore", "<", "key.lifetime", "must be shorter than key.lifetime"),
        _compare("rotation.overlap.min", "<", "key.lifetime", "must be shorter than key.lifetime"),
        _compare(
            "rotation.overlap.min",
            "<=",
            "rotation.every",
            "must be at most rotation.every, because a slot rotates again only when its replaced key is revoked",
        ),
        _compare(
            "rotation.quiet",
            "<=",
            "rotation.every",
            "must be at most rotation.every, because a slot rotates again only when its disabled key is revoked",
        ),
    ),
    "spec.providerRef.kind": (_OF_ONE_ACCOUNT,),
    "spec.providerRef.name": (_OF_ONE_ACCOUNT,),
    "spec.key.lifetime": between("5m", "8760h"),
    "spec.key.models": (together(4096, "each.size()", "all models"),),
    "spec.key.tags": (together(256, "each.size()", "all tags"),),
    "spec.key.metadata": (
        Rule(
            f"self.all(key, key.size() <= 128 && key.matches({PREFIXED!r}))",
            "keys must be of the form example.com/name: names without a prefix mean something to some providers",
        ),
        Rule(
            f"!self.exists(key, key.matches({_BELOW_OURS!r}))",
            "must not hold keys below keypool.dev/: keypool sets them",
        ),
        entries(1024),
    ),
    "spec.rotation.every": between("1m", "8760h"),
    "spec.rotation.renewBefore": between("0s", "8760h"),
    "spec.rotation.overlap.min": between("0s", "168h"),
    "spec.rotation.quiet": between("0s", "168h"),
    "spec.health.probeEvery": between("5s", "24h"),
    "spec.secret": (settled("name"), settled("poolName")),
    "spec.secret.keys": (Rule("self.apiKey != self.baseURL", "apiKey and baseURL must be two entries"),),
    "spec.secret.keys.apiKey": _NO_DOT_FILE,
    "spec.secret.keys.baseURL": _NO_DOT_FILE,
    "spec.secret.labels": (
        *_metadata_keys(
            _OUR_LABELS, "must not hold app.kubernetes.io/managed-by or keys below keypool.dev/: keypool sets them"
        ),
        Rule(
            f"self.all(key, self[key].matches({_LABEL_VALUE!r}))",
            "values must be of letters, digits, '-', '_' and '.', and begin and end with a letter or digit",
        ),
        entries(4096),
    ),
    "spec.secret.annotations": (
        *_metadata_keys(
            _OUR_ANNOTATIONS,
            "must not hold keys below keypool.dev/, kubernetes.io/ or k8s.io/: they are not yours to set",
        ),
        entries(8192),
    ),
}

HOLDER_RULES: Rules = {
    "spec": (
        Rule(
            f"self.pools.map(pool, has(pool.keys) ? pool.keys.size() : 0).sum() <= {MOST_KEYS}",
            f"must have at most {MOST_KEYS} keys in all pools together",
            ".pools",
        ),
    ),
}
"""Of `KeyHolder`. Whose it is, a ValidatingAdmissionPolicy decides: a CRD's rules do not see owners."""


def add_rules(root: dict[str, Any], rules: Rules) -> None:
    """Writes the rules into the schema. Raises KeyError for a place that the schema does not have."""
    for place, added in rules.items():
        schema = root
        for name in filter(None, place.split(".")):
            schema = schema["properties"][name.removesuffix("[]")]
            schema = schema["items"] if name.endswith("[]") else schema
        schema.setdefault("x-kubernetes-validations", []).extend(_document(rule) for rule in added)


def _document(rule: Rule) -> dict[str, str]:
    return {"rule": rule.rule, "message": rule.message} | ({"fieldPath": rule.field} if rule.field else {})
