"""What the pool's chart renders for a version of a model server."""

from __future__ import annotations

from typing import Any

from packaging.specifiers import SpecifierSet

from kit.charts import VALUES, Manifest, render
from kit.model_servers.supported import Version

ADAPTERS = {"adapters": [{"id": "food-review-1", "source": "/adapters/food-review-1"}]}
# Values under which a server gets all the arguments that the chart knows for it.
SHAPES: dict[str, dict[str, dict[str, Any]]] = {
    "vllm": {
        "no adapters": {"lora": {"mode": "none"}},
        "adapters by the syncer": {"lora": {"mode": "syncer", **ADAPTERS}},
        "adapters by flags": {"lora": {"mode": "static", **ADAPTERS}},
        "adapters by vLLM's resolver": {
            "lora": {"mode": "resolver", "volume": {"persistentVolumeClaim": {"claimName": "adapters"}}}
        },
    },
    "sglang": {
        "no adapters": {"lora": {"mode": "none"}},
        "adapters by flags": {"lora": {"mode": "static", **ADAPTERS}, "pool": {"failureMode": "FailClose"}},
    },
}
# Shapes of a server whose accelerator can be cut or joined.
PARALLEL: dict[str, dict[str, Any]] = {
    "layers copied in a node": {
        "lora": {"mode": "none"}, "accelerator": {"count": 2}, "modelServer": {"dataParallelSize": 2},
    },
    "layers split in a node": {
        "lora": {"mode": "none"}, "accelerator": {"count": 2}, "modelServer": {"pipelineParallelSize": 2},
    },
    "layers split over nodes": {
        "lora": {"mode": "none"},
        "accelerator": {"count": 8},
        "modelServer": {"pipelineParallelSize": 2},
        "leaderWorkerSet": {"enabled": True, "size": 2},
    },
}  # fmt: skip
# What the chart refuses to versions of a server: `--nnodes` came with vLLM 0.11.1, `base:adapter` with SGLang 0.5.4.
REFUSED = {
    "vllm": {"layers split over nodes": SpecifierSet("<0.11.1")},
    "sglang": {"adapters by flags": SpecifierSet("<0.5.4")},
}
# What a pod of a LeaderWorkerSet has in its environment.
OF_A_GROUP = {"$(LWS_GROUP_SIZE)": "2", "$(LWS_WORKER_INDEX)": "1", "$(LWS_LEADER_ADDRESS)": "pool-0.pool.default"}


def shapes(version: Version) -> dict[str, dict[str, Any]]:
    """Return values by what they ask for, for all that the version and its accelerator can do."""
    found = dict(SHAPES[version.package.server])
    if version.package.accelerator.startswith("nvidia"):
        found |= PARALLEL
    refused = [shape for shape, range_ in REFUSED.get(version.package.server, {}).items() if version.number in range_]
    return {shape: values for shape, values in found.items() if shape not in refused}


def examples(server: str) -> dict[str, list[Manifest]]:
    """Return the server's containers of the pools of that server in values/, by file."""
    files = [*VALUES.glob("pool/*/*.yaml"), *VALUES.glob("pool/*.yaml")]
    rendered = {path.name: _containers(render("inferencepool", "pool", files=[path]), server) for path in sorted(files)}
    return {name: found for name, found in rendered.items() if found}


def containers(version: Version, values: dict[str, Any]) -> list[Manifest]:
    """Return the server's containers (several for several nodes) of a pool with that version of the server."""
    package = version.package
    provider = "gke" if package.accelerator.startswith(("nvidia", "google")) else "bare"
    accelerator = {"preset": package.accelerator, **values.get("accelerator", {})}
    image = {"tag": f"v{version.number}"}
    server = {"preset": package.server, "image": image, **values.get("modelServer", {})}
    whole = {**values, "provider": provider, "accelerator": accelerator, "modelServer": server}
    return _containers(render("inferencepool", "pool", whole), package.server)


def command_lines(found: list[Manifest]) -> list[list[str]]:
    """Return the arguments of containers, with what the kubelet fills in."""
    lines = []
    for container in found:
        line = container["args"]
        for name, value in OF_A_GROUP.items():
            line = [word.replace(name, value) for word in line]
        lines.append(line)
    return lines


def _containers(manifests: list[Manifest], server: str) -> list[Manifest]:
    entry = {"vllm": "vllm", "sglang": "sglang.launch_server"}[server]
    found = [manifest for manifest in manifests if manifest["kind"] in ("Deployment", "LeaderWorkerSet")]
    first = [template["spec"]["containers"][0] for manifest in found for template in _templates(manifest["spec"])]
    return [container for container in first if entry in container.get("command", [])]


def _templates(spec: dict[str, Any]) -> list[dict[str, Any]]:
    group = spec.get("leaderWorkerTemplate", {})
    return [one for one in (spec.get("template"), group.get("leaderTemplate"), group.get("workerTemplate")) if one]
