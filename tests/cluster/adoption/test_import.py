"""A stack that kubectl made, and one of upstream's chart, go over to these charts under load: no pod restarts, no
request is lost, and then weight moves as for any release. Helm 4 adopts the one, Helm 3 the other."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.load import Plan, background, send
from inferencepool_rollout.traffic.request import Completion
from inferencepool_rollout.traffic.statistics import multinomial_p
from kit.charts import CHARTS, ROOT, Manifest
from kit.namespace import Namespace, new_namespace
from kit.pools import PREVIEW, start
from kit.upstream_chart import upstream
from kit.wait import FOLLOWED_SECONDS

HERE = Path(__file__).parent
POOL = "vllm-llama3-8b-instruct"
UPSTREAM = {  # what a loaded kind node can give to upstream's EPP, and the image as it lies in the node
    "inferenceExtension": {"image": {"pullPolicy": "IfNotPresent"}, "resources": {"requests": {"cpu": "10m"}}},
    "inferencePool": {"modelServers": {"matchLabels": {"app": POOL}}},
    "provider": {"name": "istio"},
}  # fmt: skip
OF_THE_SERVERS = ("Deployment", "ConfigMap", "Role", "RoleBinding", "InferenceModelRewrite", "InferenceObjective")
READY_SECONDS = 180
REQUESTS = 300
ALPHA = 0.001 / 2  # two stacks: the chance that a right split fails the whole file is 0.001


@dataclass(frozen=True)
class Stack:
    """A live stack in a namespace of its own, and the folder that the import writes into."""

    namespace: Namespace
    folder: Path

    @property
    def request(self) -> Completion:
        return Completion("food-review", max_tokens=4, headers={"Host": self.namespace.host})

    def shell(self, *words: str | Path) -> str:
        """Run a command as an operator does, with helm and kubectl on PATH; it must succeed."""
        done = subprocess.run(
            words, cwd=ROOT, env=self.namespace.environment, capture_output=True, text=True, timeout=READY_SECONDS,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def rollout_import(self) -> str:
        return self.shell("scripts/rollout", "import", "llm-route", "-n", self.namespace.name, "-o", self.folder)

    def pods(self) -> dict[str, str]:
        """UID of each pod by its name."""
        return {pod["metadata"]["name"]: pod["metadata"]["uid"] for pod in self.namespace.pods(ending=True)}


@dataclass(frozen=True)
class Adopted:
    """What the import of a stack showed; `during` are the responses to a load during it and the shift after it."""

    stack: Stack
    said: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    during: Answers
    split: list[int]


def by_kubectl(stack: Stack, folder: Path) -> None:
    """The guide's pool as a whole."""
    stack.namespace.apply(*manifests(stack, "guide.yaml"))


def by_upstream(stack: Stack, folder: Path) -> None:
    """The guide's model servers, before an EPP and a pool of upstream's chart."""
    found = [m for m in manifests(stack, "guide.yaml") if m["kind"] in OF_THE_SERVERS]
    own = [
        m
        for m in found
        if m["metadata"]["name"] not in (f"{POOL}-epp", "plugins-config", "pod-read", "pod-read-binding")
    ]
    stack.namespace.apply(*own)
    values = folder / "upstream.yaml"
    values.write_text(yaml.safe_dump(UPSTREAM))
    chart = Path(upstream(folder)[0])
    (chart / "templates/beside.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: beside\n")
    stack.namespace.helm("install", POOL, chart, "--values", values)


MAKERS = {"kubectl": ("helm4", by_kubectl), "upstream": ("helm3", by_upstream)}


def manifests(stack: Stack, file: str) -> list[Manifest]:
    text = (HERE / file).read_text().replace("NAMESPACE", stack.namespace.name)
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


@pytest.fixture(scope="module")
def stacks(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Stack]]:
    """One stack a maker, all pods ready, each beside a release of the new pool."""
    made: dict[str, Stack] = {}
    with contextlib.ExitStack() as namespaces:
        for name, (helm, maker) in MAKERS.items():
            folder = tmp_path_factory.mktemp(name)
            namespace = namespaces.enter_context(new_namespace(cluster, "import")).by(helm)
            stack = made[name] = Stack(namespace, folder / "imported")
            maker(stack, folder)
            namespace.apply(*manifests(stack, "route.yaml"))
            start(namespace, f"{POOL}-new", {**PREVIEW, "modelServer.replicas": 1})
        for stack in made.values():
            stack.namespace.rolled_out(POOL, f"{POOL}-epp", f"{POOL}-new", f"{POOL}-new-epp")
        yield made


@pytest.fixture(scope="module", params=MAKERS)
def adopted(stacks: dict[str, Stack], request: pytest.FixtureRequest) -> Adopted:
    stack = stacks[request.param]
    url, plan = stack.namespace.cluster.gateway_url, Plan(rate=60, seconds=300, workers=32)
    said = stack.rollout_import()
    until_served(stack)
    before = stack.pods()
    with background(url, stack.request, plan) as load:
        time.sleep(1)
        stack.shell("sh", stack.folder / "adopt.sh")
        time.sleep(FOLLOWED_SECONDS)
        after = stack.pods()
        shift = ("upgrade", "llm-route", CHARTS / "rollout-route", "--reset-then-reuse-values")
        stack.namespace.helm(*shift, "--set", "weights.new=10")
        time.sleep(FOLLOWED_SECONDS)
        answers = send(url, stack.request, Plan(count=REQUESTS, workers=16))
    new = sum(count for pod, count in answers.by_pod().items() if pod.startswith(f"{POOL}-new-"))
    return Adopted(stack, said, before, after, load.answers(), [len(answers) - new, new])


def until_served(stack: Stack) -> None:
    """Wait until the gateway leads requests to the stack, which it does some time after the pods are ready."""
    until = time.monotonic() + READY_SECONDS
    while (answers := send(stack.namespace.cluster.gateway_url, stack.request, Plan(count=50, workers=8))).lost:
        assert time.monotonic() < until, answers.causes()
        time.sleep(1)


def test_the_import_says_that_no_pod_restarts(adopted: Adopted) -> None:
    assert adopted.said.count("adopted, no pod restarts") == 2
    assert "PODS RESTART" not in adopted.said


def test_every_pod_is_the_same_after_the_adoption(adopted: Adopted) -> None:
    assert len(adopted.before) >= 4
    assert adopted.after == adopted.before


def test_no_request_is_lost_through_the_adoption_and_the_shift_after_it(adopted: Adopted) -> None:
    assert adopted.during.lost == 0, adopted.during.causes()
    assert len(adopted.during) > 300


def test_weight_then_moves_as_of_any_release(adopted: Adopted) -> None:
    assert multinomial_p(adopted.split, [90, 10]) > ALPHA, adopted.split


@pytest.mark.parametrize("adopted", ["upstream"], indirect=True)
def test_what_only_upstreams_chart_has_stays(adopted: Adopted) -> None:
    assert "ConfigMap beside: kept, though the chart has none" in adopted.said
    assert adopted.stack.namespace.kubectl("get", "configmap", "beside", "--output=name").strip() == "configmap/beside"


def test_helm_owns_what_was_adopted(adopted: Adopted) -> None:
    listed = json.loads(adopted.stack.namespace.helm("list", "--output=json"))
    assert {each["name"]: each["status"] for each in listed} == dict.fromkeys(
        ("llm-route", POOL, f"{POOL}-new"), "deployed"
    )
    held = yaml.safe_load_all(adopted.stack.namespace.helm("get", "manifest", POOL))
    names = {(m["kind"], m["metadata"]["name"]) for m in held if m}
    assert names >= {("Deployment", POOL), ("Deployment", f"{POOL}-epp"), ("Service", f"{POOL}-epp"),
                     ("ConfigMap", f"{POOL}-adapters"), ("InferencePool", POOL)}  # fmt: skip
