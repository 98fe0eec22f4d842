"""JSON schemas for kubeconform, made from what Kubernetes and the CRDs themselves publish in their Go modules."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.programs import module_folder
from inferencepool_lab.gateways.gateway import chosen

Schema = dict[str, Any]

LOCATION = "{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"
"""How kubeconform names a schema's file below the folder that `schema_folder` returns."""

CRDS = (  # modules, and folders or files in them
    ("gateway-api", "config/crd/standard"),
    ("inference-extension", "config/crd/bases"),
    ("inference-extension-0.5", "config/crd/bases"),
    *chosen().crds,
    ("keda", "config/crd/bases/keda.sh_scaledobjects.yaml"),
    ("prometheus-operator", "example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml"),
    ("prometheus-operator", "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"),
    ("prometheus-operator", "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml"),
)
MOVED = {  # llm-d-router v0.10.0 took these CRDs over, field by field, into its own group; its files are no Go module
    ("inference.networking.x-k8s.io", "InferenceObjective"): "llm-d.ai",
    ("inference.networking.x-k8s.io", "InferenceModelRewrite"): "llm-d.ai",
}
OURS = Path(__file__).with_name("crds")
"""Schemas of custom resources that no Go module publishes, in our words: only what the charts write."""
_DEFINITIONS = "#/definitions/"
_NESTED = ("items", "additionalProperties", "allOf", "anyOf", "oneOf", "not")
_SCALARS = {  # types that the API reads from several JSON types
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"type": ["string", "integer"]},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"type": ["string", "number"]},
}


def schema_folder(kubernetes_module: Path | None = None) -> Path:
    """Return a folder of strict schemas of all kinds of Kubernetes and of the CRDs, made once.

    `kubernetes_module` is the folder of another version's Go module than that of the harness.
    """
    kubernetes = (kubernetes_module or module_folder("kubernetes")) / "api/openapi-spec/swagger.json"
    places = [module_folder(module) / place for module, place in CRDS]
    crds = [file for place in places for file in (sorted(place.glob("*.yaml")) if place.is_dir() else [place])]
    ours = sorted(OURS.glob("*.yaml"))
    target = cache.folder("schemas") / cache.fingerprint(Path(__file__), str(kubernetes), *crds, *ours)
    with cache.made(target) as scratch:
        if scratch:
            for (group, version, kind), schema in (*_of_kubernetes(kubernetes, ours), *of_crds(crds)):
                file = scratch / (group or version) / f"{kind.lower()}_{version}.json"  # kubeconform's name of core
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps(schema))
    return target


def _of_kubernetes(swagger: Path, ours: list[Path]) -> Iterator[tuple[tuple[str, str, str], Schema]]:
    """Those of Kubernetes, and of our files, which may refer to definitions of Kubernetes."""
    definitions: dict[str, Schema] = {**json.loads(swagger.read_text())["definitions"], **_SCALARS}
    definitions |= {file.stem: yaml.safe_load(file.read_text()) for file in ours}
    strict = {name: _strict(schema) for name, schema in definitions.items()}
    for name, schema in strict.items():
        for kind in schema.get("x-kubernetes-group-version-kind", []):
            needed = _reachable(name, strict)
            whole = {**schema, "definitions": {other: strict[other] for other in needed}}
            yield (kind["group"], kind["version"], kind["kind"]), whole


def of_crds(files: list[Path]) -> Iterator[tuple[tuple[str, str, str], Schema]]:
    """Yield a strict schema of each version of the CRDs in `files`, by group, version and kind."""
    for file in files:
        for crd in yaml.safe_load_all(file.read_text()):
            if crd and crd.get("kind") == "CustomResourceDefinition":
                for version in crd["spec"]["versions"]:
                    key = (crd["spec"]["group"], version["name"], crd["spec"]["names"]["kind"])
                    schema = _strict(version["schema"]["openAPIV3Schema"])
                    schema["properties"] |= {name: {} for name in ("apiVersion", "kind", "metadata")}
                    yield key, schema
                    group, version_name, kind = key
                    if (group, kind) in MOVED:
                        yield (MOVED[group, kind], version_name, kind), schema


def _strict(schema: Any) -> Any:
    """The schema with every object closed that lists its properties, and without what only the API server reads."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _strict(value) if key in _NESTED else value for key, value in schema.items()}
    if closed.pop("x-kubernetes-int-or-string", False):
        closed.pop("anyOf", None)
        closed["type"] = ["string", "integer"]
    if "properties" in schema:
        closed["properties"] = {name: _strict(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            closed.setdefault("additionalProperties", False)
    return closed


def _reachable(name: str, definitions: Mapping[str, Schema]) -> set[str]:
    found: set[str] = set()
    open_names = [name]
    while open_names:
        current = open_names.pop()
        if current not in found:
            found.add(current)
            open_names += _references(definitions[current])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for item in schema:
            yield from _references(item)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value.removeprefix(_DEFINITIONS)
            else:
                yield from _references(value)
