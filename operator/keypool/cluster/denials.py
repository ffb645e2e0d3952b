"""Who refused a request, by name: the API server's fixed wording for each kind of refusal, and nothing else of it.

A policy's or webhook's own text may quote what was sent, so no message is ever passed on: it has to begin as the API
server writes it, and only names are taken, which are DNS names and so hold no value.
"""

import re
from collections.abc import Mapping
from typing import Any

_NAME = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_FORBIDDEN = rf'[a-z][-a-z0-9./]* (?:"{_NAME}" )?is forbidden: '
_VERB = r"create|update|patch|delete|get|list|watch|deletecollection"
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (
            rf"{_FORBIDDEN}ValidatingAdmissionPolicy '({_NAME})' with binding '({_NAME})' denied request",
            "denied by ValidatingAdmissionPolicy {0}, binding {1}",
        ),
        (
            rf"{_FORBIDDEN}ValidatingAdmissionPolicy '({_NAME})' denied request",
            "denied by ValidatingAdmissionPolicy {0}",
        ),
        (
            rf"policy '({_NAME})' with binding '({_NAME})' denied request",
            "denied by MutatingAdmissionPolicy {0}, binding {1}",
        ),
        (rf"{_FORBIDDEN}status unknown for quota: ({_NAME})(?:,|\Z)", "ResourceQuota {0} has no status yet"),
        (rf'admission webhook "({_NAME})" denied the request', "denied by admission webhook {0}"),
        (rf'(?:Internal error occurred: )?failed calling webhook "({_NAME})"', "admission webhook {0} does not answer"),
        (rf"{_FORBIDDEN}(?:exceeded|failed) quota: ({_NAME})[,:]", "denied by ResourceQuota {0}"),
        (
            rf'{_FORBIDDEN}User "[^"]*" cannot ({_VERB}) resource "({_NAME}(?:/[a-z]+)?)" in API group "[-a-z0-9.]*"',
            "the operator may not {0} {1}: RBAC",
        ),
    )
)


def denied_by(answer: Mapping[str, Any]) -> str | None:
    """Names who refused, from a `metav1.Status`; None where it is none of the known forms."""
    message = str(answer.get("message") or "")[:2000]
    for pattern, text in _KINDS:
        if (found := pattern.match(message)) is not None:
            return text.format(*found.groups())
    return None
