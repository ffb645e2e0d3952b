"""A `keys.json` is read whole and strictly, or refused with a sentence that shows no value."""

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from keypool_client.document import Newer, Unusable, parse

CANARY = "sk-canary-0"
SCHEMA = json.loads((files("keypool_client") / "keys.schema.json").read_text())


def test_a_file_says_its_pool(file: Any) -> None:
    pool = parse(file())
    assert (pool.name, pool.provider, pool.account, pool.dialects) == ("team-a/chat", "holySheep", "3f9c", ("openai",))
    assert pool.endpoints[0].bases == {"openai": "https://api.example.com/v1"}
    (key,) = pool.keys
    assert (key.id, key.value, key.endpoints) == ("chat-0-ab12", CANARY, ("0",))
    assert (key.rate_group, key.credit_group) == ("chat-0-ab12", "3f9c")


def test_what_a_newer_operator_adds_within_the_version_is_passed_over(file: Any, document: Any) -> None:
    endpoint = document()["endpoints"][0]
    endpoint = {**endpoint, "zone": "a", "bases": {**endpoint["bases"], "mistral": "no URL at all"}}
    key = {**document()["keys"][0], "weight": 3}
    assert parse(file(hint="x", dialects=["mistral", "openai"], endpoints=[endpoint], keys=[key])) == parse(file())


def test_a_newer_version_is_told_apart(file: Any) -> None:
    with pytest.raises(Newer, match=r"version: must be 1; the file is newer, so take a newer keypool-client"):
        parse(file(version=2))


def test_a_pool_without_keys_is_no_mistake(file: Any) -> None:
    assert parse(file(keys=[])).keys == ()


def test_a_hundred_keys_are_read(file: Any, document: Any) -> None:
    key = document()["keys"][0]
    assert len(parse(file(keys=[{**key, "id": f"chat-{slot}-ab"} for slot in range(100)])).keys) == 100


BROKEN = {
    "empty": (b"", "is empty"),
    "blank": (b" \n", "is empty"),
    "cut off": (json.dumps({"version": 1, "value": CANARY}).encode()[:-4], "no JSON"),
    "too large": (b" " * (1024 * 1024 + 1), "larger than 1048576 bytes"),
    "no UTF-8": (b'{"version": "\xff"}', "UTF-8"),
    "nested without end": (b"[" * 200_000, "no JSON"),
    "a number without end": (b'{"version": ' + b"1" * 10_000 + b"}", "no JSON"),
    "no number": (b'{"version": NaN}', "NaN"),
    "a field twice": (b'{"version": 1, "version": 1}', "given twice"),
    "a list": (b"[]", "the file: must be an object"),
}


@pytest.mark.parametrize(("raw", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_no_file_of_ours_is_refused(raw: bytes, says: str) -> None:
    with pytest.raises(Unusable, match=says) as caught:
        parse(raw)
    assert CANARY not in str(caught.value)


def at(path: str, value: Any) -> Any:
    """The document with another value there; Ellipsis takes it out."""

    def change(document: Any) -> Any:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = document
        for part in way:
            place = place[part]
        if value is ...:
            del place[last]
        else:
            place[last] = value
        return document

    return change


def each_at(path: str, *values: Any) -> list[Any]:
    return [at(path, value) for value in values]


KEY_AT_ALL = r"keys\[0\].value: must be visible ASCII characters"
WRONG = {
    "version: must be the number 1": each_at("version", "1", 0, True, None, 1.0),
    "version: is missing": [at("version", ...)],
    "pool: must be NAMESPACE/NAME": each_at("pool", "chat", "a/b/c", CANARY, 1),
    "provider: must be a kind": each_at("provider", "", "holy sheep", None),
    "account: must be a name": each_at("account", "", "a b", "a" * 254, {}),
    "dialects: must be a list of 1 to 16": each_at("dialects", [], "openai", None),
    "dialects: must name at least one of openai, anthropic": [at("dialects", ["mistral"])],
    "dialects: no endpoint has a base URL for gemini": [at("dialects", ["openai", "gemini"])],
    "endpoints: must be a list of 1 to 32 entries, not 0": [at("endpoints", [])],
    r"endpoints\[0\].name: must be a name": each_at("endpoints.0.name", "", "a/b", 0),
    r"endpoints\[0\].bases: must be an object": [at("endpoints.0.bases", "https://api.example.com")],
    r"endpoints\[0\].bases: must have a base URL for at least one": [at("endpoints.0.bases", {})],
    r"endpoints\[0\].bases.openai: must be a URL": [
        at("endpoints.0.bases.openai", url)
        for url in (
            "api.example.com",
            "ftp://api.example.com/v1",
            "https://api.example.com/v1/",
            "https://user:pass@api.example.com/v1",
            "https://api.example.com/v1?key=x",
            "https://api.example.com/v1#x",
            "https://api.example.com/a/../v1",
            "https://api.example.com/./v1",
            "https://api.example.com:99999/v1",
            "https://api.example.com:0/v1",
            "https://[::x]/v1",
            "https://api.example.com/v1\r\nX: y",
            "https://api.example.com/v1\n",
            f"https://{'a' * 2048}",
            7,
        )
    ],
    r"endpoints\[0\].ca: holds a private key": [at("endpoints.0.ca", "-----BEGIN RSA PRIVATE KEY-----")],
    r"endpoints\[0\].ca: must be": [
        at("endpoints.0.ca", each)
        for each in (7, "", "no PEM", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "\u00e9")
    ],
    r"keys: must be a list": each_at("keys", {}, None, [{}] * 1001),
    r"keys\[0\].id: must be a name": each_at("keys.0.id", CANARY + " ", "", None),
    KEY_AT_ALL: [
        at("keys.0.value", each) for each in ("", f"{CANARY}\n", f"{CANARY} ", f"{CANARY}\u00e9", 7, "a" * 8193)
    ],
    r"keys\[0\].endpoints: names an endpoint that is not": [at("keys.0.endpoints", ["1"])],
    r"keys\[0\].endpoints: must be a list": each_at("keys.0.endpoints", [], "0"),
    r"keys\[0\].rateGroup: is missing": [at("keys.0.rateGroup", ...)],
    r"keys\[0\].creditGroup: must be a name": [at("keys.0.creditGroup", "")],
}
CASES = [(change, says) for says, changes in WRONG.items() for change in changes]


@pytest.mark.parametrize(("change", "says"), CASES)
def test_each_field_is_held_to_its_form(change: Any, says: str, document: Any) -> None:
    with pytest.raises(Unusable, match=says) as caught:
        parse(json.dumps(change(document())).encode())
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("field", ["endpoints", "keys"])
def test_a_name_is_given_once(field: str, file: Any, document: Any) -> None:
    with pytest.raises(Unusable, match=rf"{field}\[1\].\w+: is given twice"):
        parse(file(**{field: document()[field] * 2}))


def test_the_schema_is_one_and_takes_what_the_reader_takes(document: Any) -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(document())
    Draft202012Validator(SCHEMA).validate(document(keys=[], more=1))


NOT_IN_A_SCHEMA = ("no endpoint has", "names an endpoint that is not", "bases: must have", "bases.openai", ".ca: ")
IN_THE_SCHEMA = [(change, says) for change, says in CASES if not any(each in says for each in NOT_IN_A_SCHEMA)]


@pytest.mark.parametrize(("change", "says"), IN_THE_SCHEMA)
def test_the_schema_refuses_what_the_reader_refuses(change: Any, says: str, document: Any) -> None:
    changed = change(document())
    if changed.get("version") in (True, 1.0):
        return  # JSON knows one kind of number, and Python's True is 1
    assert not Draft202012Validator(SCHEMA).is_valid(changed), says
