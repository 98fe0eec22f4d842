"""Pools of real vLLM in one namespace, with the tiny model and its adapters in claims on the node's disk."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit import tiny_llama
from kit.charts import CHARTS
from kit.namespace import Namespace
from kit.node import on_node
from kit.pools import PARENTS, PREVIEW, TESTERS, part, set_json, start
from kit.rollout import PATIENT
from kit.scenarios import KIND_VLLM
from kit.wait import KUBELET_SECONDS, wait_until

MODEL = "tiny-llama"
ADAPTER, SOURCE = "food-review-1", "/adapters/food-review-1"
LOADS = "lora_syncer_operation_duration_seconds_count"
START_SECONDS = 600
TOKENS = 16
OTHER_WEIGHTS, OTHER_TEMPLATE, EMPTY = "tiny-llama-2", "tiny-llama-template", "empty"
COSTS = [f"cost-{i}" for i in range(9)]
# The adapters on the disk and their ranks; the chart's largest is 8.
RANKS = {ADAPTER: 8, "food-review-2": 8, "travel": 8, "rank-64": 64, **dict.fromkeys(COSTS, 8)}


@dataclass(frozen=True)
class Said:
    """An answer: its HTTP status, its text (the body of a refusal), the seconds it took."""

    status: int
    text: str
    seconds: float


@dataclass(frozen=True)
class Servers:
    """The pools of one namespace, and how the tests reach them."""

    namespace: Namespace

    def fill_claims(self, folder: Path) -> None:
        """Make the claims `models` and `adapters`, and the model and all adapters in them."""
        tiny_llama.write_model(folder / "models" / MODEL)
        tiny_llama.write_model(folder / "models" / OTHER_WEIGHTS, seed=1)
        tiny_llama.write_model(folder / "models" / OTHER_TEMPLATE, template=f"Answer briefly.\n{tiny_llama.TEMPLATE}")
        tiny_llama.write_adapter(folder / "adapters" / EMPTY, f"/models/{MODEL}", seed=0, empty=True)
        for seed, (name, rank) in enumerate(RANKS.items(), start=1):
            tiny_llama.write_adapter(folder / "adapters" / name, f"/models/{MODEL}", seed, rank)
        on_node(self.namespace.cluster, "mkdir", "--parents", self._disk)
        for name in ("models", "adapters"):
            cluster = self.namespace.cluster
            cluster.docker.run("cp", folder / name, f"{cluster.name}-control-plane:{self._disk}")
            self.namespace.apply(*self._claim(name))

    def remove_claims(self) -> None:
        """Remove what the namespace's end leaves behind."""
        volumes = [f"{self.namespace.name}-{name}" for name in ("models", "adapters")]
        self.namespace.kubectl("delete", "persistentvolume", *volumes, "--wait=false")
        on_node(self.namespace.cluster, "rm", "--recursive", "--force", self._disk)

    def install(self, release: str, values: Mapping[str, Any] | None = None) -> None:
        """Install a pool without waiting for it; `values` go over those that people copy."""
        common = {**PATIENT, **PREVIEW, "preview.hostnames": [self.namespace.host]}
        start(self.namespace, release, {**common, **(values or {})}, file=KIND_VLLM)

    def wait_until_ready(self, *releases: str) -> None:
        deployments = [f"deployment/{name}{suffix}" for name in releases for suffix in ("", "-epp")]
        self.namespace.kubectl(
            "wait", "--for=condition=Available", f"--timeout={START_SECONDS}s", *deployments, timeout=START_SECONDS + 30
        )

    def pod(self, release: str) -> str:
        """Name of the one model server of a pool."""
        (pod,) = self.namespace.pods(part("model-server", release), ending=True)
        name: str = pod["metadata"]["name"]
        return name

    def restarts(self, release: str) -> int:
        """How often a container of a pool's model server was started again."""
        pod = self.namespace.get(f"pod/{self.pod(release)}")
        statuses = [*pod["status"]["containerStatuses"], *pod["status"].get("initContainerStatuses", [])]
        return sum(status["restartCount"] for status in statuses)

    def adapters(self, release: str) -> set[str]:
        """The adapters that a pool's model server lists."""
        models = json.loads(self.namespace.page(self.pod(release), 8000, "v1/models"))["data"]
        return {model["id"] for model in models if model["parent"] is not None}

    def failed_loads(self, release: str) -> int:
        """How many loads a pool's syncer was refused."""
        page = self.namespace.page(self.pod(release), 8080, "metrics")
        samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
        wanted = {"operation": "load", "result": "error"}
        return int(sum(sample.value for sample in samples if sample.name == LOADS and sample.labels == wanted))

    def configure(self, release: str, adapters: Mapping[str, str]) -> None:
        """Edit a pool's ConfigMap so that it names these adapters, id to source.

        The kubelet carries it into the pod at once because the pod is changed too; else that may take a minute.
        """
        name = f"configmap/{release}-adapters"
        (key, text), *_ = self.namespace.get(name)["data"].items()
        config = yaml.safe_load(text)
        models = [{"id": id_, "source": source} for id_, source in adapters.items()]
        config["vLLMLoRAConfig"]["ensureExist"]["models"] = models
        patch = {"data": {key: yaml.safe_dump(config)}}
        self.namespace.kubectl("patch", name, "--type=merge", f"--patch={json.dumps(patch)}")
        self.namespace.kubectl("annotate", "pod", self.pod(release), f"changed={time.time()}", "--overwrite")

    def wait_for_adapters(self, release: str, *adapters: str) -> None:
        what = f"{release} lists {', '.join(adapters)}"
        wait_until(lambda: self.adapters(release) == set(adapters), what, KUBELET_SECONDS)

    def ask(self, release: str, model: str) -> Said:
        """Ask one pool, through the gateway and the pool's preview."""
        body = {"model": model, "prompt": "San Francisco", "max_tokens": TOKENS, "temperature": 0}
        headers = {"Content-Type": "application/json", **self.request(led=release).headers}
        url = f"{self.namespace.cluster.gateway_url}/v1/completions"
        start = time.perf_counter()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, json.dumps(body).encode(), headers), timeout=60
            ) as answer:
                text = json.loads(answer.read())["choices"][0]["text"]
                return Said(answer.status, text, time.perf_counter() - start)
        except urllib.error.HTTPError as error:
            return Said(error.code, error.read().decode(errors="replace"), time.perf_counter() - start)

    def text(self, release: str, model: str) -> str:
        """What a pool's model or adapter answers; it must."""
        said = self.ask(release, model)
        assert said.status == 200, said
        return said.text

    def route(self, new: str, percent: int) -> None:
        """Lead the namespace's host to pool-old, and `percent` of its requests to the pool `new`."""
        values = {
            "backends": [{"name": "old", "pool": "pool-old"}, {"name": "new", "pool": new}],
            "parentRefs": PARENTS,
            "hostnames": [self.namespace.host],
            "weights": {"new": percent},
        }
        self.namespace.helm("upgrade", "route", CHARTS / "rollout-route", "--install", *set_json(values))

    def served_route(self, percent: int) -> None:
        """Lead `percent` of the host's requests to pool-new, and wait until the route serves."""
        self.route("pool-new", percent)

        def serves() -> bool:
            answers = send(self.namespace.cluster.gateway_url, self.request(), Plan(count=20))
            print(answers.causes(), set(answers.detail.tolist()))
            return not answers.lost

        wait_until(serves, "the route serves")

    def request(self, *, stream: bool = False, led: str = "") -> Completion:
        """A completion of the alias, by the namespace's host, or with `led` by the preview of that pool.

        TOKENS, since one or two of the tiny model's may have no text, and without its end token, which is as likely.
        """
        headers = {"Host": self.namespace.host, **({TESTERS: f"{self.namespace.name}/{led}"} if led else {})}
        return Completion("food-review", max_tokens=TOKENS, stream=stream, headers=headers, ignore_eos=True)

    @property
    def _disk(self) -> str:
        return f"/var/local/{self.namespace.name}"

    def _claim(self, name: str) -> list[dict[str, Any]]:
        """A claim of that name, and the volume on the node's disk for it."""
        size, volume = {"storage": "1Gi"}, f"{self.namespace.name}-{name}"
        return [
            {
                "apiVersion": "v1",
                "kind": "PersistentVolume",
                "metadata": {"name": volume},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": size,
                    "storageClassName": "",
                    "hostPath": {"path": f"{self._disk}/{name}", "type": "Directory"},
                    "claimRef": {"namespace": self.namespace.name, "name": name},
                },
            },
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": name},
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "resources": {"requests": size},
                    "storageClassName": "",
                    "volumeName": volume,
                },
            },
        ]
