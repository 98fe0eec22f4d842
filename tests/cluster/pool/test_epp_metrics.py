"""Who reads the EPP's metrics when `epp.metricsAuth` asks for a token."""

from __future__ import annotations

import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from cluster.pool.pools import Pools
from inferencepool_rollout.tools import tool

RELEASE = "asked"
ALONE = {"modelServer.replicas": 0, "lora": {"mode": "none", "adapters": []}, "aliases": []}


@dataclass(frozen=True)
class Metrics:
    """The metrics of the EPP at a port of this machine."""

    pools: Pools
    port: int

    def status(self, account: str = "") -> int:
        """The HTTP status that a ServiceAccount is answered with; "" is nobody."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/metrics")
        if account:
            token = self.pools.kubectl("create", "token", account).strip()
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.fixture(scope="module")
def metrics(pools: Pools) -> Iterator[Metrics]:
    """An EPP that asks for a token, and two accounts: `reader` may get /metrics, `other` may not."""
    pools.install(RELEASE, {**ALONE, "epp.metricsAuth": True})
    cluster, role = pools.cluster, f"{pools.namespace}-metrics-reader"
    for account in ("reader", "other"):
        pools.kubectl("create", "serviceaccount", account)
    cluster.kubectl("create", "clusterrole", role, "--verb=get", "--non-resource-url=/metrics")
    cluster.kubectl(
        "create", "clusterrolebinding", role, f"--clusterrole={role}", f"--serviceaccount={pools.namespace}:reader"
    )
    command = [
        str(tool("kubectl")), "--kubeconfig", str(cluster.kubeconfig), "--namespace", pools.namespace,
        "port-forward", "--address=127.0.0.1", f"deployment/{RELEASE}-epp", ":9090",
    ]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forwarding:
        assert forwarding.stdout
        port = re.search(r"127\.0\.0\.1:(\d+)", forwarding.stdout.readline())
        assert port
        yield Metrics(pools, int(port[1]))
        forwarding.terminate()
    cluster.kubectl("delete", "clusterrolebinding,clusterrole", role)
    pools.helm("uninstall", RELEASE)  # its ClusterRole is in no namespace


def test_who_may_get_the_path_reads_metrics(metrics: Metrics) -> None:
    assert metrics.status("reader") == 200


def test_nobody_else_does(metrics: Metrics) -> None:
    assert (metrics.status(), metrics.status("other")) == (401, 403)


def test_without_its_right_to_review_tokens_it_lets_nobody_in(metrics: Metrics) -> None:
    pools = metrics.pools
    role = f"{pools.namespace}-{RELEASE}-epp-metrics-auth"
    pools.cluster.kubectl("patch", "clusterrole", role, "--type=json", '--patch=[{"op": "remove", "path": "/rules/0"}]')
    pools.kubectl("create", "serviceaccount", "later")  # one whose review is not cached
    assert metrics.status("later") == 500
