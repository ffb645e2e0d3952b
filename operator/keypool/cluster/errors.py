"""What can go wrong at the Kubernetes API, as types that say what to do next.

    KubeError
    ├── NotFound          the object, or its kind, is not there
    ├── AlreadyExists     a create met an object of that name: read it and decide
    ├── Conflict          somebody wrote in between: read again
    ├── Expired           a list's continue token is too old: list from the start
    ├── Forbidden         RBAC, admission, quota or a namespace being deleted
    ├── Invalid           the API server refuses the content: the same again will not help
    ├── Unauthorized      our credentials are not taken
    ├── TooManyRequests   not processed: later, after `retry_after`
    └── Unavailable       connection, timeout or 5xx: later; `maybe_done` tells whether it may have happened

A message never holds anything of a body that was sent: API servers quote refused values, so of their own words only
the reason, the names of fields and who refused (see `cluster.denials`) are kept. Nor does it name a Secret or provider
whose name may be a key that somebody pasted where a name belongs.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from keypool.cluster.denials import denied_by
from keypool.core.wording import is_name

_REFERRED = re.compile(r"(/(?:secrets|keyproviders|clusterkeyproviders)/)([^/ ]+)")
OURS = "keypool-"
"""How the names of the operator's own Secrets begin."""


class KubeError(Exception):
    """A call that failed.

    `status` is the HTTP status, 0 when there was no answer; `reason` the API's CamelCase word. `about`: what was to be
    done, see `told_of`.
    """

    about: str = ""

    def __init__(self, call: str, status: int = 0, reason: str = "", details: str = "") -> None:
        call = _REFERRED.sub(_shown, call)
        self.call, self.status, self.reason, self.details = call, status, reason, details
        what = " ".join(part for part in (str(status or ""), reason) if part)
        super().__init__(f"{call}: {what}" + (f" ({details})" if details else ""))

    @property
    def needs_person(self) -> bool:
        """The same again will not help: somebody denied it, or the content is refused."""
        return False

    @property
    def told(self) -> str:
        """For people: what it was about first."""
        return f"{self.about}: {self}" if self.about else str(self)


def _shown(place: re.Match[str]) -> str:
    """A name that people wrote, as it may be repeated."""
    before, name = place.groups()
    return f"{before}{name}" if name.startswith(OURS) or is_name(name) else f"{before}({len(name)} characters)"


@contextmanager
def told_of(about: str) -> Iterator[None]:
    """A call that fails inside says what it was about, such as "Secret web": a create's path does not name it."""
    try:
        yield
    except KubeError as error:
        error.about = error.about or about
        raise


class NotFound(KubeError):
    """There is no such object, or no such kind."""


class AlreadyExists(KubeError):
    """An object of that name exists."""


class Conflict(KubeError):
    """The resourceVersion, or a precondition, no longer holds."""


class Expired(KubeError):
    """The continue token or resourceVersion is too old (410)."""


class Invalid(KubeError):
    """The content is refused (400, 413, 415, 422); `details` names fields and reasons."""

    @property
    def needs_person(self) -> bool:
        """The same again will not help."""
        return True


class Unauthorized(KubeError):
    """The credentials are refused (401)."""


class Forbidden(KubeError):
    """Refused: 403, or another status that a policy or webhook chose."""

    def __init__(
        self,
        call: str,
        reason: str = "",
        details: str = "",
        *,
        status: int = 403,
        namespace_terminating: bool = False,
        quota_exceeded: bool = False,
    ) -> None:
        self.namespace_terminating, self.quota_exceeded = namespace_terminating, quota_exceeded
        super().__init__(call, status, reason, details)

    @property
    def needs_person(self) -> bool:
        """Unless the namespace goes, and all in it."""
        return not self.namespace_terminating


class TooManyRequests(KubeError):
    """Not processed (429). `retry_after`: seconds that the API server asks for, None when it names none."""

    def __init__(self, call: str, reason: str = "", retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(call, 429, reason)


class Unavailable(KubeError):
    """No usable answer. `maybe_done` is False only when the request certainly never reached the API server."""

    def __init__(self, call: str, status: int = 0, reason: str = "", details: str = "", *, maybe_done: bool) -> None:
        self.maybe_done = maybe_done
        super().__init__(call, status, reason, details)


_BY_STATUS: Mapping[int, type[KubeError]] = {401: Unauthorized, 404: NotFound, 409: Conflict, 410: Expired}


def error_from(call: str, status: int, answer: Mapping[str, Any], retry_after: float | None) -> KubeError:
    """The error for an HTTP status >= 400 and its parsed `metav1.Status` (empty when it was none). Pure."""
    reason = str(answer.get("reason") or "")
    causes = _causes(answer)
    refusal = denied_by(answer)
    details = refusal or ", ".join(dict.fromkeys(f"{field}: {why}" if field else why for field, why in causes))
    if refusal is not None and refusal.startswith("denied by "):
        return Forbidden(call, reason, details, status=status, quota_exceeded="ResourceQuota" in refusal)
    if status == 429:
        return TooManyRequests(call, reason, retry_after)
    if status >= 500:
        return Unavailable(call, status, reason, details, maybe_done=True)
    if status == 403:
        return _forbidden(call, reason, details, causes, str(answer.get("message") or ""))
    if status == 409 and reason == "AlreadyExists":
        return AlreadyExists(call, status, reason)
    return _BY_STATUS.get(status, Invalid)(call, status, reason, details)


def _forbidden(call: str, reason: str, details: str, causes: list[tuple[str, str]], message: str) -> Forbidden:
    """Quota has no machine-readable cause: the API server's fixed wording tells it."""
    quota = "exceeded quota" in message
    return Forbidden(
        call,
        reason,
        details or ("quota exceeded" if quota else ""),
        namespace_terminating=any(why == "NamespaceTerminating" for _, why in causes),
        quota_exceeded=quota,
    )


def _causes(answer: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(field, reason) of each cause; the cause's message, which quotes values, is left out."""
    details = answer.get("details") or {}
    causes = details.get("causes") or []
    return [(str(cause.get("field") or "")[:200], str(cause.get("reason") or "")[:100]) for cause in causes[:10]]
