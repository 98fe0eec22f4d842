"""What the API server adds to the objects of every scenario that are of CRDs: nothing but what is listed here and in
the chart's README, so that a GitOps tool sees no difference between what is rendered and what is there.

Defaults of Kubernetes' own kinds are known to GitOps tools, those of CRDs are not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from inferencepool_lab.builds.versions import versions
from inferencepool_lab.gateways.gateway import chosen
from kit.api_server import ApiServer
from kit.charts import CHARTS, Manifest, documents, render
from kit.scenarios import SCENARIOS

ARGUMENTS = [
    "--kube-version",
    versions().kubernetes,
    *(word for version in chosen().api_versions for word in ("--api-versions", version)),
]
GROUPS = ("gateway.networking.k8s.io", "inference.networking.k8s.io", "inference.networking.x-k8s.io")
"""Of the CRDs that the API server has."""
LISTED = {"InferencePool": {"/spec/appProtocol"}}
"""Fields that CRDs of some supported releases have and others lack, so that the charts cannot write them."""


def added(rendered: Any, answered: Any, path: str = "") -> Iterator[str]:
    """Paths of what the answer has beside what was rendered."""
    if isinstance(answered, dict) and isinstance(rendered, dict):
        for key, value in answered.items():
            yield from added(rendered[key], value, f"{path}/{key}") if key in rendered else [f"{path}/{key}"]
    elif isinstance(answered, list) and isinstance(rendered, list):
        for place, (one, other) in enumerate(zip(rendered, answered, strict=True)):
            yield from added(one, other, f"{path}/{place}")


def answers(server: ApiServer, manifests: list[Manifest]) -> list[Manifest]:
    """What the API server would store."""
    flags = ("--server-side", "--dry-run=server", "--validate=strict", "--output=json", "--filename=-")
    found: Manifest = json.loads(server.kubectl("apply", *flags, stdin=documents(manifests)))
    return list(found["items"]) if found["kind"] == "List" else [found]


@pytest.mark.parametrize(("chart", "values"), SCENARIOS, ids=lambda value: getattr(value, "stem", value))
def test_the_api_server_adds_only_what_is_listed(server: ApiServer, chart: str, values: Path) -> None:
    listed = [line.split() for line in server.kubectl("api-resources", "--no-headers").splitlines()]
    served = {(columns[-3], columns[-1]) for columns in listed}
    rendered = [
        m
        for m in render(chart, "dry-run", files=[values], arguments=ARGUMENTS)
        if m["apiVersion"].partition("/")[0] in GROUPS and (m["apiVersion"], m["kind"]) in served
    ]
    assert rendered
    for before, after in zip(rendered, answers(server, rendered), strict=True):
        assert before["kind"] == after["kind"]
        assert set(added(before["spec"], after["spec"], "/spec")) <= LISTED.get(before["kind"], set())


def test_what_is_listed_is_in_the_readme_for_argo_cd() -> None:
    readme = (CHARTS / "inferencepool/README.md").read_text()
    for kind, paths in LISTED.items():
        assert f"kind: {kind}, jsonPointers: [{', '.join(sorted(paths))}]" in readme
