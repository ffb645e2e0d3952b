"""The status of both kinds: a report for people and tools, never an input of the operator.

Everything is written whole and compared with what stands there, so nothing here changes merely because time passes:
times are absolute, usage is a metric. Write it with `dump`.
"""

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Time = Annotated[
    datetime,
    PlainSerializer(_rfc3339, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64}),
]
"""A moment in UTC, written to whole seconds as Kubernetes does: 2026-11-24T09:00:00Z."""


def _cut(most: int, text: object) -> object:
    return text[: most - 1] + "\u2026" if isinstance(text, str) and len(text) > most else text


Word = Annotated[str, BeforeValidator(partial(_cut, 128)), Field(max_length=128)]
"""A name of ours, a digest, a duration."""
Line = Annotated[str, BeforeValidator(partial(_cut, 253)), Field(max_length=253)]
"""A name that others give, such as that of a Secret or of an entry of one."""
Text = Annotated[str, BeforeValidator(partial(_cut, 1024)), Field(max_length=1024)]
"""What is said to people, or repeated of what they said. Whatever is longer is cut where it is written."""
Url = Annotated[str, BeforeValidator(partial(_cut, 2048)), Field(max_length=2048)]


class StatusModel(BaseModel):
    """Base of all parts of a status: camelCase outside, frozen, and lenient towards fields of newer versions."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, hide_input_in_errors=True)

    def dump(self) -> dict[str, Any]:
        """The JSON object for the API server: camelCase, absent where None."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


class Condition(StatusModel):
    """One aspect of the object's state, in the shape of metav1.Condition."""

    type: Annotated[Word, Field(description="Which aspect, such as Ready or Stalled.")]
    status: Annotated[Literal["True", "False", "Unknown"], Field(description="Whether it holds.")]
    reason: Annotated[Word, Field(description="Why, in one word that a program may compare.")]
    message: Annotated[Text, Field(description="Why, and what to do, for people. It never holds a secret value.")]
    observed_generation: Annotated[
        int | None,
        Field(description="Generation of the object this speaks of; for Ready the generation satisfied last."),
    ] = None
    last_transition_time: Annotated[Time, Field(description="When status last changed.")]


Conditions = Annotated[
    tuple[Condition, ...],
    Field(
        max_length=32,
        description="Ready sums up. Reconciling and Stalled are there only while True: in progress, and a person must "
        "act.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"]},
    ),
]


def _can(what: str) -> Any:  # noqa: ANN401
    return Field(default=False, description=what)


class ProviderCapabilities(StatusModel):
    """What the provider behind this object can do."""

    creates_keys: bool = _can("It makes keys; otherwise people put them into the Secret that spec.keysFrom names.")
    lists_keys: bool = _can("It lists the keys of the account.")
    lists_names: bool = _can("Its listing shows names: a key whose answer was lost is found.")
    lists_values: bool = _can("Its listing shows the values of keys.")
    lists_inactive: bool = _can("Its listing shows every key, also disabled ones: what is missing does not exist.")
    chooses_value: bool = _can("keypool chooses a key's value, so a create call can be repeated without harm.")
    sets_expiry: bool = _can("It makes keys that expire by themselves.")
    changes_limits: bool = _can("A key's limits and models are changed in place, without a rotation.")
    disables_keys: bool = _can("A key is disabled first and deleted later, so that a mistake can be undone.")
    sets_spend_limit: bool = _can("It enforces a spending limit for each key.")
    limits_group_spend: bool = _can("It enforces a spending limit that the keys of a pool share.")
    sets_rate_limit: bool = _can("It enforces a rate limit for each key.")
    limits_account: bool = _can("Its rate limit counts for the account: more keys give no more throughput.")
    sets_scopes: bool = _can("It limits what each key may do.")
    sets_models: bool = _can("It limits which models each key may use.")
    sets_tags: bool = _can("Its keys have tags, by which it accounts for what they spend.")
    sets_metadata: bool = _can("Its keys say which namespace and pool they are for, and what the pool adds.")
    tells_last_use: bool = _can("It tells when a key was used last.")
    tells_usage: bool = _can("It tells what a key spent, or how many requests it made.")
    deletes_keys: bool = _can("It revokes keys when asked; otherwise a person has to.")
    activation_lag: Annotated[Word, Field(description="How long a new, good key may be rejected (Go duration).")]
    listing_lag: Annotated[Word, Field(description="How long a new key may be missing from a listing (Go duration).")]
    revocation_lag: Annotated[
        Word, Field(description="How long a deleted key may still be accepted (Go duration).")
    ] = "0s"
    max_lifetime: Annotated[
        Word | None, Field(description="Longest life that it grants a key (Go duration). Absent: no limit.")
    ] = None


class EndpointStatus(StatusModel):
    """One of the provider's endpoints."""

    url: Annotated[Url, Field(description="Its base URL.")]
    state: Annotated[
        Literal["Closed", "Open", "HalfOpen"],
        Field(
            description="Closed: it works. Open: it failed several times in a row and is not used. HalfOpen: the next "
            "call tries it again.",
        ),
    ]


class KeyProviderStatus(StatusModel):
    """What keypool found out about the provider."""

    reached: Annotated[
        bool | None,
        Field(
            description="True once the provider took the admin credential (or, where there is none, answered): from "
            "then on spec.endpoints is immutable."
        ),
    ] = None

    observed_generation: Annotated[int | None, Field(description="Generation of the spec last seen.")] = None
    conditions: Conditions = ()
    capabilities: Annotated[
        ProviderCapabilities | None, Field(description="What the provider can do, which decides what keypool does.")
    ] = None
    note: Annotated[
        Word | None,
        Field(
            description="What people should look at although the provider may be Ready, in at most 24 characters: why "
            "what the object says now is not in use, or that not the preferred endpoint is."
        ),
    ] = None
    endpoints: Annotated[
        tuple[EndpointStatus, ...] | None,
        Field(
            max_length=8,
            description="The endpoints in order of preference, and the state of each one's circuit breaker.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ] = None
