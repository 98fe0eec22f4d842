"""A Kubernetes API server of the tests' own, with etcd and without nodes: it stores and defaults, and runs nothing."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from inferencepool_lab.builds.programs import compiled, module_folder
from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.crds import CRDS
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.process import run
from kit.wait import wait_until

READY_SECONDS = 180
TOKEN = "of-the-tests"


@dataclass(frozen=True)
class ApiServer:
    """An API server with the CRDs of Gateway API and of the Inference Extension."""

    kubeconfig: Path

    def kubectl(self, *arguments: str | Path, stdin: str | None = None) -> str:
        """Run kubectl against it and return what it prints; raises Failure with its cause."""
        return run([tool("kubectl"), "--kubeconfig", self.kubeconfig, *arguments], stdin=stdin, timeout=120)

    def helm(self, tool_name: str, *arguments: str | Path) -> str:
        """Run a helm, `helm3` or `helm4`, against it and return what it prints; raises Failure with its cause."""
        return run([tool(tool_name), "--kubeconfig", self.kubeconfig, *arguments], timeout=120)


@contextmanager
def api_server(folder: Path) -> Iterator[ApiServer]:
    """Start it with its files in a folder, and end it afterwards."""
    programs = compiled(["etcd", "kube-apiserver"])
    ports = {name: _free_port() for name in ("etcd", "peer", "api")}
    etcd: list[str | Path] = [
        programs["etcd"], "--data-dir", folder / "etcd", "--unsafe-no-fsync",
        "--listen-client-urls", f"http://127.0.0.1:{ports['etcd']}",
        "--advertise-client-urls", f"http://127.0.0.1:{ports['etcd']}",
        "--listen-peer-urls", f"http://127.0.0.1:{ports['peer']}",
    ]  # fmt: skip
    key = folder / "accounts.key"
    run(["openssl", "genrsa", "-out", key, "2048"])
    (folder / "tokens.csv").write_text(f"{TOKEN},tests,tests,system:masters\n")
    server: list[str | Path] = [
        programs["kube-apiserver"], f"--etcd-servers=http://127.0.0.1:{ports['etcd']}",
        "--bind-address=127.0.0.1", f"--secure-port={ports['api']}", f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}", "--authorization-mode=RBAC",
        "--service-account-issuer=https://tests", f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}", "--service-cluster-ip-range=10.0.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
    ]  # fmt: skip
    started = ApiServer(_kubeconfig(folder, ports["api"]))
    with _running(folder, etcd), _running(folder, server):
        wait_until(lambda: _answers(started), "the API server is ready", READY_SECONDS)
        for module, path in CRDS:
            started.kubectl("apply", "--server-side", "--filename", module_folder(module) / path)
        yield started


def _answers(server: ApiServer) -> bool:
    try:
        return server.kubectl("get", "--raw=/readyz") == "ok" and bool(server.kubectl("get", "namespace/default"))
    except Failure:
        return False


@contextmanager
def _running(folder: Path, command: list[str | Path]) -> Iterator[None]:
    name = Path(command[0]).parent.name
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.kill()
            process.wait()


def _kubeconfig(folder: Path, port: int) -> Path:
    cluster = {"server": f"https://127.0.0.1:{port}", "insecure-skip-tls-verify": True}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests", "namespace": "default"}}],
        "clusters": [{"name": "tests", "cluster": cluster}],
        "users": [{"name": "tests", "user": {"token": TOKEN}}],
    }
    file = folder / "kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port
