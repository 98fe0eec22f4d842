"""What a running pool leaves open: ports, users, tokens, metrics, and other teams' routes."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from charts import CHARTS, VALUES
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.failure import Failure
from node import on_node, processes

LISTENING = {"model-server": {8000, 8080}, "epp": {9002, 9003, 9090}}
USER, OTHER_TEAM = "eve", "other-team"


@dataclass(frozen=True)
class Team:
    """A namespace with a pool, whose metrics need a token, and a route."""

    cluster: Cluster
    namespace: str

    def kubectl(self, *arguments: str) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *arguments)

    def pods(self, component: str) -> list[dict[str, Any]]:
        selector = f"--selector=app.kubernetes.io/component={component}"
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", "pods", selector, "--output=json"))["items"]
        return items

    def processes(self, pod: dict[str, Any]) -> list[str]:
        """Process ids, in the node, of the pod's containers."""
        return processes(self.cluster, pod["metadata"]["uid"])


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[Team]:
    namespace = f"security-{secrets.token_hex(3)}"
    made = Team(cluster, namespace)
    cluster.kubectl("create", "namespace", namespace)
    try:
        cluster.helm(
            "install", "pool-old", CHARTS / "inferencepool", "--namespace", namespace, "--values",
            VALUES / "pool/kind/simulator.yaml", "--set", "modelServer.replicas=1,epp.metricsAuth=true", "--wait",
            "--timeout", "3m",
        )  # fmt: skip
        cluster.helm("install", "route", CHARTS / "rollout-route", "--namespace", namespace, "--set-json",
                     f'hostnames=["{namespace}.example.com"]')  # fmt: skip
        yield made
    finally:
        cluster.helm("uninstall", "route", "pool-old", "--namespace", namespace, "--ignore-not-found")
        cluster.kubectl("delete", "namespace", namespace, "--wait=false")


@pytest.mark.parametrize("component", LISTENING)
def test_a_pod_listens_on_the_ports_that_it_declares_and_on_no_other(team: Team, component: str) -> None:
    for pod in team.pods(component):
        lines = on_node(
            team.cluster, "nsenter", "--target", team.processes(pod)[0], "--net", "ss", "-Hltn"
        ).splitlines()
        open_ports = {int(line.split()[3].rsplit(":", 1)[1]) for line in lines if "127.0.0.1" not in line.split()[3]}
        assert open_ports == LISTENING[component]
        spec = pod["spec"]
        containers = [*spec["containers"], *spec.get("initContainers", [])]
        assert {port["containerPort"] for c in containers for port in c.get("ports", [])} == open_ports


@pytest.mark.parametrize("component", LISTENING)
def test_no_process_of_a_pod_is_root(team: Team, component: str) -> None:
    for pod in team.pods(component):
        processes = team.processes(pod)
        assert processes
        files = [f"/proc/{process}/status" for process in processes]
        users = re.findall(r"^Uid:\s+(\d+)\s+(\d+)", on_node(team.cluster, "cat", *files), re.MULTILINE)
        assert len(users) == len(processes)
        assert "0" not in {user for pair in users for user in pair}


def test_only_the_epp_has_a_token_for_it_alone_asks_the_api(team: Team) -> None:
    def has_token(pod: dict[str, Any]) -> bool:
        return any("serviceAccountToken" in json.dumps(volume) for volume in pod["spec"]["volumes"])

    assert not any(has_token(pod) for pod in team.pods("model-server"))
    assert all(has_token(pod) for pod in team.pods("epp"))


@pytest.mark.parametrize(("may_read", "status"), [(None, "401"), (False, "403"), (True, "200")])
def test_the_epp_s_metrics_need_a_token_that_may_read_them(team: Team, may_read: bool | None, status: str) -> None:
    name = f"reader-{secrets.token_hex(3)}"
    header = []
    if may_read is not None:
        team.kubectl("create", "serviceaccount", name)
        header = ["--header", f"Authorization: Bearer {team.kubectl('create', 'token', name).strip()}"]
    if may_read:
        team.kubectl("create", "clusterrole", name, "--verb=get", "--non-resource-url=/metrics")
        team.kubectl(
            "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={team.namespace}:{name}"
        )
    try:
        (epp,) = team.pods("epp")
        url = f"http://{epp['status']['podIP']}:9090/metrics"
        seen = on_node(
            team.cluster, "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *header, url
        )
    finally:
        if may_read:
            team.kubectl("delete", f"clusterrolebinding/{name}", f"clusterrole/{name}")
    assert seen == status


def test_an_admin_of_another_namespace_can_t_shift_a_team_s_route(team: Team) -> None:
    elsewhere = f"{OTHER_TEAM}-{secrets.token_hex(3)}"
    team.cluster.kubectl("create", "namespace", elsewhere)
    try:
        team.cluster.kubectl("--namespace", elsewhere, "create", "role", USER, "--verb=*", "--resource=*.*")
        team.cluster.kubectl(
            "--namespace", elsewhere, "create", "rolebinding", USER, f"--role={USER}", f"--user={USER}"
        )
        before = team.kubectl("get", "httproute", "route", "--output=jsonpath={.spec}")
        with pytest.raises(Failure, match="forbidden"):
            team.kubectl(
                f"--as={USER}", "patch", "httproute", "route", "--type=merge", '--patch={"spec": {"rules": []}}'
            )
        with pytest.raises(Failure, match="forbidden"):
            team.cluster.helm(
                "upgrade", "route", CHARTS / "rollout-route", "--namespace", team.namespace, "--kube-as-user", USER,
                "--reuse-values", "--set", "weights.new=50",
            )  # fmt: skip
        assert team.kubectl("get", "httproute", "route", "--output=jsonpath={.spec}") == before
    finally:
        team.cluster.kubectl("delete", "namespace", elsewhere, "--wait=false")
