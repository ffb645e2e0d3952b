"""What the API server refuses of provider objects beyond types and limits: rules in CEL, as in `crd_rules`."""

from keypool.api.crd_rules import Rule, Rules, between, entries, settled, together
from keypool.api.forms import BASE_URL as FORM_OF_URL
from keypool.api.forms import QUALIFIED
from keypool.api.provider_options import DEFAULT_ENDPOINTS, KINDS
from keypool.api.tenancy import IDENTITIES

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
_HAVE_ENDPOINTS = " || ".join(f"has(self.{kind})" for kind in DEFAULT_ENDPOINTS)
_OWN = " : ".join(f"has(self.spec.{kind}) ? '{url}'" for kind, url in DEFAULT_ENDPOINTS.items()) + " : ''"
_GIVEN = "(has(self.spec.endpoints) ? self.spec.endpoints : oldSelf.spec.endpoints)"
_SAME_ENDPOINTS = (
    "has(self.spec.endpoints) == has(oldSelf.spec.endpoints) ? !has(self.spec.endpoints) || "
    f"self.spec.endpoints == oldSelf.spec.endpoints : {_GIVEN}.size() == 1 && {_GIVEN}[0].url == ({_OWN})"
)
_KIND_COUNT = " + ".join(f"(has(self.{kind}) ? 1 : 0)" for kind in KINDS)

PROVIDER_RULES: Rules = {
    "": (
        Rule(
            f"!has(oldSelf.status) || !has(oldSelf.status.reached) || !oldSelf.status.reached || ({_SAME_ENDPOINTS})",
            "are immutable once the provider was reached there, because they define the account: make a new provider",
            ".spec.endpoints",
        ),
    ),
    "spec.auth": (Rule("has(self.secretRef) != has(self.oauth2)", "must have exactly one of secretRef and oauth2"),),
    "spec.liteLLM": (settled("team", _ACCOUNT),),
    "spec.liteLLM.tags": (together(256, "each.size()", "all tags"),),
    "spec.openRouter": (settled("workspace", _ACCOUNT),),
    "spec.openAI": (settled("project", _ACCOUNT),),
    "spec.webhook": (settled("account", _ACCOUNT),),
    "spec.plugin": (settled("adapter", _ACCOUNT),),
    "spec.plugin.options": (entries(8192),),
    "spec.auth.oauth2.scopes": (together(2048, "each.size()", "all scopes"),),
    "spec": (
        Rule(
            f"{_KIND_COUNT} == 1",
            f"must have exactly one of {', '.join(KINDS)}: the kind of provider. One that is null counts as left out: "
            "write {} for its defaults, such as openRouter: {}",
        ),
        Rule(
            f"has(self.endpoints) || {_HAVE_ENDPOINTS}",
            f"must be given: only {', '.join(DEFAULT_ENDPOINTS)} have an endpoint of their own",
            ".endpoints",
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
        Rule("self.all(one, self.exists_one(other, other.url == one.url))", "must have each URL once"),
        together(4096, "each.url.size()", "all URLs"),
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
    "spec.tenants[].limits.maxLifetime": between("5m", "8760h"),
    "spec.tenants[].namespaceSelector.matchLabels": (
        Rule(
            f"self.all(key, key.size() <= 317 && key.matches({QUALIFIED!r}))",
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
