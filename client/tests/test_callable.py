"""What `api_key=` is given: the key of this moment, and a reason when there is none."""

import asyncio
from typing import Any

import pytest

from keypool_client.callable import NoKey, _Source, api_key, async_api_key


def test_the_first_key_of_the_first_pool_is_given(mounted: Any, file: Any) -> None:
    mounted.write({"0/keys.json": file(), "1/keys.json": file(pool="t/b", keys=[])})
    assert api_key(mounted.path)() == "sk-canary-0"


async def test_the_async_one_gives_the_same(mounted: Any, file: Any) -> None:
    mounted.write({"keys.json": file()})
    source = async_api_key(mounted.path)
    assert await asyncio.gather(*(source() for _ in range(20))) == ["sk-canary-0"] * 20


def test_a_rotation_is_followed_within_a_second(mounted: Any, file: Any, document: Any) -> None:
    now = 10.0
    source = _Source(mounted.path, lambda: now)
    mounted.write({"keys.json": file()})
    assert source.value() == "sk-canary-0"
    mounted.write({"keys.json": file(keys=[{**document()["keys"][0], "value": "sk-canary-1"}])})
    now = 10.9
    assert source.value() == "sk-canary-0"
    now = 11.0
    assert source.value() == "sk-canary-1"


def test_without_a_key_the_reason_is_given_and_it_is_looked_for_again(mounted: Any, file: Any) -> None:
    source = api_key(mounted.path)
    with pytest.raises(NoKey, match="is not there"):
        source()
    mounted.write({"keys.json": file(keys=[])})
    with pytest.raises(NoKey, match="pool team-a/chat has no key at the moment"):
        source()
    mounted.write({"keys.json": file()})
    assert source() == "sk-canary-0"


def test_the_environment_names_the_folder(mounted: Any, file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    mounted.write({"keys.json": file()})
    monkeypatch.setenv("KEYPOOL_FOLDER", str(mounted.path))
    assert api_key()() == "sk-canary-0"


def test_a_source_shows_no_value(mounted: Any, file: Any) -> None:
    mounted.write({"keys.json": file()})
    source = _Source(mounted.path, lambda: 0.0)
    source.value()
    assert "sk-canary" not in f"{source!r} {source._folder.now!r}"
