"""The status of an `ApiKeyPool`: is it healthy, which keys are there, and what happens next."""

from typing import Annotated

from pydantic import Field

from keypool.api.status import Conditions, Line, StatusModel, Text, Time, Word


class KeyStatus(StatusModel):
    """One upstream key of the pool; never its value."""

    name: Annotated[Line, Field(description="Name of the key at the provider.")]
    slot: Annotated[int, Field(description="Which of the pool's places it fills, from 0.")]
    state: Annotated[
        Word,
        Field(
            description="intended, unresolved, held, created, active, withdrawn, draining, disabled, revoking or owed; "
            "docs/lifecycle.md explains them.",
        ),
    ]
    label: Annotated[
        Line | None, Field(description="Entry of the Secret that spec.keysFrom names, for a key that people made.")
    ] = None
    primary: Annotated[bool, Field(description="True for the key in the published Secret's apiKey.")] = False
    fingerprint: Annotated[
        Word | None, Field(description="First 12 hexadecimal digits of the value's SHA-256, to recognise a key by.")
    ] = None
    created_at: Annotated[Time | None, Field(description="When the provider made it.")] = None
    expires_at: Annotated[Time | None, Field(description="When it stops working by itself.")] = None


class Counts(StatusModel):
    """How many keys are in which part of their life."""

    published: Annotated[int, Field(description="In the Secret for workloads to use.")] = 0
    draining: Annotated[int, Field(description="Replaced, still working until the overlap is over.")] = 0
    disabled: Annotated[int, Field(description="Disabled, to be revoked after the quiet period.")] = 0
    revoking: Annotated[int, Field(description="Being revoked.")] = 0
    unresolved: Annotated[int, Field(description="Their create answer was lost; being looked for.")] = 0
    held: Annotated[int, Field(description="Lost for good; counted as live until they must have expired.")] = 0
    owed: Annotated[int, Field(description="Could not be revoked: a person has to, at the provider.")] = 0


class NextRotation(StatusModel):
    """The rotation that is under way, else the next one that is due by itself or was asked for."""

    at: Annotated[
        Time | None,
        Field(description="When it begins. Absent while it is under way, due now, or overdue: then why says so."),
    ] = None
    overdue_since: Annotated[
        Time | None, Field(description="When it was due, for one that could not begin in time.")
    ] = None
    slot: Annotated[int, Field(description="Which slot rotates.")]
    why: Annotated[Text, Field(description="Why, such as: every 24h; and what it waits for.")]


class LastRotation(StatusModel):
    """The last time that a key took another one's place in the Secret."""

    at: Annotated[Time, Field(description="When the Secret was seen with the new key.")]
    slot: Annotated[int, Field(description="Which slot rotated.")]
    reason: Annotated[
        Word,
        Field(
            description="Why, such as: interval, expiry, requested, spec changed, key rejected, compromised, supplied "
            "by people."
        ),
    ]
    new_fingerprint: Annotated[Word, Field(description="Fingerprint of the new key.")]
    old_fingerprint: Annotated[Word | None, Field(description="Fingerprint of the key that it replaced.")] = None
    old_key_works_until: Annotated[
        Time | None,
        Field(
            description="Until when the old key works at least: pods that take the key from the environment or a "
            "subPath need a restart by then. Absent where it is rejected, or revoked at once, or only people revoke it."
        ),
    ] = None


class Binding(StatusModel):
    """Where workloads find the key (Service Binding for Kubernetes)."""

    name: Annotated[Line, Field(description="Name of the published Secret.")]


class Handled(StatusModel):
    """Requests by annotation that were carried out; the same request again does nothing. A text that may hold a secret
    is not repeated: its length stands for it."""

    rotate: Annotated[Text | None, Field(description="Token of keypool.dev/rotate that was handled last.")] = None
    compromised: Annotated[
        Text | None,
        Field(description="The report that was handled last; absent while a reported key is not proven dead."),
    ] = None
    clear_lost: Annotated[Text | None, Field(description="Value of keypool.dev/clear-lost that was handled last.")] = (
        None
    )
    abandon: Annotated[Text | None, Field(description="Value of keypool.dev/abandon that was handled last.")] = None
    undo_revoke: Annotated[
        Text | None, Field(description="Value of keypool.dev/undo-revoke that was handled last.")
    ] = None


class Effective(StatusModel):
    """The tunables as they apply now, defaults filled in; durations as Go writes them."""

    lifetime: Annotated[Word, Field(description="How long a key lives at most.")]
    every: Annotated[Word, Field(description="Each key is replaced after this time.")]
    renew_before: Annotated[Word, Field(description="A key is replaced at the latest this long before it expires.")]
    overlap_min: Annotated[Word, Field(description="How long a replaced key goes on working at least.")]
    quiet: Annotated[Word, Field(description="How long a disabled key can be brought back before it is revoked.")]
    max_surge: Annotated[int, Field(description="How many slots rotate at the same time.")]
    probe_every: Annotated[Word, Field(description="How often each key is checked at the provider.")]
    failure_threshold: Annotated[int, Field(description="Rejections in a row after which a key is withdrawn.")]
    granted_lifetime: Annotated[
        Word | None,
        Field(description="How long the provider lets a key live, where that is not what it was asked for."),
    ] = None


class SettingWarning(StatusModel):
    """Something about the pool's settings that is accepted, and from which an outage follows."""

    reason: Annotated[Word, Field(description="What, in one word that a program may compare.")]
    message: Annotated[Text, Field(description="What follows, and what to set instead.")]


class ApiKeyPoolStatus(StatusModel):
    """What keypool has made of the pool."""

    observed_generation: Annotated[int | None, Field(description="Generation of the spec last seen.")] = None
    conditions: Conditions = ()
    next_action: Annotated[
        Word | None,
        Field(
            description="What happens next, in words, such as: rotate slot 1 at 2026-11-24 09:00Z. At most 40 "
            "characters, so that kubectl's table stays narrow.",
        ),
    ] = None
    next_rotation: Annotated[
        NextRotation | None, Field(description="The rotation that is under way, else the next one.")
    ] = None
    last_rotation: Annotated[
        LastRotation | None, Field(description="The last time that a key took another one's place in the Secret.")
    ] = None
    keys_summary: Annotated[Word | None, Field(description="Published keys of those wanted, such as 2/2.")] = None
    replicas: Annotated[int, Field(description="How many keys are published, for the scale subresource.")] = 0
    counts: Annotated[Counts | None, Field(description="How many keys are in which part of their life.")] = None
    primary_fingerprint: Annotated[
        Word | None, Field(description="Fingerprint of the key in the published Secret's apiKey.")
    ] = None
    keys: Annotated[
        tuple[KeyStatus, ...],
        Field(
            max_length=1024,
            description="Every upstream key of the pool, by its name.",
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ] = ()
    binding: Annotated[Binding | None, Field(description="Where workloads find the key.")] = None
    handled: Annotated[Handled | None, Field(description="Requests by annotation that were carried out.")] = None
    effective: Annotated[Effective | None, Field(description="The tunables as they apply now.")] = None
    warnings: Annotated[
        tuple[SettingWarning, ...] | None,
        Field(
            max_length=16,
            description="Settings that are accepted, and from which an outage follows; an Event tells each once. They "
            "make no condition false: what is asked for is done.",
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["reason"]},
        ),
    ] = None
