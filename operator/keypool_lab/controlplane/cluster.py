"""A cluster as its user sees it: where it is, an administrator's kubeconfig, and kubectl."""

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from keypool_lab.controlplane import material

KUBECTL_SECONDS = 180.0


class KubectlError(Exception):
    """kubectl ended with an error; the message is what it wrote to standard error."""


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """What a run of kubectl wrote, and its exit status."""

    stdout: str
    stderr: str
    returncode: int

    def checked(self) -> str:
        """Standard output of a run that has to succeed. Raises KubectlError otherwise."""
        if self.returncode != 0:
            raise KubectlError(self.stderr.strip() or f"exit status {self.returncode}")
        return self.stdout


class Cluster:
    """Any cluster that an administrator's kubeconfig leads to.

    `url` and `ca_path` are the API server's; `folder` is for files that live as long as this object's user wants.
    """

    def __init__(self, *, url: str, ca_path: Path, admin_kubeconfig: Path, kubectl_path: Path, folder: Path) -> None:
        self.url = url
        self.ca_path = ca_path
        self.admin_kubeconfig = admin_kubeconfig
        self.kubectl_path = kubectl_path
        self.folder = folder

    def run_kubectl(self, *args: str, stdin: str | None = None, timeout: float = KUBECTL_SECONDS) -> CompletedRun:
        """Run kubectl as the administrator; blocks. Raises TimeoutError after `timeout` seconds."""
        environment = {
            **os.environ,
            "KUBECONFIG": str(self.admin_kubeconfig),
            "KUBECACHEDIR": str(self.folder / "kubectl-cache"),
            "KUBERC": "off",
        }
        try:
            run = subprocess.run(
                [str(self.kubectl_path), *args],
                input=stdin if stdin is not None else "",
                capture_output=True,
                text=True,
                timeout=timeout,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"kubectl {' '.join(args)} took longer than {timeout:g} s") from None
        return CompletedRun(stdout=run.stdout, stderr=run.stderr, returncode=run.returncode)

    async def kubectl(self, *args: str, stdin: str | None = None, timeout: float = KUBECTL_SECONDS) -> CompletedRun:  # noqa: ASYNC109 - it ends the process
        """The same without blocking the event loop."""
        return await asyncio.to_thread(self.run_kubectl, *args, stdin=stdin, timeout=timeout)

    async def kubeconfig_for(self, namespace: str, service_account: str, lifetime: str = "1h") -> Path:
        """A kubeconfig file of a service account, with a token from the TokenRequest API."""
        run = await self.kubectl("create", "token", service_account, "--namespace", namespace, "--duration", lifetime)
        return self.kubeconfig_with(namespace, service_account, run.checked().strip())

    def kubeconfig_with(self, namespace: str, service_account: str, token: str) -> Path:
        """A kubeconfig file of a service account that has this token."""
        user = f"{namespace}.{service_account}"
        text = material.kubeconfig(self.url, self.ca_path, user, token)
        return material.write_private(self.folder / f"kubeconfig.{user}", text)

    def install_crds(self, folder: Path) -> None:
        """Apply the CRDs in a folder and wait until they are served; blocks. Raises KubectlError when refused."""
        if any(folder.glob("*.yaml")):
            self.run_kubectl("apply", "--server-side", "--force-conflicts", f"--filename={folder}").checked()
            self.run_kubectl("wait", "--for=condition=Established", "--timeout=150s", f"--filename={folder}").checked()
