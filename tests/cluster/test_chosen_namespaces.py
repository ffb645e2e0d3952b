"""An operator of chosen namespaces alone does not use objects of the cluster, and says so."""

import pytest

from tests.cluster.team import Team, pool_manifest

pytestmark = pytest.mark.usefixtures("operator")


async def test_a_pool_that_names_a_provider_of_the_cluster_is_told_to_name_another(team: Team) -> None:
    await team.apply(pool_manifest(providerRef={"kind": "ClusterKeyProvider", "name": "shared"}))
    said = "this operator serves chosen namespaces alone, and has no rights to objects of the cluster"
    await team.has("chat", "Stalled", "True", "ProviderNotFound", saying=said)
