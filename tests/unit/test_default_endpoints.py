"""Providers that are at one place for everybody need no endpoint in their objects, which stay as they were written."""

from typing import Any

import pytest
from pydantic import ValidationError

from keypool.api.provider import KeyProviderSpec
from keypool.api.provider_options import DEFAULT_ENDPOINTS, KINDS
from keypool.api.tenancy import ClusterKeyProviderSpec

OPTIONS = {"openAI": {"project": "proj_1"}, "plugin": {"adapter": "acme"}}


def manifest(kind: str, **fields: Any) -> dict[str, Any]:
    """Of a provider without an endpoint."""
    auth = {} if kind == "static" else {"auth": {"secretRef": {"name": "admin"}}}
    return {kind: OPTIONS.get(kind, {}), **auth, **fields}


@pytest.mark.parametrize("model", [KeyProviderSpec, ClusterKeyProviderSpec])
@pytest.mark.parametrize("kind", DEFAULT_ENDPOINTS)
def test_an_endpoint_that_is_left_out_is_the_providers_own(kind: str, model: type[KeyProviderSpec]) -> None:
    written = manifest(kind)
    assert [each.url for each in model.model_validate(written).endpoints] == [DEFAULT_ENDPOINTS[kind]]
    assert "endpoints" not in written


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in DEFAULT_ENDPOINTS])
def test_any_other_needs_one_and_the_message_says_which_do_not(kind: str) -> None:
    with pytest.raises(ValidationError, match="endpoints must be given: only holySheep, openRouter, openAI have one"):
        KeyProviderSpec.model_validate(manifest(kind))


def test_an_endpoint_that_is_given_is_the_one() -> None:
    given = KeyProviderSpec.model_validate(manifest("openAI", endpoints=[{"url": "https://eu.api.openai.com/v1"}]))
    assert [each.url for each in given.endpoints] == ["https://eu.api.openai.com/v1"]


@pytest.mark.parametrize("spec", [{}, {"openAI": None}, {"endpoints": []}, {"endpoints": "x"}, 7])
def test_what_is_no_spec_is_refused_as_ever(spec: Any) -> None:
    with pytest.raises(ValidationError):
        KeyProviderSpec.model_validate(spec)
