"""One pool, its provider and everything that can keep a leaked key alive: small steps, in plain words."""

import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import ADMIN_ENTRY, PROVIDER, Object, Team, secret_manifest, to
from tests.waiting import eventually

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
RULES = [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["secrets"]}]


@dataclass(frozen=True)
class Scene:
    """What a way of keeping a leaked key alive may touch."""

    operator: Operator
    team: Team
    simulator: Simulator
    ledgers: Ledgers
    clock: Clock
    _registered: list[str] = field(default_factory=list)

    @property
    def mark(self) -> str:
        """A name that no other test's cluster-wide object has."""
        return f"leak-{self.team.namespace}"

    async def refuse_writes(self) -> None:
        """An admission policy refuses every write of the pool's Secret; waits until it does."""
        policy = {
            "failurePolicy": "Fail",
            "matchConstraints": {"namespaceSelector": self._here, "resourceRules": RULES},
            "validations": [{"expression": "false", "message": "not on Sundays"}],
        }
        await self._register("ValidatingAdmissionPolicy", policy)
        binding = {"policyName": self.mark, "validationActions": ["Deny"]}
        await self._register("ValidatingAdmissionPolicyBinding", binding)
        await eventually(self._is_refused, 30, "the policy refuses the Secret")

    async def rewrite_label(self, label: str) -> None:
        """An admission policy gives the label another value whenever somebody writes the pool's Secret."""
        patch = f'[JSONPatch{{op: "add", path: "/metadata/labels/{label.replace("/", "~1")}", value: "somebody"}}]'
        policy = {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "Never",
            "matchConstraints": {"namespaceSelector": self._here, "resourceRules": RULES},
            "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
        }
        await self._register("MutatingAdmissionPolicy", policy)
        await self._register("MutatingAdmissionPolicyBinding", {"policyName": self.mark})

        async def is_rewritten() -> bool:
            args = ("annotate", "secret", "chat", "--overwrite", "--dry-run=server", "test/x=1", "-o", "json")
            answer = json.loads(await self.team.kubectl(*args))
            return bool(answer["metadata"]["labels"][label] == "somebody")

        await eventually(is_rewritten, 30, "the policy rewrites the label")

    @property
    def _here(self) -> Object:
        return {"matchLabels": {"kubernetes.io/metadata.name": self.team.namespace}}

    async def break_a_webhook(self) -> None:
        """A webhook that has to be asked about the pool's Secret does not answer."""
        hook = {
            "name": "down.example.com",
            "rules": RULES,
            "namespaceSelector": self._here,
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "failurePolicy": "Fail",
            "timeoutSeconds": 1,
        }
        await self._register("ValidatingWebhookConfiguration", None, webhooks=[hook])
        await eventually(self._is_refused, 30, "the webhook is asked")

    async def _register(self, kind: str, spec: Object | None, **fields: Any) -> None:
        self._registered.append(kind)
        manifest = {
            "apiVersion": ADMISSION.removeprefix("/apis/"),
            "kind": kind,
            "metadata": {"name": self.mark},
            **fields,
        }
        await self.team.apply({**manifest, **({"spec": spec} if spec is not None else {})})

    async def unregister(self) -> None:
        """Takes all of it away again."""
        for kind in self._registered:
            await self.team.kubectl("delete", kind, self.mark, "--ignore-not-found")

    async def _is_refused(self) -> bool:
        run = await self.team.cluster.kubectl(
            "-n", self.team.namespace, "annotate", "secret", "chat", "--overwrite", "--dry-run=server", "test/x=1"
        )
        return run.returncode != 0

    async def edit_secret(self, **fields: object) -> None:
        """Changes the published Secret."""
        await self.team.client.patch(paths.secret(self.team.namespace, "chat"), dict(fields))

    async def edit_ledger(self, text: str | None) -> None:
        """Replaces the ledger while no operator runs; None deletes it."""
        path = paths.secret(self.ledgers.namespace, await self.ledgers.name())
        await self.operator.stop()
        if text is None:
            await self.team.client.delete(path)
        else:
            await self.team.client.patch(path, {"stringData": {"ledger.json": text}})

    async def ledger_text(self) -> str:
        """The ledger as it is stored."""
        path = paths.secret(self.ledgers.namespace, await self.ledgers.name())
        return base64.b64decode((await self.team.client.get(path))["data"]["ledger.json"]).decode()

    async def use_credential(self, value: str) -> None:
        """Somebody replaces the admin credential, and points the provider object to it."""
        await self.team.apply(secret_manifest("another", to(self.simulator.url), **{ADMIN_ENTRY: value}))
        change = {"spec": {"auth": {"secretRef": {"name": "another"}}}}
        await self.team.client.patch(paths.provider(self.team.namespace, PROVIDER), change)

    async def provider_is(self, reason: str) -> None:
        """Waits until the provider object says so."""

        async def says() -> bool:
            found = await self.team.client.get(paths.provider(self.team.namespace, PROVIDER))
            conditions = (found.get("status") or {}).get("conditions") or ()
            return any(condition["reason"] == reason for condition in conditions)

        await eventually(says, 20, f"the provider says {reason}")

    async def fault(self, kind: str, match: str, **facts: Any) -> None:
        """The provider fails these calls from now on."""
        self.simulator.faults.add(Fault.model_validate({"kind": kind, "match": match, **facts}))

    async def later(self, seconds: float) -> None:
        """Time passes, and the operator looks at the pool."""
        self.clock.advance(timedelta(seconds=seconds))
        await self.team.poke()

    def series(self, name: str) -> float | None:
        """The value that a metric has for the pool, None without one."""
        for family in text_string_to_metric_families(self.operator.replica.metrics.text().decode()):
            for sample in family.samples:
                if sample.name == name and sample.labels.get("pool") == "chat":
                    return sample.value
        return None

    async def is_told(self, why: str) -> Object:
        """The condition, once it, an Event and the metric say that the leak is not contained, and why."""
        found = await self.team.has("chat", "Revoked", "False", "LeakNotContained", saying=why, deadline=30)

        async def posted() -> bool:
            events = [event for event in await self.team.events() if event["reason"] == "LeakNotContained"]
            return any(why in event["note"] and event["type"] == "Warning" for event in events)

        await eventually(posted, 15, f"an Event says {why}")
        assert (self.series("keypool_pool_leaks_uncontained") or 0) >= 1
        assert self.series("keypool_pool_leaks_uncontained_since_timestamp_seconds")
        return found

    async def is_contained(self, value: str) -> None:
        """The value is dead and stands in no Secret, and nothing says otherwise any more."""

        async def dead() -> bool:
            return value not in {key.value for key in self.simulator.record.live_keys()}

        await eventually(dead, 30, "the leaked key is dead")
        assert await self.team.value() != value
        await self.team.has("chat", "Revoked", "True", deadline=30)
        assert self.series("keypool_pool_leaks_uncontained") is None

    async def everything_said(self) -> str:
        """Pools, providers and Events as JSON, metrics, and the audit log."""
        lists = (paths.pools, paths.providers, paths.events)
        objects = [obj for kind in lists async for obj in self.team.client.list(kind(self.team.namespace))]
        for obj in objects:  # what people wrote is theirs
            obj["metadata"].pop("annotations", None)
            obj["metadata"].pop("managedFields", None)
            obj.pop("spec", None)
        return json.dumps(objects) + self.operator.replica.metrics.text().decode() + self.operator.audit_text()
