"""What a status says where no other row knows the answer."""

from keypool_client.policy.outcome import FailureClass
from keypool_client.policy.rows.row import Row

_RFC = "from documentation: RFC 9110, section 15, 2026-11-29"
_SDKS = "from source: the SDKs repeat 408 and every status from 500 on (openai-python 3.57 _should_retry), 2026-11-29"

ROWS = (
    Row("status-401", FailureClass.UNKNOWN, _RFC, statuses=(401,)),
    Row("status-402", FailureClass.EXHAUSTED, _RFC, statuses=(402,)),
    Row("status-403", FailureClass.FORBIDDEN, _RFC, statuses=(403,)),
    Row("status-408", FailureClass.TRANSIENT, _SDKS, statuses=(408,)),
    Row(
        "status-429", FailureClass.RATE_LIMITED, "from documentation: RFC 6585, section 4, 2026-11-29", statuses=(429,)
    ),
    Row("status-4xx", FailureClass.CALLER, _RFC, statuses=tuple(range(400, 500))),
    Row("status-5xx", FailureClass.TRANSIENT, _SDKS, statuses=tuple(range(500, 600))),
    Row("no-status", FailureClass.TRANSIENT, "an error within a stream, or no answer that makes sense: decided here"),
)
