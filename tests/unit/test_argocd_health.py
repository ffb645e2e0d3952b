"""health.lua: what Argo CD shows of our kinds, in every situation that the operator can tell of."""

from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from keypool_lab.argocd import KINDS, PATCH, SCRIPT, layout, patch
from tests.unit.argocd import a_condition, an_object, judge

ROOT = Path(__file__).parents[2]


class State(NamedTuple):
    """One situation; `ready` is the condition's status, or "" where there is none."""

    deleted: bool
    seen: int | None
    ready: str
    stalled: bool
    reconciling: bool
    suspend: bool

    def of(self, kind: str) -> dict[str, Any]:
        """An object of that kind in this situation."""
        shown = [a_condition("Ready", self.ready)] if self.ready else []
        shown += [a_condition("Reconciling")] if self.reconciling else []
        shown += [a_condition("Stalled")] if self.stalled else []
        return an_object(kind, *shown, seen=self.seen, deleted=self.deleted, suspend=self.suspend)


EITHER = (False, True)
SEEN = (2, 1, -1, None)
READY = ("", "True", "False", "Unknown")
STATES = [State(*each) for each in product(EITHER, SEEN, READY, EITHER, EITHER, EITHER)]
BY_READY = {"": "Progressing", "True": "Healthy", "False": "Degraded", "Unknown": "Progressing"}


def expected(state: State) -> str:
    """The health that is right, by what decides first."""
    nothing = not (state.ready or state.stalled or state.reconciling)
    if state.deleted or nothing or state.seen != 2:
        return "Progressing"
    if state.stalled:
        return "Degraded"
    if state.reconciling:
        return "Progressing"
    return "Suspended" if state.suspend and state.ready in {"", "True"} else BY_READY[state.ready]


@pytest.mark.parametrize("kind", KINDS)
def test_the_health_is_right_in_every_situation(kind: str) -> None:
    """Deleted or not, seen or not, Ready, Stalled, Reconciling, suspended: all of them with each other."""
    assert len(STATES) == 256
    wrong = {
        state: (judged, right)
        for state in STATES
        if (judged := judge(state.of(kind)).status) != (right := expected(state))
    }
    assert wrong == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [None, {}, {"observedGeneration": -1}, {"conditions": []}, {"conditions": None}])
def test_what_the_operator_has_not_looked_at_is_in_progress(kind: str, status: Any) -> None:
    """An object just made: Argo CD calls a kind without health healthy, and goes on to the next wave."""
    judged = judge({**an_object(kind), "status": status})
    assert (judged.status, "operator" in judged.message) == ("Progressing", True)


def test_an_object_without_a_spec_breaks_nothing() -> None:
    """What is no table is no error either."""
    assert judge({"metadata": {"generation": 2}, "status": {}}).status == "Progressing"


def test_a_pool_that_is_suspended_before_it_has_keys_is_suspended() -> None:
    """It says nothing of Ready because nobody wants a key, so a sync is not failed for it."""
    judged = judge(an_object("ApiKeyPool", a_condition("Published", "Unknown", "Suspended"), suspend=True))
    assert judged == ("Suspended", "spec.suspend is true; there is no key yet")


def test_a_suspended_pool_without_a_live_key_is_degraded() -> None:
    """Its workloads do not work: that it is suspended is no comfort."""
    ready = a_condition("Ready", "False", "NoLiveKey")
    assert judge(an_object("ApiKeyPool", ready, suspend=True)).status == "Degraded"


def test_that_no_key_works_is_told_before_what_is_done_about_it() -> None:
    """In progress, and no comfort to whoever reads it."""
    judged = judge(an_object("ApiKeyPool", a_condition("Ready", "False", "NoLiveKey"), a_condition("Reconciling")))
    assert judged == ("Progressing", "NoLiveKey: so it is; Because: so it is")


@pytest.mark.parametrize("kind", ["Stalled", "Reconciling"])
def test_a_deletion_says_what_it_waits_for(kind: str) -> None:
    """With the reason and the message that kubectl shows."""
    judged = judge(an_object("ApiKeyPool", a_condition(kind, reason="RevocationRefused"), deleted=True))
    assert judged.message == "being deleted; RevocationRefused: so it is"


@pytest.mark.parametrize("kind", ["Published", "Healthy", "Revoked", "WithinSpendLimit", "WithinBudget"])
@pytest.mark.parametrize("holds", ["False", "Unknown"])
def test_what_is_amiss_or_not_known_beside_a_live_key_is_told(kind: str, holds: str) -> None:
    """Argo CD shows the message: it does not say that all is well."""
    judged = judge(an_object("ApiKeyPool", a_condition("Ready"), a_condition(kind, holds, "Late", "one waits")))
    assert judged == ("Healthy", f"Because: so it is; {kind} is {holds}, Late: one waits")


def test_every_form_holds_the_same_script() -> None:
    """They are generated: `python -m keypool_lab.argocd`."""
    script = (ROOT / SCRIPT).read_text()
    assert (ROOT / PATCH).read_text() == patch(script)
    assert {(ROOT / layout(kind)).read_text() for kind in KINDS} == {script}


def test_argo_cds_config_map_names_each_kind_as_argo_cd_looks_for_it() -> None:
    """`resource.customizations.health.GROUP_KIND`, and the text after YAML is the script. What has no status, such as a
    KeyHolder, is healthy as soon as it is there, as Argo CD assumes by itself."""
    entries = yaml.safe_load((ROOT / PATCH).read_text())["data"]
    crds = [yaml.safe_load(path.read_text())["spec"] for path in (ROOT / "crds").glob("*.yaml")]
    judged = [crd for crd in crds if "status" in crd["versions"][0].get("subresources", {})]
    asked = {f"resource.customizations.health.{crd['group']}_{crd['names']['kind']}" for crd in judged}
    assert entries == dict.fromkeys(asked, (ROOT / SCRIPT).read_text())
