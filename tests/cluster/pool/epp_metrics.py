"""The metrics of an EPP, as whoever asks for them with or without a token sees them."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.pool.pools import Pools
from inferencepool_lab.builds.tools import tool


@dataclass(frozen=True)
class EppMetrics:
    """The metrics of an EPP at a port of this machine."""

    pools: Pools
    port: int

    def answer(self, account: str = "") -> tuple[int, str]:
        """The HTTP status and the page that a ServiceAccount is answered with; "" is nobody."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics")
        if account:
            token = self.pools.kubectl("create", "token", account).strip()
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, ""


@contextmanager
def reached(pools: Pools, release: str) -> Iterator[EppMetrics]:
    """Reach the metrics of a release's EPP while the block runs."""
    with forwarded(pools, f"deployment/{release}-epp", 9090) as port:
        yield EppMetrics(pools, port)


@contextmanager
def forwarded(pools: Pools, target: str, remote: int) -> Iterator[int]:
    """Forward a port of this machine to the port `remote` of a pod, such as deployment/NAME, while the block runs."""
    command = [
        str(tool("kubectl")), "--kubeconfig", str(pools.cluster.kubeconfig), "--namespace", pools.namespace,
        "port-forward", "--address=127.0.0.1", target, f":{remote}",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        assert forwarding.stdout
        port = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
        assert port
        try:
            yield int(port[1])
        finally:
            forwarding.terminate()


@contextmanager
def reader(pools: Pools) -> Iterator[str]:
    """Name an account of the namespace that may get /metrics while the block runs."""
    account = f"{pools.namespace}-metrics-reader"
    pools.kubectl("create", "serviceaccount", account)
    pools.cluster.kubectl("create", "clusterrole", account, "--verb=get", "--non-resource-url=/metrics")
    pools.cluster.kubectl(
        "create", "clusterrolebinding", account, f"--clusterrole={account}",
        f"--serviceaccount={pools.namespace}:{account}",
    )  # fmt: skip
    yield account
    pools.cluster.kubectl("delete", "clusterrolebinding,clusterrole", account)
