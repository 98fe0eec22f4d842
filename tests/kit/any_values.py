"""Values of the pool's chart, drawn at random from its schema.

`values()` turns the schema into a hypothesis strategy, node by node: an object with properties draws each of them or
leaves it out, a string with a pattern draws text that fits it, and so on. What the schema leaves open, because the
chart passes it on to Kubernetes unread, is not drawn: PASSED_ON has one example of each.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from hypothesis import strategies as st

from kit.charts import CHARTS, Manifest, RenderError, render
from kit.values_schema import resolved

CHART = CHARTS / "inferencepool"


def partial(node: dict[str, Any]) -> dict[str, Any]:
    """The schema of what users write, in which nothing is required: what they leave out keeps its default."""
    if "properties" not in node:
        return node
    properties = {name: partial(child) for name, child in node["properties"].items()}
    return {**{keyword: rule for keyword, rule in node.items() if keyword != "required"}, "properties": properties}


SCHEMA = partial(json.loads((CHART / "values.schema.json").read_text()))
KEYS = sorted(yaml.safe_load((CHART / "values.yaml").read_text()))
REFUSAL = re.compile(rf"execution error at .*\b({'|'.join(KEYS)})\b.*", re.DOTALL)
"""What helm prints where the chart refuses values: a sentence that names one of them."""

TEXT = st.characters(max_codepoint=0xD7FF, exclude_categories=("Cc", "Cs"))
"""The characters that YAML takes in a file of values."""

PASSED_ON: dict[str, Any] = {
    "behavior": {"scaleDown": {"stabilizationWindowSeconds": 60}},
    "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}},
    "extraContainers": {"name": "beside", "image": "example.com/beside:v1"},
    "extraEnv": {"name": "PREDICTION_SERVER_URL", "value": "http://localhost:8001"},
    "extraInitContainers": {"name": "before", "image": "example.com/before:v1"},
    "extraVolumeMounts": {"name": "tmp", "mountPath": "/more"},
    "extraVolumes": {"name": "more", "emptyDir": {}},
    "gateways": {"namespaceSelector": {"matchLabels": {"a": "b"}}},
    "eppEgress": {"ports": [{"port": 443}]},
    "modelServerEgress": {"ports": [{"port": 443}]},
    "monitoring": {"podSelector": {}},
    "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}},
    "securityContext": {"runAsNonRoot": True},
    "podSecurityContext": {"runAsNonRoot": True},
    "servicePorts": {"name": "grpc", "port": 9002},
    "template": {
        "metadata": {"labels": {"a": "b"}},
        "spec": {"containers": [{"name": "a", "image": "b.example/c:v1"}]},
    },
    "tolerations": {"key": "example.com/accelerator", "operator": "Exists"},
    "topologySpreadConstraints": {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"},
    "volume": {"persistentVolumeClaim": {"claimName": "adapters"}},
}
"""Kubernetes' own objects that the chart passes on as they are: an example of each, by the key that holds it."""
CEL = {"selector": 'device.driver == "gpu.example.com"'}
"""Expressions in the language CEL, which only the API server reads: an example of each, by the key that holds it."""


def values(node: dict[str, Any] = SCHEMA, key: str = "") -> st.SearchStrategy[Any]:
    """Values that a node of the schema takes; `key` is the one that holds them."""
    if "$ref" in node:
        return values(resolved(node, SCHEMA), key)
    if "enum" in node:
        return st.sampled_from(node["enum"])
    if "const" in node:
        return st.just(node["const"])
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in node:
            return st.one_of([values(choice, key) for choice in node[alternatives]])
    if "type" not in node:
        return st.sampled_from([PASSED_ON[key]])
    if isinstance(node["type"], list):
        return st.one_of([values({**node, "type": kind}, key) for kind in node["type"]])
    return {"object": _objects, "array": _arrays, "string": _strings}.get(node["type"], _scalars)(node, key)


def _objects(node: dict[str, Any], key: str) -> st.SearchStrategy[Any]:
    if "properties" in node:
        required = node.get("required", [])
        drawn = {name: values(child, name) for name, child in node["properties"].items()}
        return st.fixed_dictionaries(
            {name: drawn[name] for name in required},
            optional={name: strategy for name, strategy in drawn.items() if name not in required},
        )
    if isinstance(node.get("additionalProperties"), dict):
        return st.dictionaries(
            st.from_regex("[a-z]{1,9}", fullmatch=True), values(node["additionalProperties"]), max_size=2
        )
    if node.get("additionalProperties") is False and len(node.get("patternProperties", {})) == 1:
        ((pattern, child),) = node["patternProperties"].items()
        return st.dictionaries(values({"type": "string", "pattern": pattern}), values(child), max_size=2)
    return st.sampled_from([PASSED_ON[key]])


def _arrays(node: dict[str, Any], key: str) -> st.SearchStrategy[Any]:
    return st.lists(
        values(node["items"], key), min_size=node.get("minItems", 0), max_size=min(3, node.get("maxItems", 3))
    )


def _strings(node: dict[str, Any], key: str) -> st.SearchStrategy[Any]:
    if key in CEL:
        return st.sampled_from(["", CEL[key]])
    if "pattern" in node:
        return st.from_regex(node["pattern"], fullmatch=True, alphabet=TEXT)
    least, most = node.get("minLength", 0), node.get("maxLength", 40)
    return st.text(TEXT, min_size=least, max_size=min(40, most))


def _scalars(node: dict[str, Any], key: str) -> st.SearchStrategy[Any]:
    if node["type"] == "boolean":
        return st.booleans()
    if node["type"] == "null":
        return st.none()
    bounds = {"min_value": node.get("minimum", -(2**31)), "max_value": node.get("maximum", 2**31 - 1)}
    return st.integers(**bounds) if node["type"] == "integer" else st.floats(**bounds)


def rendered(drawn: dict[str, Any]) -> list[Manifest] | None:
    """The objects that the values render, None where the chart refuses them with a sentence that names a value."""
    try:
        return render("inferencepool", "pool-new", drawn)
    except RenderError as error:
        assert REFUSAL.search(str(error)), f"{drawn} is refused with {error}"
        return None
