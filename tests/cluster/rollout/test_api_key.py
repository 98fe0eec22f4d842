"""Pools whose servers ask for an API key, from end to end: server, syncer, warm-up, helm test, driver and import."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit import keyed_server, pools
from kit.charts import ROOT, Manifest
from kit.namespace import Namespace, new_namespace
from kit.rollout import PATIENT, SECONDS, Rollout

KEY, SECRET = "of-the-tests", "server-key"
AUTHORIZATION = {"Authorization": f"Bearer {KEY}"}
SIMULATOR = versions().images["simulator"].name
PROGRAM = "keyed-server"


def image(name: str) -> dict[str, str]:
    """An image's name as values of the chart."""
    registry, _, rest = name.partition("/")
    repository, _, tag = rest.partition(":")
    return {"registry": registry, "repository": repository, "tag": tag}


def values(host: str) -> dict[str, Any]:
    """A pool of vLLM on CPUs, with a preview for that host, whose `vllm` is keyed_server.py before a simulator."""
    model = "meta-llama/Llama-3.1-8B-Instruct"
    simulator = {
        "name": "simulator", "image": SIMULATOR, "imagePullPolicy": "IfNotPresent",
        "args": ["--model", model, "--port", str(keyed_server.BEHIND), "--force-dummy-tokenizer",
                 "--max-num-seqs", "1024", "--max-loras", "4", "--max-cpu-loras", "8"],
        "env": [{"name": f"POD_{each.upper()}", "valueFrom": {"fieldRef": {"fieldPath": f"metadata.{each}"}}}
                for each in ("name", "namespace")],
    }  # fmt: skip
    return {
        **PATIENT, **pools.PREVIEW, "preview.hostnames": [host],
        "modelServer.preset": "vllm", "accelerator.preset": "cpu", "model.name": model,
        "modelServer.image": image(versions().images["lora-syncer"].name), "modelServer.version": "0.32.0",
        "modelServer.resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
        "modelServer.apiKey.secretName": SECRET, "modelServer.warmUp.enabled": True,
        "modelServer.extraContainers": [simulator],
        "modelServer.extraVolumes": [{"name": "program", "configMap": {"name": PROGRAM, "defaultMode": 0o555}}],
        "modelServer.extraVolumeMounts": [
            {"name": "program", "mountPath": "/usr/local/bin/vllm", "subPath": "vllm", "readOnly": True},
        ],
    }  # fmt: skip


def beside() -> list[Manifest]:
    """The key's Secret and the server's program, which the chart does not make."""
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": SECRET}, "stringData": {"api-key": KEY}}
    text = Path(keyed_server.__file__).read_text()
    return [secret, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": PROGRAM}, "data": {"vllm": text}}]


@pytest.fixture(scope="module")
def stage(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    """Two such pools that are ready, a route to the old one, and a driver that is told the key."""
    with new_namespace(cluster, "api-key") as namespace:
        namespace.apply(*beside())
        for name in ("pool-old", "pool-new"):
            pools.start(namespace, name, values(namespace.host))
        namespace.rolled_out("pool-old", "pool-old-epp", "pool-new", "pool-new-epp", seconds=300)
        made = Rollout(namespace, tmp_path_factory.mktemp("api-key"), headers=AUTHORIZATION)
        made.to_old("pool-new")
        yield made


def completion(stage: Rollout, headers: dict[str, str]) -> Completion:
    return Completion("food-review", max_tokens=4, headers={"Host": stage.namespace.host, **headers})


def test_only_who_has_the_key_is_served(stage: Rollout) -> None:
    url = stage.namespace.cluster.gateway_url
    without = send(url, completion(stage, {}), Plan(count=10))
    assert (without.lost, set(without.status.tolist())) == (10, {401})
    answers = send(url, completion(stage, AUTHORIZATION), Plan(count=10))
    assert answers.lost == 0, answers.causes()


@pytest.mark.parametrize("pool", ["pool-old", "pool-new"])
def test_the_syncer_has_loaded_the_adapters_with_the_key(stage: Rollout, pool: str) -> None:
    (pod,) = stage.namespace.pods(pools.part("model-server", pool))
    served = json.loads(stage.namespace.page(pod["metadata"]["name"], keyed_server.BEHIND, "v1/models"))["data"]
    assert "food-review-1" in {model["id"] for model in served}


def test_helm_test_asks_with_the_key(stage: Rollout) -> None:
    stage.namespace.helm("test", "pool-new", "--timeout=120s")
    assert "all well" in stage.namespace.kubectl("logs", "pool-new-test")


def test_preflight_without_the_key_says_where_it_goes(stage: Rollout) -> None:
    said = replace(stage, headers={}).run("preflight")
    assert said.returncode == ExitCode.REFUSED, said.stdout + said.stderr
    assert "set gateway.headers.Authorization" in said.stdout


def test_the_driver_goes_through_all_steps_with_the_key_and_prints_it_nowhere(stage: Rollout) -> None:
    preflight = stage.run("preflight")
    assert preflight.returncode == ExitCode.DONE, preflight.stdout + preflight.stderr
    done = stage.run("run", steps=(50, 100))
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert stage.percent("pool-new") == 100
    assert KEY not in preflight.stdout + preflight.stderr + done.stdout + done.stderr
    page = stage.folder / "report.html"
    assert stage.run("report", "--out", str(page)).returncode == ExitCode.DONE
    assert KEY not in page.read_text()
    log = "".join(file.read_text() for file in stage.log("pool-new").iterdir())
    assert "authorization" in log.lower()
    assert KEY not in log


def test_the_import_names_the_secret_and_not_the_key(stage: Rollout, tmp_path: Path) -> None:
    """The same objects, as if kubectl had made them."""
    manifest = stage.namespace.helm("get", "manifest", "pool-old")
    with new_namespace(stage.namespace.cluster, "imported") as other:
        there = manifest.replace(stage.namespace.name, other.name)
        objects = [each for each in yaml.safe_load_all(there) if each]
        for each in objects:
            each["metadata"]["labels"].pop("helm.sh/chart", None)
        other.apply(*beside(), *objects, route(other))
        other.rolled_out("pool-old", "pool-old-epp", seconds=300)
        before = {pod["metadata"]["uid"] for pod in other.pods()}
        said = in_shell(other, "scripts/rollout", "import", "route", "-n", other.name, "-o", str(tmp_path))
        assert "PODS RESTART" not in said
        in_shell(other, "sh", str(tmp_path / "adopt.sh"))
        assert {pod["metadata"]["uid"] for pod in other.pods()} == before
    written = {file.name: file.read_text() for file in tmp_path.iterdir()}
    assert yaml.safe_load(written["pool-pool-old.yaml"])["modelServer"]["apiKey"]["secretName"] == SECRET
    assert [name for name, text in written.items() if KEY in text] == []


def route(namespace: Namespace) -> Manifest:
    """A route to the pool that kubectl made."""
    ref = {"group": "inference.networking.k8s.io", "kind": "InferencePool", "name": "pool-old"}
    spec = {"parentRefs": pools.PARENTS, "hostnames": [namespace.host], "rules": [{"backendRefs": [ref]}]}
    head = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": {"name": "route"}}
    return {**head, "spec": spec}


def in_shell(namespace: Namespace, *words: str) -> str:
    """Run a command as an operator does; it must succeed."""
    done = subprocess.run(
        words, cwd=ROOT, env=namespace.environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
