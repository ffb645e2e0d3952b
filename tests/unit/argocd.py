"""Argo CD's judgement of an object: our health.lua in a Lua 5.1 that has what Argo's has, and no more."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from keypool_lab.argocd import SCRIPT

lua51 = pytest.importorskip("lupa.lua51", reason="the Lua interpreter of requirements/dev.txt is missing: make install")
HEALTH = (Path(__file__).parents[2] / SCRIPT).read_text()
KINDS = ("ApiKeyPool", "KeyProvider", "ClusterKeyProvider")
GIVEN = {"_G", "_VERSION", "assert", "error", "getmetatable", "ipairs", "next", "pairs", "pcall", "rawequal", "rawget",
         "rawset", "select", "setmetatable", "table", "tonumber", "tostring", "type", "unpack", "xpcall"}  # fmt: skip
"""What Argo CD leaves of Lua's base, and `table`; there is no `string`, not even as methods of a string."""


class Judgement(NamedTuple):
    """What Argo CD shows."""

    status: str
    message: str


def judge(obj: Mapping[str, Any], script: str = HEALTH) -> Judgement:
    """The script's answer for an object as the API server has it."""
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    lua.execute('getmetatable("").__index = nil')
    for name in [name for name in lua.globals() if name not in GIVEN]:
        lua.globals()[name] = None
    lua.globals()["obj"] = _table(lua, obj)
    answer = lua.execute(script)
    return Judgement(answer["status"], answer["message"])


def _table(lua: Any, value: Any) -> Any:
    """As gopher-lua takes JSON: null is nil, every number is a float."""
    if isinstance(value, Mapping):
        return lua.table_from({name: _table(lua, part) for name, part in value.items() if part is not None})
    if isinstance(value, Sequence) and not isinstance(value, str):
        return lua.table_from([_table(lua, part) for part in value])
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def an_object(kind: str, *conditions: dict[str, Any], seen: int | None = 2, **facts: Any) -> dict[str, Any]:
    """An object of generation 2. `seen`: the generation that the operator saw; `facts`: suspend, deleted."""
    metadata: dict[str, Any] = {"name": "chat", "generation": 2}
    if facts.get("deleted"):
        metadata["deletionTimestamp"] = "2026-11-29T00:00:00Z"
    status = {"observedGeneration": seen, "conditions": [*conditions]}
    spec = {"suspend": facts["suspend"]} if "suspend" in facts else {}
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec, "status": status}


def a_condition(kind: str, status: str = "True", reason: str = "Because", message: str = "so it is") -> dict[str, Any]:
    """A condition as the operator writes it."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 2}
