"""The command lines of the components. Paths are relative to the control plane's folder, which they run in."""

from pathlib import Path

# Those that a cluster's users rely on without nodes: owner references, deletion of namespaces, service accounts.
CONTROLLERS = (
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "validatingadmissionpolicy-status-controller",
)


def etcd(program: Path, folder: Path) -> list[str]:
    """etcd on UNIX sockets in the folder: no port to collide on, and the folder's permissions guard it."""
    client, peer = f"unix://{folder}/etcd.sock", f"unix://{folder}/peer.sock"
    return [
        str(program),
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def kube_apiserver(program: Path, folder: Path, port: int) -> list[str]:
    """kube-apiserver on loopback, with RBAC, its default admission plug-ins, TLS of its own and encryption at rest.

    It may share the port because its owner holds it, bound but not listening, until the server is up.
    """
    return [
        str(program),
        f"--etcd-servers=unix://{folder}/etcd.sock",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={port}",
        "--permit-port-sharing",
        f"--cert-dir={folder}/tls",
        "--authorization-mode=RBAC",
        "--token-auth-file=tokens.csv",
        "--encryption-provider-config=encryption.json",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-account-signing-key-file=service-accounts.key",
        "--service-account-key-file=service-accounts.key",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",
        "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",
        "--profiling=false",
    ]


def kube_controller_manager(program: Path, folder: Path) -> list[str]:
    """kube-controller-manager with the few controllers that are of use here, and no port of its own."""
    return [
        str(program),
        f"--kubeconfig={folder}/kubeconfig",
        f"--root-ca-file={folder}/tls/apiserver.crt",
        "--service-account-private-key-file=service-accounts.key",
        f"--controllers={','.join(CONTROLLERS)}",
        "--concurrent-gc-syncs=4",
        "--concurrent-namespace-syncs=2",
        "--kube-api-qps=100",
        "--kube-api-burst=200",
        "--leader-elect=false",
        "--secure-port=0",
        "--profiling=false",
    ]
