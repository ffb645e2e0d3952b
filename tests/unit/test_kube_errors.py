"""The API server's refusals become types that say what to do next, and never quote what was sent."""

from typing import Any

import pytest

from keypool.cluster import errors, paths
from keypool.cluster.client import retry_delay
from keypool.cluster.errors import KubeError, TooManyRequests, Unavailable, error_from, told_of

CANARY = "canary-c0ffee"


@pytest.mark.parametrize(
    ("status", "reason", "kind"),
    [
        (400, "BadRequest", errors.Invalid),
        (401, "Unauthorized", errors.Unauthorized),
        (403, "Forbidden", errors.Forbidden),
        (404, "NotFound", errors.NotFound),
        (409, "AlreadyExists", errors.AlreadyExists),
        (409, "Conflict", errors.Conflict),
        (410, "Expired", errors.Expired),
        (422, "Invalid", errors.Invalid),
        (429, "TooManyRequests", errors.TooManyRequests),
        (500, "InternalError", errors.Unavailable),
        (503, "", errors.Unavailable),
    ],
)
def test_each_status_has_its_type_and_no_type_quotes_the_body(status: int, reason: str, kind: type[KubeError]) -> None:
    cause = {"field": "data[apiKey]", "reason": "FieldValueInvalid", "message": f"Invalid value: {CANARY}"}
    answer = {"reason": reason, "message": f"refused: {CANARY}", "details": {"causes": [cause]}}
    error = error_from("update /api/v1/x", status, answer, None)
    assert type(error) is kind
    assert CANARY not in f"{error} {error!r} {vars(error)}"
    assert error.status == status


FORBIDDEN = 'secrets "web" is forbidden: '
GUARDED = f'admission webhook "guard.example.com" denied the request: {CANARY}'
DENIALS = [
    (
        403,
        f"policy 'labels' with binding 'shop' denied request: expression '{CANARY}' resulted in error: no such key: x",
        "denied by MutatingAdmissionPolicy labels, binding shop",
        True,
    ),
    (
        422,
        FORBIDDEN + f"ValidatingAdmissionPolicy 'no-keys' denied request: failed to configure policy: {CANARY}",
        "denied by ValidatingAdmissionPolicy no-keys",
        True,
    ),
    (
        403,
        FORBIDDEN + "status unknown for quota: small, resources: count/secrets",
        "ResourceQuota small has no status yet",
        True,
    ),
    (
        422,
        FORBIDDEN + f"ValidatingAdmissionPolicy 'no-keys' with binding 'shop' denied request: {CANARY}",
        "denied by ValidatingAdmissionPolicy no-keys, binding shop",
        True,
    ),
    (
        401,
        FORBIDDEN + "ValidatingAdmissionPolicy 'p.example.com' with binding 'b' denied request: failed expression: x",
        "denied by ValidatingAdmissionPolicy p.example.com, binding b",
        True,
    ),
    (
        403,
        f'admission webhook "guard.example.com" denied the request: {CANARY}',
        "denied by admission webhook guard.example.com",
        True,
    ),
    (
        409,
        f'admission webhook "guard.example.com" denied the request: {CANARY}',
        "denied by admission webhook guard.example.com",
        True,
    ),
    (
        500,
        f'admission webhook "guard.example.com" denied the request: {CANARY}',
        "denied by admission webhook guard.example.com",
        True,
    ),
    (
        500,
        f'Internal error occurred: failed calling webhook "down.example.com": failed to call webhook: {CANARY}',
        "admission webhook down.example.com does not answer",
        False,
    ),
    (
        403,
        FORBIDDEN + "exceeded quota: small, requested: secrets=1, used: secrets=0",
        "denied by ResourceQuota small",
        True,
    ),
    (
        403,
        'apikeypools.keypool.dev "web" is forbidden: User "system:serviceaccount:k:k" cannot patch resource '
        '"apikeypools/status" in API group "keypool.dev" in the namespace "shop"',
        "the operator may not patch apikeypools/status: RBAC",
        True,
    ),
]


@pytest.mark.parametrize(("status", "message", "told", "person"), DENIALS)
def test_a_denial_names_who_denied_it_and_nothing_else(status: int, message: str, told: str, person: bool) -> None:
    error = error_from("create /x", status, {"reason": "Invalid", "message": message}, None)
    assert str(error) == f"create /x: {status} Invalid ({told})"
    assert error.needs_person is person
    assert CANARY not in f"{error} {error!r} {vars(error)}"


@pytest.mark.parametrize(
    "message",
    [
        f"{CANARY} ValidatingAdmissionPolicy 'p' with binding 'b' denied request",
        f'admission webhook "{CANARY} x" denied the request',
        f"{FORBIDDEN}exceeded quota: {CANARY.upper()}, x",
        f"denied: {CANARY}",
    ],
)
def test_words_that_have_no_known_form_are_not_repeated(message: str) -> None:
    error = error_from("create /x", 403, {"reason": "Forbidden", "message": message}, None)
    assert CANARY not in str(error).lower()


def test_an_error_says_what_it_was_about_and_the_first_to_say_so_is_right() -> None:
    with pytest.raises(KubeError) as caught, told_of("the pool"), told_of("Secret web"):
        raise errors.Conflict("create /x", 409, "Conflict")
    assert caught.value.told == "Secret web: create /x: 409 Conflict"


def test_an_invalid_field_is_named() -> None:
    cause = {"field": "spec.size", "reason": "FieldValueInvalid"}
    error = error_from("create x", 422, {"reason": "Invalid", "details": {"causes": [cause, cause]}}, None)
    assert str(error) == "create x: 422 Invalid (spec.size: FieldValueInvalid)"


@pytest.mark.parametrize(
    ("answer", "terminating", "quota"),
    [
        ({"details": {"causes": [{"reason": "NamespaceTerminating"}]}}, True, False),
        ({"message": 'secrets "a" is forbidden: exceeded quota: q'}, False, True),
        ({}, False, False),
    ],
)
def test_a_refusal_tells_a_dying_namespace_and_a_quota(answer: dict[str, Any], terminating: bool, quota: bool) -> None:
    error = error_from("create x", 403, answer, None)
    assert isinstance(error, errors.Forbidden)
    assert (error.namespace_terminating, error.quota_exceeded) == (terminating, quota)


@pytest.mark.parametrize(
    ("error", "reads", "attempt", "delay"),
    [
        (TooManyRequests("x", retry_after=3.0), False, 0, 3.0),
        (TooManyRequests("x"), False, 0, 0.2),
        (TooManyRequests("x", retry_after=900.0), True, 0, 10.0),
        (TooManyRequests("x"), True, 3, None),
        (Unavailable("x", 503, maybe_done=True), True, 1, 0.8),
        (Unavailable("x", 503, maybe_done=True), False, 0, None),
        (errors.Conflict("x", 409), True, 0, None),
    ],
)
def test_reads_are_repeated_and_writes_only_when_nothing_was_processed(
    error: KubeError, reads: bool, attempt: int, delay: float | None
) -> None:
    assert retry_delay(error, reads, attempt) == delay


def test_a_name_cannot_leave_its_place_in_a_path() -> None:
    assert paths.secret("ns", "../../x?y#z") == "/api/v1/namespaces/ns/secrets/..%2F..%2Fx%3Fy%23z"


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        (paths.pools(), "apikeypools"),
        (paths.pool_status("ns", "secrets"), "apikeypools/status"),
        (paths.secret("namespaces", "status"), "secrets"),
        (paths.namespaces(), "namespaces"),
        (paths.namespace("x"), "namespaces"),
        (paths.lease("ns", "x"), "leases"),
        (paths.crd("apikeypools"), "customresourcedefinitions"),
    ],
)
def test_metrics_name_the_resource_and_never_the_object(path: str, resource: str) -> None:
    assert paths.resource_of(path) == resource


@pytest.mark.parametrize("kind", ["/api/v1/namespaces/shop/secrets", "/apis/keypool.dev/v1alpha1/clusterkeyproviders"])
def test_a_key_that_stands_where_an_objects_name_belongs_is_not_repeated_as_part_of_the_path(kind: str) -> None:
    pasted = "sk-hs-0123456789abcdefghijklmnop"
    error = Unavailable(f"get {kind}/{pasted}", 503, maybe_done=False)
    assert pasted not in f"{error} {error!r} {error.told} {vars(error)}"
    assert f"get {kind}/(32 characters)" in str(error)


@pytest.mark.parametrize(
    "path",
    [
        paths.secret("keypool-system", "keypool-ledger-6f1c2c0e-7f0e-4d9e-8a51-0d9a3f6f2b11"),
        paths.secret("team-0123456789abcdef0", "chat"),
        paths.pool_status("shop", "chat"),
        paths.secrets("shop"),
    ],
)
def test_names_that_cannot_be_keys_stay_in_the_path(path: str) -> None:
    assert str(Unavailable(f"get {path}", 503, maybe_done=False)) == f"get {path}: 503"


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429, 500, 503])
def test_a_denial_is_one_whatever_status_the_webhook_chose(status: int) -> None:
    error = error_from("create /api/v1/x", status, {"message": GUARDED}, 1.0)
    assert isinstance(error, errors.Forbidden)
    assert error.needs_person
    assert retry_delay(error, reads=False, attempt=0) is None
