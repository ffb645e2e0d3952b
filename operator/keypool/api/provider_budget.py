"""How many requests an account may be sent."""

from typing import Annotated

from pydantic import Field

from keypool.api.model import ApiModel


class RequestBudget(ApiModel):
    """Requests that keypool may send to the account, those of all pools together."""

    per_minute: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000,
            description="Requests in any 60 seconds (1 to 100000). Omitted: no such limit. Changed in place.",
        ),
    ] = None
    per_day: Annotated[
        int | None,
        Field(
            ge=10,
            le=100_000_000,
            description="Requests in any 24 hours (10 to 100000000); their number survives restarts of the operator. "
            "Omitted: no such limit. Changed in place.",
        ),
    ] = None
