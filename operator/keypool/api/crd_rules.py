"""What the API server refuses beyond types and limits: rules in CEL, by the place in the schema they stand at.

The API server puts the field's path before a message, so a message says what would be right. A rule between fields
stays silent while one of them is malformed: that one's own rule speaks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keypool.api.duration import PATTERN
from keypool.api.forms import BASE_URL as FORM_OF_URL
from keypool.api.forms import SUBDOMAIN
from keypool.api.key_holder import MOST_KEYS
from keypool.api.provider_options import KINDS
from keypool.api.tenancy import IDENTITIES


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

_QUALIFIED = rf"^({SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
_LABEL_VALUE = r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$"
_OUR_LABELS = r"^(([^/]*\.)?keypool\.dev/|app\.kubernetes\.io/managed-by$)"
_OUR_ANNOTATIONS = r"^([^/]*\.)?(keypool\.dev|kubernetes\.io|k8s\.io)/"


def _well_formed(field: str) -> str:
    return f"{field} != '' && {field}.matches({PATTERN!r})"


def _between(shortest: str, longest: str) -> tuple[Rule]:
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


def _settled(field: str, why: str = "because workloads mount it: make a new pool for another name") -> Rule:
    same = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return Rule(same, f"is immutable, {why}", f".{field}")


def _metadata_keys(owned: str, whose: str) -> tuple[Rule, ...]:
    return (
        Rule(
            f"self.all(key, key.size() <= 253 && key.matches({_QUALIFIED!r}))",
            "keys must be of the form name or example.com/name",
        ),
        Rule(f"!self.exists(key, key.matches({owned!r}))", whose),
    )


def _together(most: int, each: str, what: str) -> Rule:
    """So that an object stays small, whoever makes it: the operator keeps it in memory."""
    return Rule(f"self.map(each, {each}).sum() <= {most}", f"{what} must have at most {most} characters together")


def _entries(most: int) -> Rule:
    return _together(most, "each.size() + self[each].size()", "keys and values")


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
    "spec.key.lifetime": _between("5m", "8760h"),
    "spec.key.models": (_together(4096, "each.size()", "all models"),),
    "spec.rotation.every": _between("1m", "8760h"),
    "spec.rotation.renewBefore": _between("0s", "8760h"),
    "spec.rotation.overlap.min": _between("0s", "168h"),
    "spec.rotation.quiet": _between("0s", "168h"),
    "spec.health.probeEvery": _between("5s", "24h"),
    "spec.secret": (_settled("name"), _settled("poolName")),
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
        _entries(4096),
    ),
    "spec.secret.annotations": (
        *_metadata_keys(
            _OUR_ANNOTATIONS,
            "must not hold keys below keypool.dev/, kubernetes.io/ or k8s.io/: they are not yours to set",
        ),
        _entries(8192),
    ),
}

_HOST_LABEL = "[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?"
_HOST = rf"({_HOST_LABEL}(\.{_HOST_LABEL})*\.?|\[[0-9A-Fa-f:.]+\])"
_PORT = "([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_URL = rf"^https?://{_HOST}(:{_PORT})?(/([-A-Za-z0-9._~/]|%[0-9A-Fa-f]{{2}})*)?$"
_A_URL = (
    # The form says more roughly what a URL is, and speaks where this is no URL at all.
    Rule(
        f"!self.matches({FORM_OF_URL!r}) || self.matches({_URL!r})",
        "must be a URL such as https://api.example.com/v1 whose host has parts of 1 to 63 letters, digits and '-', and "
        "its port, if any, a number from 1 to 65535",
    ),
)

_ACCOUNT = "because it defines the account: make a new provider"
_KIND_COUNT = " + ".join(f"(has(self.{kind}) ? 1 : 0)" for kind in KINDS)

PROVIDER_RULES: Rules = {
    "spec.auth": (Rule("has(self.secretRef) != has(self.oauth2)", "must have exactly one of secretRef and oauth2"),),
    "spec.liteLLM": (_settled("team", _ACCOUNT),),
    "spec.openRouter": (_settled("workspace", _ACCOUNT),),
    "spec.openAI": (_settled("project", _ACCOUNT),),
    "spec.webhook": (_settled("account", _ACCOUNT),),
    "spec.plugin": (_settled("adapter", _ACCOUNT),),
    "spec.plugin.options": (_entries(8192),),
    "spec.auth.oauth2.scopes": (_together(2048, "each.size()", "all scopes"),),
    "spec": (
        Rule(
            f"{_KIND_COUNT} == 1",
            f"must have exactly one of {', '.join(KINDS)}: the kind of provider. One that is null counts as left out: "
            "write {} for its defaults, such as openRouter: {}",
        ),
        Rule(
            "has(self.auth) || has(self.static)",
            "must be given: the admin credential that keys are managed with",
            ".auth",
        ),
        Rule(
            "!(has(self.auth) && has(self.static))",
            "must be left out: a static provider has no admin credential",
            ".auth",
        ),
        Rule(  # here and not at the field itself: there the API server would repeat the key
            "!has(self.caBundle) || !self.caBundle.contains('PRIVATE KEY')",
            "must not hold a private key: give certificates alone, and replace that key, because others may have it",
            ".caBundle",
        ),
        Rule(
            "!(has(self.caBundle) && has(self.caSecretRef))",
            "must be left out where caSecretRef is given: at most one of the two",
            ".caBundle",
        ),
        Rule(
            " && ".join(f"has(self.{kind}) == has(oldSelf.{kind})" for kind in KINDS),
            "the kind of provider is immutable, because it defines the account: make a new provider",
        ),
    ),
    "spec.endpoints[].url": _A_URL,
    "spec.auth.oauth2.tokenURL": _A_URL,
    "spec.webhook.baseURL": _A_URL,
    "spec.endpoints": (
        Rule("self == oldSelf", "are immutable, because they define the account: make a new KeyProvider"),
        Rule("self.all(one, self.exists_one(other, other.url == one.url))", "must have each URL once"),
        _together(4096, "each.url.size()", "all URLs"),
    ),
}

_HERE = "!has(self.tenants) || self.tenants"
_SOURCE = (
    Rule(
        "has(self.value) != has(self.fromNamespaceLabel)",
        "must have exactly one of value and fromNamespaceLabel: where the id stands",
    ),
)


def _identity_fits(field: str, kinds: tuple[str, ...]) -> Rule:
    known = " || ".join(f"has(self.{kind})" for kind in kinds)
    return Rule(
        f"{known} || {_HERE}.all(t, !has(t.identity) || !has(t.identity.{field}))",
        f"identity.{field} is known to {' and '.join(kinds)} providers alone: leave it out",
        ".tenants",
    )


CLUSTER_PROVIDER_RULES: Rules = {
    **PROVIDER_RULES,
    "spec": (
        *PROVIDER_RULES["spec"],
        Rule(
            f"{_HERE}.all(t, self.tenants.exists_one(u, u.name == t.name))",
            "must have names of their own",
            ".tenants",
        ),
        *(_identity_fits(field, kinds) for field, kinds in IDENTITIES.items()),
    ),
    "spec.tenants[].limits.maxLifetime": _between("5m", "8760h"),
    "spec.tenants[].namespaceSelector.matchLabels": (
        Rule(
            f"self.all(key, key.size() <= 317 && key.matches({_QUALIFIED!r}))",
            "keys must be of the form name or example.com/name",
        ),
    ),
    "spec.tenants[].namespaceSelector.matchExpressions[]": (
        Rule(
            "self.operator in ['In', 'NotIn'] ? has(self.values) && self.values.size() > 0 : "
            "!has(self.values) || self.values.size() == 0",
            "must hold at least one value for In and NotIn, and none for Exists and DoesNotExist",
            ".values",
        ),
    ),
    **{f"spec.tenants[].identity.{field}": _SOURCE for field in IDENTITIES},
}
"""Of `ClusterKeyProvider`."""

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
