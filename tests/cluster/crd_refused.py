"""What the API server has to refuse: by name, a spec that is nonsense in one place, and words that it must say."""

from typing import Any

from tests.cluster.accounting_refused import REFUSED_ACCOUNTING
from tests.cluster.crd_manifests import Manifest, cluster_provider, tenant

A_DURATION = "must be a duration from"
TOO_LONG = "n" * 201
LONG_BUT_GOOD = "n" * 200

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "size-zero": ({"size": 0}, "spec.size in body should be greater than or equal to 1"),
    "size-negative": ({"size": -1}, "spec.size in body should be greater than or equal to 1"),
    "size-huge": ({"size": 101}, "spec.size in body should be less than or equal to 100"),
    "size-text": ({"size": "two"}, "spec.size in body must be of type integer"),
    "no-provider": ({"providerRef": {}}, "spec.providerRef.name: Required value"),
    "provider-kind": ({"providerRef": {"name": "a", "kind": "Secret"}}, 'supported values: "KeyProvider", "Clust'),
    "provider-name": ({"providerRef": {"name": "Holy_Sheep"}}, "must be a name of lower-case letters"),
    "deletion-policy": ({"deletionPolicy": "Keep"}, 'supported values: "Revoke", "RevokeAndWait", "Retain"'),
    "lifetime-short": ({"key": {"lifetime": "4m59s"}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-long": ({"key": {"lifetime": "8760h1s"}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-overflowing": ({"key": {"lifetime": "99999999999h"}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-in-days": ({"key": {"lifetime": "30d"}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-negative": ({"key": {"lifetime": "-24h"}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-empty": ({"key": {"lifetime": ""}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-a-number": ({"key": {"lifetime": 24}}, "spec.key.lifetime in body must be of type string"),
    "lifetime-a-date": ({"key": {"lifetime": "9999-12-31T00:00:00Z"}}, f"{A_DURATION} 5m to 8760h"),
    "lifetime-padded": ({"key": {"lifetime": "0" * 32 + "24h"}}, "Too long: may not be more than 32"),
    "every-zero": ({"rotation": {"every": "0s"}}, f"{A_DURATION} 1m to 8760h"),
    "every-second": ({"rotation": {"every": "1s"}}, f"{A_DURATION} 1m to 8760h"),
    "every-without-unit": ({"rotation": {"every": "24"}}, f"{A_DURATION} 1m to 8760h"),
    "renew-before-negative": ({"rotation": {"renewBefore": "-1h"}}, f"{A_DURATION} 0s to 8760h"),
    "renew-before-lifetime": (
        {"key": {"lifetime": "1h"}, "rotation": {"renewBefore": "60m"}},
        "spec.rotation.renewBefore: Invalid value: must be shorter than key.lifetime",
    ),
    "overlap-long": ({"rotation": {"overlap": {"min": "169h"}}}, f"{A_DURATION} 0s to 168h"),
    "overlap-lifetime": (
        {"key": {"lifetime": "1h"}, "rotation": {"overlap": {"min": "1h"}}},
        "spec.rotation.overlap.min: Invalid value: must be shorter than key.lifetime",
    ),
    "overlap-every": (
        {"rotation": {"every": "1h", "overlap": {"min": "2h"}}},
        "spec.rotation.overlap.min: Invalid value: must be at most rotation.every",
    ),
    "quiet-long": ({"rotation": {"quiet": "169h"}}, f"{A_DURATION} 0s to 168h"),
    "quiet-every": (
        {"rotation": {"every": "1h", "quiet": "2h"}},
        "spec.rotation.quiet: Invalid value: must be at most rotation.every",
    ),
    "surge-zero": (
        {"rotation": {"maxSurge": 0}},
        "spec.rotation.maxSurge in body should be greater than or equal to 1",
    ),
    "surge-huge": (
        {"rotation": {"maxSurge": 101}},
        "spec.rotation.maxSurge in body should be less than or equal to 100",
    ),
    "probe-often": ({"health": {"probeEvery": "4s"}}, f"{A_DURATION} 5s to 24h"),
    "probe-rarely": ({"health": {"probeEvery": "25h"}}, f"{A_DURATION} 5s to 24h"),
    "threshold-zero": ({"health": {"failureThreshold": 0}}, "should be greater than or equal to 1"),
    "rate-zero": ({"key": {"rateLimit": {"requestsPerMinute": 0}}}, "should be greater than or equal to 1"),
    "rate-missing": ({"key": {"rateLimit": {}}}, "spec.key.rateLimit.requestsPerMinute: Required value"),
    "scopes-empty": ({"key": {"scopes": []}}, "spec.key.scopes in body should have at least 1 items"),
    "scopes-many": ({"key": {"scopes": [f"s{n}" for n in range(33)]}}, "spec.key.scopes: Too many: 33"),
    "scopes-twice": ({"key": {"scopes": ["chat", "chat"]}}, 'spec.key.scopes[1]: Duplicate value: "chat"'),
    "amount-nothing": ({"key": {"spendLimit": {"amount": "0"}}}, "must be US dollars such as"),
    "amount-number": ({"key": {"spendLimit": {"amount": 5}}}, "must be of type string"),
    "alert-above": ({"key": {"spendLimit": {"amount": "5", "alertAt": [101]}}}, "should be less than or equal to 100"),
    "period": ({"key": {"spendLimit": {"amount": "5", "period": "Hourly"}}}, "Unsupported value"),
    "models-empty": ({"key": {"models": []}}, "spec.key.models in body should have at least 1 items"),
    "model-form": ({"key": {"models": ["gpt 4"]}}, "must be a model such as gpt-4o-mini"),
    "scope-form": ({"key": {"scopes": ["Chat Write"]}}, "must be a scope such as chat:write"),
    "secret-name": ({"secret": {"name": "a..b"}}, "must be a name of lower-case letters"),
    "secret-name-long": ({"secret": {"name": "n" * 249}}, "spec.secret.name: Too long"),
    "pool-name-same": (
        {"secret": {"name": "x", "poolName": "x"}},
        "spec.secret.poolName: Invalid value: must differ from the published Secret's name",
    ),
    "pool-name-of-the-pool": (
        {"secret": {"poolName": "pool-name-of-the-pool"}},
        "spec.secret.poolName: Invalid value: must differ from the published Secret's name",
    ),
    "as-the-relays": (
        {"secret": {"name": "as-the-relays-relay"}},
        "spec.secret: Invalid value: must not name the pool's own name and -relay",
    ),
    "all-as-the-relays": (
        {"secret": {"poolName": "all-as-the-relays-relay"}},
        "spec.secret: Invalid value: must not name the pool's own name and -relay",
    ),
    "creation-policy": ({"secret": {"creationPolicy": "Merge"}}, 'supported values: "Owner", "Adopt"'),
    "entry-form": ({"secret": {"keys": {"apiKey": "a/b"}}}, "must be an entry of a Secret"),
    "entry-hidden": ({"secret": {"keys": {"apiKey": "..data"}}}, "must not begin with '.'"),
    "entry-dot": ({"secret": {"keys": {"baseURL": "."}}}, "must not begin with '.'"),
    "entries-same": ({"secret": {"keys": {"apiKey": "K", "baseURL": "K"}}}, "apiKey and baseURL must be two entries"),
    "entry-same-as-default": ({"secret": {"keys": {"apiKey": "baseURL"}}}, "apiKey and baseURL must be two entries"),
    "labels-long-together": (
        {"secret": {"labels": {f"example.com/{'l' * 60}{number:03}": "v" * 63 for number in range(32)}}},
        "spec.secret.labels: Invalid value: keys and values must have at most 4096 characters together",
    ),
    "annotations-long-together": (
        {"secret": {"annotations": {"a": "x" * 4096, "b": "x" * 4095}}},
        "spec.secret.annotations: Invalid value: keys and values must have at most 8192 characters together",
    ),
    "models-long-together": (
        {"key": {"models": [f"{'m' * 100}{number}" for number in range(41)]}},
        "spec.key.models: Invalid value: all models must have at most 4096 characters together",
    ),
    "label-ours": ({"secret": {"labels": {"keypool.dev/pool": "x"}}}, "keypool sets them"),
    "label-managed-by": ({"secret": {"labels": {"app.kubernetes.io/managed-by": "x"}}}, "keypool sets them"),
    "label-key": ({"secret": {"labels": {"a b": "x"}}}, "keys must be of the form name or example.com/name"),
    "label-value": ({"secret": {"labels": {"team": "-"}}}, "values must be of letters, digits"),
    "label-value-long": ({"secret": {"labels": {"team": "n" * 64}}}, "Too long: may not be more than 63"),
    "labels-many": ({"secret": {"labels": {f"l{n}": "" for n in range(33)}}}, "Too many: 33"),
    "annotation-ours": ({"secret": {"annotations": {"x.keypool.dev/a": "x"}}}, "they are not yours to set"),
    "annotation-of-kubectl": (
        {"secret": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}},
        "they are not yours to set",
    ),
    "annotation-key": ({"secret": {"annotations": {"/x": ""}}}, "keys must be of the form name or example.com/name"),
    "keys-from-itself": (
        {"keysFrom": {"secretRef": {"name": "mine"}}, "secret": {"name": "mine"}},
        "must name a Secret that you fill, not one that keypool writes for this pool",
    ),
    **REFUSED_ACCOUNTING,
    TOO_LONG: ({}, "metadata.name must be at most 200 characters"),
}

A_URL = "must be a URL such as https://api.example.com/v1"
REFUSED_PROVIDERS: dict[str, tuple[dict[str, Any], str]] = {
    "kind-missing": ({"holySheep": None}, "must have exactly one of holySheep"),
    "kind-null": ({"holySheep": None, "openRouter": None}, "null counts as left out: write {}"),
    "two-kinds": ({"liteLLM": {}}, "must have exactly one of holySheep"),
    "auth-missing": ({"auth": None}, "must be given: the admin credential that keys are managed with"),
    "auth-of-static": (
        {"static": {}, "holySheep": None},
        "must be left out: a static provider has no admin credential",
    ),
    "budget-zero": (
        {"requestBudget": {"perMinute": 0}},
        "spec.requestBudget.perMinute in body should be greater than or equal to 1",
    ),
    "budget-of-the-day-tiny": (
        {"requestBudget": {"perDay": 9}},
        "spec.requestBudget.perDay in body should be greater than or equal to 10",
    ),
    "budget-text": (
        {"requestBudget": {"perMinute": "60/m"}},
        "spec.requestBudget.perMinute in body must be of type integer",
    ),
    "plugin-form": ({"holySheep": None, "plugin": {"adapter": "../x"}}, "must be the name of an entry point"),
    "team-form": ({"holySheep": None, "liteLLM": {"team": "../x"}}, "must be an id that the provider gives"),
    "preset-unknown": ({"holySheep": None, "auth": None, "static": {"preset": "Other"}}, "Unsupported value"),
    "project-missing": ({"holySheep": None, "openAI": {}}, "spec.openAI.project: Required value"),
    "no-endpoint": ({"endpoints": []}, "spec.endpoints in body should have at least 1 items"),
    "endpoints-missing": ({"holySheep": None, "liteLLM": {}, "endpoints": None}, "must be given: only holySheep,"),
    "nine-endpoints": ({"endpoints": [{"url": f"https://{n}.example.com"} for n in range(9)]}, "Too many: 9"),
    "endpoints-long-together": (
        {"endpoints": [{"url": f"https://{n}.example.com/{'p' * 1400}"} for n in range(3)]},
        "spec.endpoints: Invalid value: all URLs must have at most 4096 characters together",
    ),
    "options-long-together": (
        {"holySheep": None, "plugin": {"adapter": "x", "options": {f"o{n}": "x" * 1024 for n in range(8)}}},
        "spec.plugin.options: Invalid value: keys and values must have at most 8192 characters together",
    ),
    "option-keys-long": (
        {"holySheep": None, "plugin": {"adapter": "x", "options": {f"{'k' * 400}{n}": "" for n in range(21)}}},
        "spec.plugin.options: Invalid value: keys and values must have at most 8192 characters together",
    ),
    "same-endpoint": (
        {"endpoints": [{"url": "https://a.example"}, {"url": "https://b.example"}, {"url": "https://a.example"}]},
        "must have each URL once",
    ),
    "credentials": ({"endpoints": [{"url": "https://me:pw@api.example.com"}]}, A_URL),
    "ftp": ({"endpoints": [{"url": "ftp://api.example.com"}]}, A_URL),
    "file": ({"endpoints": [{"url": "file:///etc/passwd"}]}, A_URL),
    "query": ({"endpoints": [{"url": "https://api.example.com/v1?key=1"}]}, A_URL),
    "fragment": ({"endpoints": [{"url": "https://api.example.com/v1#x"}]}, A_URL),
    "no-host": ({"endpoints": [{"url": "https:///v1"}]}, A_URL),
    "white-space": ({"endpoints": [{"url": "https://api.example.com/v1\n"}]}, A_URL),
    "empty-label": ({"endpoints": [{"url": "https://a..b"}]}, A_URL),
    "long-label": ({"endpoints": [{"url": f"https://{'a' * 64}.example.com"}]}, A_URL),
    "port-too-large": ({"endpoints": [{"url": "https://api.example.com:65536"}]}, A_URL),
    "zone": ({"endpoints": [{"url": "https://[2606:4700::1111%25eth0]"}]}, A_URL),
    "token-url": (
        {"auth": {"oauth2": {"tokenURL": "https://a..b", "secretRef": {"name": "client"}}}},
        'spec.auth.oauth2.tokenURL: Invalid value: "https://a..b": must be a URL such as',
    ),
    "broken-escape": ({"endpoints": [{"url": "https://api.example.com/%zz"}]}, A_URL),
    "no-secret": ({"auth": {}}, "must have exactly one of secretRef and oauth2"),
    "dialect-unknown": ({"dialects": ["mistral"]}, 'supported values: "openai", "anthropic", "gemini", "azure"'),
    "dialects-none": ({"dialects": []}, "spec.dialects in body should have at least 1 items"),
    "dialect-twice": ({"dialects": ["openai", "openai"]}, "spec.dialects[1]: Duplicate value"),
    "ca-with-a-private-key": (
        {"caBundle": "-----BEGIN EC PRIVATE KEY-----"},
        "spec.caBundle: Invalid value: must not hold a private key: give certificates alone, and replace that key",
    ),
    "ca-twice": (
        {"caBundle": "x", "caSecretRef": {"name": "ca"}},
        "spec.caBundle: Invalid value: must be left out where caSecretRef is given",
    ),
    "ca-too-long": ({"caBundle": "x" * 32769}, "Too long: may not be more than 32768"),
    "ca-secret-without-name": ({"caSecretRef": {}}, "spec.caSecretRef.name: Required value"),
    "two-credentials": (
        {"auth": {"secretRef": {"name": "a"}, "oauth2": {"tokenURL": "https://a.example", "secretRef": {"name": "a"}}}},
        "must have exactly one of secretRef and oauth2",
    ),
    "oauth-scopes-long-together": (
        {
            "auth": {
                "oauth2": {
                    "tokenURL": "https://a.example",
                    "secretRef": {"name": "a"},
                    "scopes": [f"{'s' * 250}{n}" for n in range(9)],
                }
            }
        },
        "spec.auth.oauth2.scopes: Invalid value: all scopes must have at most 2048 characters together",
    ),
    "oauth-scope": (
        {"auth": {"oauth2": {"tokenURL": "https://a.example", "secretRef": {"name": "a"}, "scopes": ["a b"]}}},
        "must be an OAuth scope",
    ),
    "secret-without-name": ({"auth": {"secretRef": {}}}, "spec.auth.secretRef.name: Required value"),
    "secret-entry": ({"auth": {"secretRef": {"name": "a", "key": "a b"}}}, "must be an entry of a Secret"),
}


def selecting(**selector: Any) -> Manifest:
    """A tenant whose namespaces are chosen so."""
    return tenant(namespaceSelector=selector)


LITELLM: dict[str, Any] = {"holySheep": None, "liteLLM": {}}
REFUSED_TENANTS: dict[str, tuple[Manifest, str]] = {
    "nameless": (cluster_provider("nameless", tenant(name=None)), "spec.tenants[0].name: Required value"),
    "tenant-name": (cluster_provider("tenant-name", tenant(name="A B")), "must be a name of lower-case letters"),
    "same-name": (cluster_provider("same-name", tenant(), tenant()), "spec.tenants: Invalid value: must have names of"),
    "tenants-many": (
        cluster_provider("tenants-many", *(tenant(name=f"t{number}") for number in range(65))),
        "spec.tenants: Too many: 65",
    ),
    "no-selector": (cluster_provider("no-selector", tenant(namespaceSelector=None)), "namespaceSelector: Required"),
    "selector-key": (cluster_provider("selector-key", selecting(matchLabels={"a b": ""})), "keys must be of the form"),
    "selector-value": (
        cluster_provider("selector-value", selecting(matchLabels={"team": "a/b"})),
        "must be a label's value",
    ),
    "selector-wide": (
        cluster_provider("selector-wide", selecting(matchLabels={f"l{number}": "" for number in range(17)})),
        "Too many: 17",
    ),
    "operator": (
        cluster_provider("operator", selecting(matchExpressions=[{"key": "a", "operator": "Gt"}])),
        'supported values: "In", "NotIn", "Exists", "DoesNotExist"',
    ),
    "in-nothing": (
        cluster_provider("in-nothing", selecting(matchExpressions=[{"key": "a", "operator": "In"}])),
        "must hold at least one value for In and NotIn",
    ),
    "exists-values": (
        cluster_provider(
            "exists-values", selecting(matchExpressions=[{"key": "a", "operator": "Exists", "values": ["b"]}])
        ),
        "and none for Exists and DoesNotExist",
    ),
    "expression-key": (
        cluster_provider("expression-key", selecting(matchExpressions=[{"key": "/", "operator": "Exists"}])),
        "must be a label of the form name or example.com/name",
    ),
    "limit-zero": (cluster_provider("limit-zero", tenant(limits={"pools": 0})), "should be greater than or equal to 1"),
    "longest-life": (cluster_provider("longest-life", tenant(limits={"maxLifetime": "1m"})), f"{A_DURATION} 5m to"),
    "amount": (
        cluster_provider("amount", tenant(limits={"spendLimit": {"maxAmount": "1e9"}})),
        'must be US dollars such as "25"',
    ),
    "two-sources": (
        cluster_provider(
            "two-sources", tenant(identity={"team": {"value": "a", "fromNamespaceLabel": "team"}}), **LITELLM
        ),
        "must have exactly one of value and fromNamespaceLabel",
    ),
    "no-source": (
        cluster_provider("no-source", tenant(identity={"team": {}}), **LITELLM),
        "must have exactly one of value and fromNamespaceLabel",
    ),
    "identity-form": (
        cluster_provider("identity-form", tenant(identity={"team": {"value": "../x"}}), **LITELLM),
        "must be an id that the provider gives",
    ),
    **{
        f"unknown-{field}": (
            cluster_provider(f"unknown-{field}", tenant(identity={field: {"value": "a"}})),
            f"spec.tenants: Invalid value: identity.{field} is known to",
        )
        for field in ("team", "workspace", "guardrail", "project")
    },
}
