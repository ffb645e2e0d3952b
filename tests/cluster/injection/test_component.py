"""The kustomize component, for clusters without the policies: its pods are those that the policies make."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool.cluster.client import KubeClient
from tests.cluster.injection.installing import Injection, Object, pod
from tests.cluster.injection.test_injected import relay, volumes
from tests.cluster.installation import MANIFESTS, only, render

COMPONENT = MANIFESTS / "relay" / "component"
EVERY = {"openai": ["."], "anthropic": ["anthropic", "relay"], "gemini": ["gemini", "relay"], "none": ["relay"]}


def deployment(dialect: str, pools: str, **spec: Any) -> Object:
    """One whose pods ask for these pools."""
    notes = {"keypool.dev/pool": pools} | ({} if dialect == "openai" else {"keypool.dev/env": dialect})
    made = pod({"name": "a", "image": "a"}, {"name": "b", "image": "b", "env": [{"name": "X", "value": "1"}]}, **spec)
    template = {"metadata": {"labels": {"app": "app"}, "annotations": notes}, "spec": made["spec"]}
    body = {"selector": {"matchLabels": {"app": "app"}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}, "spec": body}


def rendered(injection: Injection, folder: Path, manifest: Object, parts: list[str], **more: Any) -> Object:
    """The pod template that kustomize makes of it."""
    components = [os.path.relpath(COMPONENT / part, folder.resolve()) for part in parts]
    (folder / "deployment.yaml").write_text(json.dumps(manifest))
    body = {"resources": ["deployment.yaml"], "components": components, **more}
    (folder / "kustomization.yaml").write_text(json.dumps(body))
    found: Object = only(render(injection.cluster, folder), "Deployment")["spec"]["template"]
    return found


async def made(admin: KubeClient, namespace: str, template: Object) -> Object:
    """The pod of a template, by a server-side dry run."""
    metadata = {"name": "app", **template["metadata"]}
    body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    return await admin.create(f"/api/v1/namespaces/{namespace}/pods", body, dry_run=True)


INIT: list[Object] = [{"name": "first", "image": "f"}, {"name": "log", "image": "l", "restartPolicy": "Always"}]


@pytest.mark.parametrize("dialect", EVERY)
@pytest.mark.parametrize("init", [[], INIT], ids=["plain", "with init containers"])
async def test_it_gives_the_same_pod_as_the_policy(
    dialect: str, init: list[Object], admin: KubeClient, injection: Injection, tmp_path: Path
) -> None:
    """In a namespace that the policies do not touch, and in one that they do."""
    more = {"initContainers": init} if init else {}
    manifest = deployment(dialect, "chat-main", automountServiceAccountToken=False, **more)
    ours = await made(admin, injection.system, rendered(injection, tmp_path, manifest, EVERY[dialect]))
    theirs = await made(admin, injection.namespace, manifest["spec"]["template"])
    assert ours["spec"] == theirs["spec"]
    assert ours["metadata"]["annotations"] == theirs["metadata"]["annotations"]


async def test_where_the_policies_are_too_they_leave_it_as_it_is(
    admin: KubeClient, injection: Injection, tmp_path: Path
) -> None:
    template = rendered(injection, tmp_path, deployment("openai", "chat", automountServiceAccountToken=False), ["."])
    apart, together = [await made(admin, name, template) for name in (injection.system, injection.namespace)]
    assert apart["spec"] == together["spec"]


async def test_the_image_is_set_as_kustomize_sets_images_and_a_fallback_by_a_patch(
    admin: KubeClient, injection: Injection, tmp_path: Path
) -> None:
    """As docs/injection.md has it."""
    sources = [
        {"secret": {"name": f"{name}-relay", "items": [{"key": "keys.json", "path": f"{place}/keys.json"}], **optional}}
        for place, (name, optional) in enumerate([("chat", {}), ("chat-backup", {"optional": True})])
    ]
    patch = {"volumes": [{"name": "keypool-keys", "projected": {"sources": sources}}]}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "app"}}
    body = {**target, "spec": {"template": {"spec": patch}}}
    images = [{"name": "keypool-relay", "newName": "registry.example.com/relay", "newTag": "1.2.3"}]
    manifest = deployment("openai", "chat,chat-backup")
    more = {"patches": [{"patch": json.dumps(body)}], "images": images}
    ours = await made(admin, injection.system, rendered(injection, tmp_path, manifest, ["."], **more))
    assert relay(ours)["image"] == "registry.example.com/relay:1.2.3"
    theirs = await made(admin, injection.namespace, manifest["spec"]["template"])
    assert volumes(ours)["keypool-keys"] == volumes(theirs)["keypool-keys"]


def test_the_manifests_of_the_page_are_taken(injection: Injection) -> None:
    """Those that are for a cluster as they stand."""
    page = (MANIFESTS.parent / "docs" / "injection.md").read_text()
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    whole = [block for block in blocks if "selector" in block.get("spec", {}) or block["kind"] == "NetworkPolicy"]
    assert [block["kind"] for block in whole] == ["Deployment", "NetworkPolicy"]
    for block in whole:
        run = injection.ask(block)
        assert (run.returncode, run.stderr) == (0, "")
