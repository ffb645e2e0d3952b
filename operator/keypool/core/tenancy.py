"""Who may use a provider of the cluster, for what, and as whom. Purely computational; without a tenant: nobody.

A refusal stops creating and rotating. What exists stays, and is revoked as ever.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from keypool.api.duration import render
from keypool.api.forms import UPSTREAM_ID
from keypool.api.tenancy import IdentitySource, LabelRequirement, LabelSelector, Tenant, TenantLimits
from keypool.core.effective import Effective
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Identity
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.core.roll import Holder, Roll

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Applicant:
    """The pool that asks. `labels` are its namespace's."""

    uid: str
    namespace: str
    labels: Labels
    wishes: Effective


def grant(
    provider: str, tenants: Iterable[Tenant], applicant: Applicant, pools_of: Callable[[Tenant], Iterable[Holder]]
) -> Identity | Problem:
    """As whom the pool's keys are made, or why none is. `pools_of` a tenant: all, the applicant among them; it is
    asked only where they are counted."""
    tenant = tenant_of(tenants, applicant.labels)
    if tenant is None:
        return _not_a_tenant(provider, applicant.namespace)
    counted = tenant.limits.pools is not None or tenant.limits.keys is not None
    problems = _wishes_refused(tenant.limits, applicant.wishes)
    text = next(problems, None) or (counts_refused(tenant.limits, applicant.uid, pools_of(tenant)) if counted else None)
    if text is not None:
        return Problem(Reason.TENANT_LIMIT, f"{text} (limits of tenant {tenant.name} of ClusterKeyProvider {provider})")
    return _identity(tenant, applicant)


def is_refused(tenant: Tenant, applicant: Applicant) -> bool:
    """Whether the pool is refused, however many pools and keys its tenant has: it then counts for what it has alone."""
    asks_too_much = next(_wishes_refused(tenant.limits, applicant.wishes), None) is not None
    return asks_too_much or isinstance(_identity(tenant, applicant), Problem)


def tenant_of(tenants: Iterable[Tenant], labels: Labels) -> Tenant | None:
    """The first whose selector selects a namespace with these labels."""
    return next((tenant for tenant in tenants if selects(tenant.namespace_selector, labels)), None)


def selects(selector: LabelSelector, labels: Labels) -> bool:
    """As Kubernetes has it: all of it must hold, and an absent label is not In and is NotIn."""
    exact = all(labels.get(key) == value for key, value in (selector.match_labels or {}).items())
    return exact and all(_holds(requirement, labels.get(requirement.key)) for requirement in selector.match_expressions)


def _holds(requirement: LabelRequirement, value: str | None) -> bool:
    match requirement.operator:
        case "In":
            return value in requirement.values
        case "NotIn":
            return value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def _not_a_tenant(provider: str, namespace: str) -> Problem:
    return Problem(
        Reason.NOT_A_TENANT,
        f"namespace {namespace} is no tenant of ClusterKeyProvider {provider}: an administrator has to add a tenant "
        "whose namespaceSelector selects it to spec.tenants, or to label the namespace accordingly",
    )


def _wishes_refused(limits: TenantLimits, wishes: Effective) -> Iterator[str]:
    """What the pool asks for and may not have."""
    if limits.max_lifetime is not None and wishes.lifetime > limits.max_lifetime:
        longest = render(limits.max_lifetime)
        yield f"spec.key.lifetime: {render(wishes.lifetime)} is in force, and {longest} is allowed; set at most that"
    yield from _beyond("spec.key.scopes", wishes.scopes, limits.scopes)
    yield from _beyond("spec.key.models", wishes.limits.models, limits.models)
    if wishes.tags:
        yield "spec.key.tags: must be left out, as tags may decide whose budget is used; an administrator sets them"
    spend, most = wishes.limits.spend, limits.spend_limit.max_amount
    if spend is None and (limits.spend_limit.required or most is not None):
        yield "spec.key.spendLimit: must be given" + (f", with an amount of at most {most}" if most else "")
    if spend is not None and most is not None and spend.amount > Decimal(most):
        yield f"spec.key.spendLimit.amount: {spend.amount} is asked for, and {most} is allowed"


def _beyond(field: str, wanted: tuple[str, ...], allowed: tuple[str, ...] | None) -> Iterator[str]:
    """Left out means all that the provider gives, which is more than a list of what is allowed."""
    if allowed is None:
        return
    choice = ", ".join(allowed)[:300]
    if not wanted:
        yield f"{field}: must be given; allowed are {choice}"
    for one in wanted:
        if one not in allowed:
            yield f"{field}: {one} is not allowed; allowed are {choice}"


def counts_refused(limits: TenantLimits, uid: str, pools: Iterable[Holder]) -> str | None:
    """Why the pool `uid` is too many, or too large. A `Roll` of them is not counted anew."""
    return (pools if isinstance(pools, Roll) else Roll(limits, pools)).refusal(uid)


def held_slots(ledger: Ledger) -> int:
    """The slots that have a key, or are about to get one, or lost it and are to get another."""
    leaving = (KeyState.DRAINING, KeyState.DISABLED, KeyState.REVOKING, KeyState.OWED)
    return len({key.slot for key in ledger.keys if key.state not in leaving})


def _identity(tenant: Tenant, applicant: Applicant) -> Identity | Problem:
    found: dict[str, str] = {}
    for field, source in tenant.identity.given().items():
        value = _value(source, applicant.labels)
        if value is None:
            return _malformed(applicant, field, source.from_namespace_label or "")
        found[field] = value
    return Identity(**found)


def _value(source: IdentitySource, labels: Labels) -> str | None:
    """None where the label is missing or is no id: nothing is ever made for an identity that is empty."""
    if source.value is not None:
        return source.value
    value = labels.get(source.from_namespace_label or "", "")
    return value if re.fullmatch(UPSTREAM_ID, value) else None


def _malformed(applicant: Applicant, field: str, label: str) -> Problem:
    there = label in applicant.labels
    is_now = f"is {applicant.labels[label]!r}" if there else "is missing"
    return Problem(
        Reason.TENANT_IDENTITY,
        f"label {label} of namespace {applicant.namespace} {is_now}: an administrator has to set it to the {field}'s "
        "id at the provider, which begins with a letter or digit and goes on with these and . _ : -",
        not_there_yet=not there,
    )
