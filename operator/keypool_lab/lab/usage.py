"""What a newcomer is told about a lab that is up."""

import shlex
from pathlib import Path

from keypool_lab.lab.standing import Standing


def usage(standing: Standing, python: str) -> str:
    """How to point kubectl at the lab, switch the simulator's faults, read logs, and end it."""
    folder, lab = standing.folder, standing.simulator_url.removesuffix("/v1") + "/_lab"
    tools = shlex.quote(str(Path(standing.kubectl).parent))
    header = shlex.quote(f"@{folder}/simulator.header")
    fault = '{"kind":"status","status":503,"match":"create","count":3}'
    return f"""\
keypool is up. Point kubectl at it:

  export KUBECONFIG={folder}/kubeconfig
  export PATH="$PATH":{tools}    # a kubectl, should you have none

and then, for example:

  kubectl apply -f manifests/samples/
  kubectl wait --for=condition=Ready akp --all --timeout=60s
  kubectl get akp

The provider simulator is at {standing.simulator_url}:

  LAB={lab} HEADER={header}
  curl -H "$HEADER" "$LAB/record"    # its keys
  curl -H "$HEADER" "$LAB/faults" --json '{fault}'
  curl -H "$HEADER" "$LAB/faults" -X DELETE    # no faults any more
  curl -H "$HEADER" "$LAB/keys/newest/delete" -X POST    # behind keypool's back

In place of "newest" the id of any key will do, and in place of "delete" disable or enable.
keypool finds out when it next checks the key (spec.health.probeEvery, 5 minutes by default).

The operator is at {standing.operator_url}/metrics, /readyz and /healthz, as process {process_id(standing, "operator")}.
Logs: {folder}/operator.log, simulator.log, kube-apiserver.log, ...
End it all: {shlex.quote(python)} -m keypool_lab down
"""


def process_id(standing: Standing, part: str) -> str:
    """The process id of one part, as its keeper noted it."""
    return (Path(standing.folder) / f"{part}.pid").read_text()
