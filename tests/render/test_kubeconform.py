"""What the charts render is what the API takes, by the schemas of Kubernetes and of the CRDs."""

from __future__ import annotations

import copy
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from charts import CHARTS, VALUES, Manifest, render
from inferencepool_rollout.tools import tool
from schemas import LOCATION, schema_folder

SCENARIOS = sorted(
    [(path.parents[1].name, path) for path in CHARTS.glob("*/ci/*-values.yaml")]
    + [
        ("rollout-route" if path.stem.startswith("route") else "inferencepool", path)
        for path in VALUES.rglob("*.yaml")
        if path.parent.name != "plans"
    ]
)


def _refused(manifests: list[Manifest]) -> list[str]:
    """What kubeconform says of the manifests that it refuses."""
    done = subprocess.run(
        [tool("kubeconform"), "-strict", "-output", "json", "-schema-location", f"{schema_folder()}/{LOCATION}"],
        input=yaml.safe_dump_all(manifests),
        capture_output=True,
        text=True,
        check=False,
    )
    return [f"{found['kind']} {found['name']}: {found['msg']}" for found in json.loads(done.stdout)["resources"] or []]


@pytest.mark.parametrize(("chart", "values"), SCENARIOS, ids=lambda value: getattr(value, "stem", value))
def test_a_scenario_renders_only_what_the_api_takes(chart: str, values: Path) -> None:
    manifests = render(chart, "pool-old", files=[values])
    assert manifests
    assert _refused(manifests) == []


@pytest.mark.parametrize("chart", ["inferencepool", "rollout-route"])
def test_an_unknown_field_would_be_seen(chart: str) -> None:
    for manifest in render(chart, "pool-old"):
        if isinstance(manifest.get("spec"), dict):
            broken = copy.deepcopy(manifest)
            broken["spec"]["noSuchField"] = 1
            assert len(_refused([broken])) == 1, manifest["kind"]
