"""What a running pool leaves open: ports, users, tokens, metrics, and other teams' routes."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.namespace import Namespace, Refused, new_namespace
from kit.node import on_node, processes
from kit.pools import install, part
from kit.route import Release

LISTENING = {"model-server": {8000, 8080}, "epp": {9002, 9003, 9090}}
USER = "eve"


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[Namespace]:
    """The namespace of a team, with a pool whose metrics need a token, and a route."""
    with new_namespace(cluster, "security", uninstall=True) as namespace:
        install(namespace, "pool-old", {"modelServer.replicas": 1, "epp.metricsAuth": True})
        Release(namespace).install(f"--set-json=hostnames={json.dumps([namespace.host])}")
        yield namespace


@pytest.mark.parametrize("component", LISTENING)
def test_a_pod_listens_on_the_ports_that_it_declares_and_on_no_other(team: Namespace, component: str) -> None:
    for pod in team.pods(part(component)):
        process = processes(team.cluster, pod["metadata"]["uid"])[0]
        lines = on_node(team.cluster, "nsenter", "--target", process, "--net", "ss", "-Hltn").splitlines()
        open_ports = {int(line.split()[3].rsplit(":", 1)[1]) for line in lines if "127.0.0.1" not in line.split()[3]}
        assert open_ports == LISTENING[component]
        spec = pod["spec"]
        containers = [*spec["containers"], *spec.get("initContainers", [])]
        assert {port["containerPort"] for c in containers for port in c.get("ports", [])} == open_ports


@pytest.mark.parametrize("component", LISTENING)
def test_no_process_of_a_pod_is_root(team: Namespace, component: str) -> None:
    for pod in team.pods(part(component)):
        found = processes(team.cluster, pod["metadata"]["uid"])
        assert found
        files = [f"/proc/{process}/status" for process in found]
        users = re.findall(r"^Uid:\s+(\d+)\s+(\d+)", on_node(team.cluster, "cat", *files), re.MULTILINE)
        assert len(users) == len(found)
        assert "0" not in {user for pair in users for user in pair}


def test_only_the_epp_has_a_token_for_it_alone_asks_the_api(team: Namespace) -> None:
    def has_token(pod: dict[str, Any]) -> bool:
        return any("serviceAccountToken" in json.dumps(volume) for volume in pod["spec"]["volumes"])

    assert not any(has_token(pod) for pod in team.pods(part("model-server")))
    assert all(has_token(pod) for pod in team.pods(part("epp")))


@pytest.mark.parametrize(("may_read", "status"), [(None, "401"), (False, "403"), (True, "200")])
def test_the_epp_s_metrics_need_a_token_that_may_read_them(team: Namespace, may_read: bool | None, status: str) -> None:
    name = f"reader-{secrets.token_hex(3)}"
    header = []
    if may_read is not None:
        team.kubectl("create", "serviceaccount", name)
        header = ["--header", f"Authorization: Bearer {team.kubectl('create', 'token', name).strip()}"]
    if may_read:
        team.kubectl("create", "clusterrole", name, "--verb=get", "--non-resource-url=/metrics")
        team.kubectl(
            "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount={team.name}:{name}"
        )
    try:
        (epp,) = team.pods(part("epp"))
        url = f"http://{epp['status']['podIP']}:9090/metrics"
        seen = on_node(
            team.cluster, "curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", *header, url
        )
    finally:
        if may_read:
            team.kubectl("delete", f"clusterrolebinding/{name}", f"clusterrole/{name}")
    assert seen == status


def test_an_admin_of_another_namespace_can_t_shift_a_team_s_route(team: Namespace) -> None:
    with new_namespace(team.cluster, "other-team") as elsewhere:
        elsewhere.kubectl("create", "role", USER, "--verb=*", "--resource=*.*")
        elsewhere.kubectl("create", "rolebinding", USER, f"--role={USER}", f"--user={USER}")
        before = team.get("httproute/route")["spec"]
        with pytest.raises(Refused, match="forbidden"):
            team.kubectl(
                f"--as={USER}", "patch", "httproute", "route", "--type=merge", '--patch={"spec": {"rules": []}}'
            )
        with pytest.raises(Refused, match="forbidden"):
            Release(team).upgrade("--kube-as-user", USER, "--reuse-values", "--set", "weights.new=50")
        assert team.get("httproute/route")["spec"] == before
