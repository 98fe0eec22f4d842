"""What the charts render is what the API takes, by the schemas of Kubernetes and of the CRDs."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
import yaml

from kit import kubeconform
from kit.charts import CHARTS, RenderError, render
from kit.scenarios import SCENARIOS, Scenario
from kit.schemas import schema_folder

EVERY_OBJECT = [
    *(("inferencepool", path) for path in sorted(Path(__file__).parent.glob("pool/kitchen-sink*.yaml"))),
    *(("rollout-route", path) for path in sorted(CHARTS.glob("rollout-route/ci/*-values.yaml"))),
]


@pytest.fixture(scope="module")
def refused() -> dict[str, list[str]]:
    """What kubeconform, asked once, refuses of each scenario, by its place in SCENARIOS."""
    scenarios = {}
    for place, (chart, values) in enumerate(SCENARIOS):
        with contextlib.suppress(RenderError):  # its own test meets it
            scenarios[str(place)] = render(chart, "pool-old", files=[values])
    return kubeconform.refused(scenarios, schema_folder())


@pytest.mark.parametrize(("chart", "values"), SCENARIOS, ids=lambda value: getattr(value, "stem", value))
def test_a_scenario_renders_only_what_the_api_takes(refused: dict[str, list[str]], chart: str, values: Path) -> None:
    assert render(chart, "pool-old", files=[values])
    assert refused.get(str(SCENARIOS.index(Scenario(chart, values))), []) == []


@pytest.mark.parametrize(("chart", "values"), EVERY_OBJECT, ids=lambda value: getattr(value, "stem", value))
def test_a_release_and_a_namespace_named_by_digits_stay_names(chart: str, values: Path) -> None:
    named = {"adopt": {"epp": {"name": "picker"}}} if chart == "inferencepool" else {}  # a Service is not of digits
    if yaml.safe_load(values.read_text()).get("leaderWorkerSet"):  # nor is that of a LeaderWorkerSet, named like it
        with pytest.raises(RenderError, match="its Service can't be named 123 like the release"):
            render(chart, "123", named, files=[values], namespace="456")
        return
    manifests = render(chart, "123", named, files=[values], namespace="456")
    assert kubeconform.refused({"digits": manifests}, schema_folder()) == {}


@pytest.mark.parametrize("chart", ["inferencepool", "rollout-route"])
def test_an_unknown_field_would_be_seen(chart: str) -> None:
    broken = [manifest for manifest in render(chart, "pool-old") if isinstance(manifest.get("spec"), dict)]
    for manifest in broken:
        manifest["spec"]["noSuchField"] = 1
    assert broken
    found = kubeconform.refused({str(place): [manifest] for place, manifest in enumerate(broken)}, schema_folder())
    assert {place: len(words) for place, words in found.items()} == {str(place): 1 for place in range(len(broken))}
