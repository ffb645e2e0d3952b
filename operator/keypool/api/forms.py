"""Strings with a form: names, entries of Secrets, scopes, URLs. The API server's RE2 and pydantic read them alike.

Each says its form in words too, because that is what `kubectl apply` answers (see `crd_schema.FORM`).
"""

from typing import Annotated

from pydantic import Field

FORM = "x-keypool-form"
"""Key beside a pattern in a model's schema: the same in words. The CRD then says the words, not the pattern."""

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
"""A DNS subdomain (RFC 1123), the form of most names in Kubernetes."""
_NAME = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
QUALIFIED, PREFIXED = rf"^({SUBDOMAIN}/)?{_NAME}$", rf"^{SUBDOMAIN}/{_NAME}$"
"""Names of labels and the like: with or without a domain before them; with one."""

Name = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=f"^{SUBDOMAIN}$",
        json_schema_extra={
            FORM: "must be a name of lower-case letters, digits, '-' and '.', with a letter or digit at either end"
        },
    ),
]

DataKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^[-._a-zA-Z0-9]+$",
        json_schema_extra={FORM: "must be an entry of a Secret, of letters, digits, '-', '_' and '.'"},
    ),
]

Scope = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[a-z0-9][a-z0-9:._-]*$",
        json_schema_extra={FORM: "must be a scope such as chat:write, of lower-case letters, digits and : . _ -"},
    ),
]

Amount = Annotated[
    str,
    Field(
        min_length=1,
        max_length=11,
        pattern=r"^(0\.(0[1-9]|[1-9][0-9]?)|[1-9][0-9]{0,7}(\.[0-9]{1,2})?)$",
        json_schema_extra={FORM: 'must be US dollars such as "25" or "2.50", from 0.01 to 99999999.99'},
    ),
]

Percent = Annotated[int, Field(ge=1, le=100)]

Model = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:./@_-]*$",
        json_schema_extra={
            FORM: "must be a model such as gpt-4o-mini or openai/gpt-4o, of letters, digits and : . / @ _ -"
        },
    ),
]

Tag = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9:./@_-]*$",
        json_schema_extra={FORM: "must be a tag such as team-a or cost:4711, of letters, digits and : . / @ _ -"},
    ),
]

MetadataValue = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=r"^[ -~]*$",
        json_schema_extra={FORM: "must be of printable ASCII characters"},
    ),
]

OAuthScope = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=r"^[!#-\[\]-~]+$",
        json_schema_extra={FORM: "must be an OAuth scope: printable characters but space, double quote and backslash"},
    ),
]

UPSTREAM_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]*$"

UpstreamId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=UPSTREAM_ID,
        json_schema_extra={FORM: "must be an id that the provider gives, of letters, digits and . _ : -"},
    ),
]

LabelKey = Annotated[
    str,
    Field(
        min_length=1,
        max_length=317,
        pattern=QUALIFIED,
        json_schema_extra={FORM: "must be a label of the form name or example.com/name"},
    ),
]

LabelValue = Annotated[
    str,
    Field(
        max_length=63,
        pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        json_schema_extra={FORM: "must be a label's value of letters, digits, '-', '_' and '.'"},
    ),
]

BASE_URL = r"^https?://([A-Za-z0-9][-A-Za-z0-9.]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[-A-Za-z0-9._~%/]*)?$"

BaseUrl = Annotated[
    str,
    Field(
        min_length=8,
        max_length=2048,
        pattern=BASE_URL,
        json_schema_extra={
            FORM: "must be a URL such as https://api.example.com/v1 with a host, and without credentials, query or "
            "fragment; credentials stand in the Secret that auth names"
        },
    ),
]
