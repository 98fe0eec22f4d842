"""What is open to whom: a pool's ports to those who need them, and what its pods reach."""

from __future__ import annotations

import pytest

from kit.namespace import Namespace
from kit.pod_network import visitor
from kit.two_pools import TwoPools
from kit.wait import wait_until
from long.network_policy.scene import NAMED, UNNAMED, Scene

OPEN = {
    "the gateway": {"http", "grpc"},
    "monitoring": {"http", "syncer", "metrics"},
    "its other server": {"http", "syncer"},
    "the other pool's EPP": set(),
    "the other pool's server": set(),
    "a pod of the same namespace": set(),
    "a pod of another namespace": set(),
}


def test_a_policy_that_denies_all_closes_a_port_that_was_open(namespace: Namespace) -> None:
    target, other = (visitor(namespace, name) for name in ("target", "visitor"))
    port = (target, NAMED)
    wait_until(lambda: other.reached(port) == {port}, "the port is open")
    deny = {"podSelector": {"matchLabels": {"app": "target"}}, "policyTypes": ["Ingress"]}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"}, "spec": deny}
    namespace.apply(kind)
    wait_until(lambda: not other.reached(port), "the policy closes it")
    namespace.kubectl("delete", "networkpolicy", "deny")
    wait_until(lambda: other.reached(port) == {port}, "without the policy it is open again")


@pytest.mark.parametrize("who", OPEN)
def test_a_pool_is_open_to_those_who_need_it_and_to_nobody_else(scene: Scene, who: str) -> None:
    def as_wanted() -> bool:
        return scene.open_to(who) == OPEN[who]

    wait_until(as_wanted, f"exactly {OPEN[who] or 'nothing'} is open to {who}")


def test_a_model_server_reaches_what_its_egress_names_and_nothing_else(scene: Scene) -> None:
    stranger = scene.others["a pod of another namespace"]
    asked = ((stranger, NAMED), (stranger, UNNAMED), (scene.epp, 9090))
    server = scene.servers[0]
    wait_until(lambda: server.reached(*asked) == {(stranger, NAMED)}, "only what is named")


def test_an_epp_reaches_its_model_servers_and_no_other_pod(scene: Scene) -> None:
    own = {(server, 8000) for server in scene.servers}
    stranger = scene.others["a pod of another namespace"]
    asked = (*own, (scene.servers[0], 8080), (stranger, NAMED), (scene.others["the other pool's server"], 8000))
    wait_until(lambda: scene.epp.reached(*asked) == own, "only its servers")


def test_a_model_server_resolves_names(pools: TwoPools) -> None:
    pod = pools.pods("model-server")[0]
    look_up = "import socket; print(socket.getaddrinfo('kubernetes.default.svc.cluster.local', 443)[0][4][0])"
    printed = pools.namespace.kubectl("exec", pod, "--container=lora-syncer", "--", "python3", "-c", look_up)
    address = pools.namespace.cluster.kubectl("get", "service/kubernetes", "--output=jsonpath={.spec.clusterIP}")
    assert printed.strip() == address
