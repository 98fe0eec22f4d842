"""The EPP 0.5 picks for a gateway of its time and serves the aliases that are InferenceModels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

import pytest

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.attribution import PICKS, by_pool, pool_pods, read
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit.epp_lines import LINES
from kit.epp_metrics import forwarded, reached, reader
from kit.namespace import Namespace
from kit.pools import install
from kit.wait import wait_until
from long.epp.namespaces import namespace_for

OLDEST = LINES[0]
POOL, GATEWAY = "pool", "gateway"
CONFIG = Path(__file__).with_name("envoy.yaml")
REQUESTS = 100


@dataclass(frozen=True)
class Served:
    """A pool behind an Envoy at a port of this machine, and who may read its EPP's metrics."""

    namespace: Namespace
    port: int
    account: str

    def send(self, model: str, count: int) -> Answers:
        return send(f"http://127.0.0.1:{self.port}", Completion(model, max_tokens=2), Plan(count=count))

    def picks(self) -> int:
        with reached(self.namespace, POOL) as metrics:
            return read(metrics.answer(self.account)[1], PICKS)


def gateway() -> dict[str, object]:
    """A pod that runs Envoy with the configuration of the ConfigMap of its name."""
    container = {
        "name": "envoy",
        "image": versions().images["proxyv2"].name,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/local/bin/envoy", "--config-path", "/config/envoy.yaml", "--concurrency", "1"],
        "volumeMounts": [{"name": "config", "mountPath": "/config"}],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": GATEWAY},
        "spec": {
            "containers": [container],
            "volumes": [{"name": "config", "configMap": {"name": GATEWAY}}],
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1337,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
        },
    }


@pytest.fixture(scope="module")
def served(every_line: Cluster) -> Iterator[Served]:
    with namespace_for(every_line, OLDEST) as namespace, reader(namespace) as account:
        install(namespace, POOL, {**OLDEST.values, "epp.metricsAuth": True, "objectives": []})
        config = {"envoy.yaml": Template(CONFIG.read_text()).substitute(EPP=f"{POOL}-epp")}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": GATEWAY}, "data": config}
        namespace.apply(config_map, gateway())
        namespace.kubectl("wait", f"pod/{GATEWAY}", "--for=condition=Ready", "--timeout=60s")
        with forwarded(namespace, f"pod/{GATEWAY}", 8081) as port:
            made = Served(namespace, port, account)
            wait_until(lambda: not made.send("food-review", 1).lost, "Envoy serves the pool")
            yield made


def test_every_request_for_an_alias_is_picked_and_answered_by_the_pool(served: Served) -> None:
    before = served.picks()
    answers = served.send("food-review", REQUESTS)
    assert answers.lost == 0, set(answers.detail)
    assert dict(by_pool(answers, pool_pods(served.namespace.cluster.client(), served.namespace.name))) == {
        POOL: REQUESTS
    }
    assert served.picks() - before == REQUESTS
