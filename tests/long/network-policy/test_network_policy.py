"""Two pools behind their NetworkPolicies, on a network that enforces them: what they need passes, and nothing else."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from charts import CHARTS, VALUES, Manifest, only, render
from clusters import standing
from faults.bench import OTHER, STRUCK, Bench, bench
from inferencepool_lab.cluster import network_policy
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.attribution import by_pool, gained, picks, pool_pods
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.verdict import judge
from pod_network import VISITED, Place, Pod
from waiting import wait_until

FOLLOWED_SECONDS = 60
KUBELET_SECONDS = 180  # a changed ConfigMap reaches a pod's volume in a minute or more
# With a share of 20 % in place of 10 % the split would be refused with a power of 0.98; alpha is judge's 0.001.
REQUESTS = 400
WEIGHTS = {STRUCK: 10, OTHER: 90}
NAMED, UNNAMED = VISITED
MONITORING = {"part": "monitoring"}
GATEWAY = {"gateway.networking.k8s.io/gateway-name": "inference-gateway"}
GATEWAYS = {
    "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
    "podSelector": {"matchLabels": GATEWAY},
}
POLICY = {
    "enabled": True,
    "gateways": [GATEWAYS],
    "monitoring": [{"namespaceSelector": {"matchLabels": MONITORING}}],
    "modelServerEgress": [{"ports": [{"port": NAMED}]}],
}
POLICIES = ["--set-json", f"networkPolicy={json.dumps(POLICY)}"]
PORTS = {
    "http": ("model-server", 8000),
    "syncer": ("model-server", 8080),
    "grpc": ("epp", 9002),
    "health": ("epp", 9003),
    "metrics": ("epp", 9090),
}


@dataclass(frozen=True)
class Scene:
    """The pods of the first pool, and those that try its ports."""

    servers: list[Pod]
    epp: Pod
    others: Mapping[str, Pod]

    def open_to(self, who: str) -> set[str]:
        """Names of the ports of a model server and of the EPP that one of `others` reaches."""
        targets = {"model-server": self.servers[0], "epp": self.epp}
        asked = {(targets[component], port): name for name, (component, port) in PORTS.items()}
        return {asked[target] for target in self.others[who].reached(*asked)}


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """A cluster of these tests' own: what enforces policies stays in it."""
    with standing(request.config, "-policy", 20) as made:
        network_policy.enforce(made)
        yield made


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[Bench]:
    """Two pools behind their policies, which fail closed: without its EPP a request to one is lost."""
    with bench(cluster, "FailClose", {STRUCK: POLICIES, OTHER: POLICIES}) as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere(cluster: Cluster) -> Iterator[Place]:
    """A namespace of another team."""
    with place(cluster) as made:
        yield made


@pytest.fixture(scope="module")
def monitoring(cluster: Cluster) -> Iterator[Place]:
    """The namespace whose pods may read metrics."""
    with place(cluster, MONITORING) as made:
        yield made


@contextmanager
def place(cluster: Cluster, labels: Mapping[str, str] | None = None) -> Iterator[Place]:
    name = f"place-{secrets.token_hex(3)}"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}
    cluster.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(namespace))
    yield Place(cluster, name)
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="module")
def scene(pools: Bench, elsewhere: Place, monitoring: Place) -> Scene:
    own = Place(pools.cluster, pools.namespace)
    gateway = Place(pools.cluster, "default").pods(",".join(f"{key}={value}" for key, value in GATEWAY.items()))[0]
    (epp,) = part(own, STRUCK, "epp")
    servers = part(own, STRUCK, "model-server")
    others = {
        "the gateway": gateway,
        "monitoring": monitoring.visitor("prometheus"),
        "its other server": servers[1],
        "the other pool's EPP": part(own, OTHER, "epp")[0],
        "the other pool's server": part(own, OTHER, "model-server")[0],
        "a pod of the same namespace": own.visitor("neighbour"),
        "a pod of another namespace": elsewhere.visitor("stranger"),
    }
    return Scene(servers, epp, others)


def part(own: Place, release: str, component: str) -> list[Pod]:
    return own.pods(f"app.kubernetes.io/instance={release},app.kubernetes.io/component={component}")


OPEN = {
    "the gateway": {"http", "grpc"},
    "monitoring": {"http", "syncer", "metrics"},
    "its other server": {"http", "syncer"},
    "the other pool's EPP": set(),
    "the other pool's server": set(),
    "a pod of the same namespace": set(),
    "a pod of another namespace": set(),
}


def test_a_policy_that_denies_all_closes_a_port_that_was_open(namespace: str, cluster: Cluster) -> None:
    own = Place(cluster, namespace)
    target, visitor = (own.visitor(name) for name in ("target", "visitor"))
    port = (target, NAMED)
    wait_until(lambda: visitor.reached(port) == {port}, "the port is open", FOLLOWED_SECONDS)
    deny = {"podSelector": {"matchLabels": {"app": "target"}}, "policyTypes": ["Ingress"]}
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "deny"}, "spec": deny}
    own.kubectl("apply", "--filename=-", stdin=yaml.safe_dump(kind))
    wait_until(lambda: not visitor.reached(port), "the policy closes it", FOLLOWED_SECONDS)
    own.kubectl("delete", "networkpolicy", "deny")
    wait_until(lambda: visitor.reached(port) == {port}, "without the policy it is open again", FOLLOWED_SECONDS)


@pytest.mark.parametrize("who", OPEN)
def test_a_pool_is_open_to_those_who_need_it_and_to_nobody_else(scene: Scene, who: str) -> None:
    def as_wanted() -> bool:
        return scene.open_to(who) == OPEN[who]

    wait_until(as_wanted, f"exactly {OPEN[who] or 'nothing'} is open to {who}", FOLLOWED_SECONDS)


def test_a_model_server_reaches_what_its_egress_names_and_nothing_else(scene: Scene) -> None:
    stranger = scene.others["a pod of another namespace"]
    asked = ((stranger, NAMED), (stranger, UNNAMED), (scene.epp, 9090))
    server = scene.servers[0]
    wait_until(lambda: server.reached(*asked) == {(stranger, NAMED)}, "only what is named", FOLLOWED_SECONDS)


def test_an_epp_reaches_its_model_servers_and_no_other_pod(scene: Scene) -> None:
    own = {(server, 8000) for server in scene.servers}
    stranger = scene.others["a pod of another namespace"]
    asked = (*own, (scene.servers[0], 8080), (stranger, NAMED), (scene.others["the other pool's server"], 8000))
    wait_until(lambda: scene.epp.reached(*asked) == own, "only its servers", FOLLOWED_SECONDS)


def test_a_model_server_resolves_names(pools: Bench) -> None:
    pod = pools.pods("model-server")[0]
    look_up = "import socket; print(socket.getaddrinfo('kubernetes.default.svc.cluster.local', 443)[0][4][0])"
    printed = pools.kubectl("exec", pod, "--container=lora-syncer", "--", "python3", "-c", look_up)
    address = pools.cluster.kubectl("get", "service/kubernetes", "--output=jsonpath={.spec.clusterIP}")
    assert printed.strip() == address


def test_a_split_of_90_to_10_holds_and_loses_nothing(pools: Bench) -> None:
    pools.split(WEIGHTS[STRUCK])
    pools.follow(WEIGHTS[STRUCK])
    api = pools.cluster.client()
    before = {pool: picks(api, pools.namespace, pool) for pool in WEIGHTS}
    answers = send(pools.cluster.gateway_url, pools.request(), Plan(count=REQUESTS))
    picked = gained(before, {pool: picks(api, pools.namespace, pool) for pool in WEIGHTS})
    answered = by_pool(answers, pool_pods(api, pools.namespace))
    verdict = judge(WEIGHTS, answered, picked, lost=answers.lost, causes=answers.causes())
    assert verdict.passed, verdict.findings


def test_each_epp_scrapes_its_model_servers(pools: Bench) -> None:
    """It knows of running requests from their metrics alone."""
    pools.split(50)

    def seen() -> bool:
        return all(
            gauge(pools, pool, "ready_pods") == 2 and gauge(pools, pool, "average_running_requests") > 0
            for pool in (STRUCK, OTHER)
        )

    with background(pools.cluster.gateway_url, pools.request(stream=True), Plan(workers=16, seconds=300)):
        wait_until(seen, "the EPPs tell of running requests", FOLLOWED_SECONDS)


def gauge(pools: Bench, pool: str, name: str) -> float:
    """A gauge that the pool's EPP exports of it."""
    (pod,) = pools.pods("epp", pool)
    page = pools.kubectl("get", f"--raw=/api/v1/namespaces/{pools.namespace}/pods/{pod}:9090/proxy/metrics")
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return next(sample.value for sample in samples if sample.name == f"inference_pool_{name}")


@pytest.mark.parametrize("pool", [STRUCK, OTHER])
def test_helm_test_passes(pools: Bench, pool: str) -> None:
    pools.helm("test", pool, "--timeout=120s")
    printed = pools.kubectl("logs", f"{pool}-test")
    assert printed.count("food-review-1") == 2
    assert "all well" in printed


def test_the_syncer_loads_an_adapter_that_is_added(pools: Bench) -> None:
    adapters = [{"id": name, "source": f"org/{name}"} for name in ("food-review-1", "travel")]
    upgrade(pools, "--set-json", f"lora.adapters={json.dumps(adapters)}")

    def served() -> bool:
        path = f"/api/v1/namespaces/{pools.namespace}/pods/{{}}:8000/proxy/v1/models"
        pages = [pools.kubectl("get", f"--raw={path.format(pod)}") for pod in pools.pods("model-server")]
        return all("travel" in {model["id"] for model in json.loads(page)["data"]} for page in pages)

    wait_until(served, "all servers serve the adapter", KUBELET_SECONDS)


CHANGES = {
    "plugins": ("--set", "epp.plugins.preset=lora-affinity"),
    "servers": ("--set", "modelServer.podAnnotations.changed=yes"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_upgrade_under_load_loses_nothing(pools: Bench, change: str) -> None:
    component = {"plugins": "epp", "servers": "model-server"}[change]
    before = pools.pods(component)
    pools.split(50)
    with background(pools.cluster.gateway_url, pools.request(), Plan(rate=50, seconds=300)) as load:
        time.sleep(1)
        upgrade(pools, *CHANGES[change])
        pools.kubectl("wait", "--for=delete", *(f"pod/{name}" for name in before), "--timeout=120s")
        time.sleep(1)
    answers = load.answers()
    assert answers.lost == 0, answers.causes()
    assert not set(before) & set(pools.pods(component))


def upgrade(pools: Bench, *words: str) -> None:
    """Upgrade the first pool, with what it was installed with and these."""
    pools.helm(
        "upgrade", STRUCK, CHARTS / "inferencepool", "--reset-then-reuse-values", *words, "--wait", "--timeout=3m"
    )
    pools.ready()


def test_an_adopted_pool_whose_ports_have_other_names_or_none_serves_and_is_closed_to_others(
    pools: Bench, scene: Scene
) -> None:
    release = "adopted"
    parents = [{"name": "inference-gateway", "namespace": "default"}]
    sets = {"adopt": adopted(release, pools.namespace), "preview": {"enabled": True, "parentRefs": parents}}
    pools.helm(
        "install", release, CHARTS / "inferencepool", f"--values={VALUES / 'pool/kind/simulator.yaml'}", *POLICIES,
        *(word for key, value in sets.items() for word in ("--set-json", f"{key}={json.dumps(value)}")),
        "--set=modelServer.preset=simulator,pool.failureMode=FailClose", "--wait", "--timeout=3m",
    )  # fmt: skip
    request = Completion("food-review-1", headers={"x-inferencepool": f"{pools.namespace}/{release}"})
    url = pools.cluster.gateway_url
    wait_until(lambda: not send(url, request, Plan(count=1)).lost, "the gateway serves it", FOLLOWED_SECONDS)
    assert send(url, request, Plan(count=100)).lost == 0
    own = Place(pools.cluster, pools.namespace)
    server, epp = (own.pods(f"app={release}-{component}")[0] for component in ("model-server", "epp"))
    ports = ((server, 8000), (epp, 9002), (epp, 9090))
    wait_until(
        lambda: scene.others["the gateway"].reached(*ports) == set(ports[:2]), "open to the gateway", FOLLOWED_SECONDS
    )
    assert not scene.others["a pod of another namespace"].reached(*ports)
    pools.helm("uninstall", release, "--wait")


def adopted(release: str, namespace: str) -> dict[str, Any]:
    """Values of `adopt` for pods of other labels than the chart's, whose ports have other names or none."""
    manifests = render("inferencepool", release, files=[VALUES / "pool/kind/simulator.yaml"], namespace=namespace)
    return {
        "modelServer": adopted_part(only(manifests, "Deployment", release), f"{release}-model-server"),
        "epp": {
            **adopted_part(only(manifests, "Deployment", f"{release}-epp"), f"{release}-epp"),
            "configMap": f"{release}-epp",
            "servicePorts": [{"port": 9002, "appProtocol": "http2"}],
        },
    }


def adopted_part(deployment: Manifest, app: str) -> dict[str, Any]:
    labels = {"app": app}
    template = json.loads(json.dumps(deployment["spec"]["template"]).replace('"http"', '"web"'))
    for container in template["spec"]["containers"]:
        container["ports"] = [
            {k: v for k, v in port.items() if v == "web" or k != "name"} for port in container["ports"]
        ]
    return {"selector": labels, "template": {**template, "metadata": {"labels": labels}}}
