"""What `kubectl get` shows: is it healthy, and what happens next. Details at priority 1 come with `-o wide`."""

Column = dict[str, str | int]


def _text(name: str, path: str, *, wide: bool = False) -> Column:
    return {"name": name, "type": "string", "jsonPath": path} | ({"priority": 1} if wide else {})


def _number(name: str, path: str) -> Column:
    return {"name": name, "type": "integer", "jsonPath": path}


def _ready(field: str) -> str:
    return f'.status.conditions[?(@.type=="Ready")].{field}'


_AGE: Column = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}

POOL_COLUMNS = [
    _text("Ready", _ready("status")),
    _text("Keys", ".status.keysSummary"),
    _text("Secret", ".status.binding.name"),
    _text("Next", ".status.nextAction"),
    _AGE,
    _text("Provider", ".spec.providerRef.name", wide=True),
    _text("Primary", ".status.primaryFingerprint", wide=True),
    _text("Rotation", ".status.nextRotation.at", wide=True),
    _text("Reason", _ready("reason"), wide=True),
    _text("Message", _ready("message"), wide=True),
]

PROVIDER_COLUMNS = [
    _text("Ready", _ready("status")),
    _text("Reason", _ready("reason")),
    _text("Endpoint", ".spec.endpoints[0].url"),
    _text("Note", ".status.note"),
    _AGE,
    _text("Message", _ready("message"), wide=True),
]

HOLDER_COLUMNS = [
    _text("Pools", ".spec.summary.pools"),
    _number("Keys", ".spec.summary.keys"),
    _number("Rejected", ".spec.summary.rejected"),
    _AGE,
    _text("Ids", ".spec.summary.ids", wide=True),
]
"""Of lists inside lists a column shows the first value and passes over the others: so the relay sums them up."""
