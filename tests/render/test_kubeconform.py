"""What the charts render is what the API takes, by the schemas of Kubernetes and of the CRDs."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import pytest
import yaml

from charts import CHARTS, VALUES, RenderError, render
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

EVERY_OBJECT = [
    *(("inferencepool", path) for path in sorted(Path(__file__).parent.glob("pool/kitchen-sink*.yaml"))),
    *(("rollout-route", path) for path in sorted(CHARTS.glob("rollout-route/ci/*-values.yaml"))),
]


def _refused(folder: Path) -> dict[str, list[str]]:
    """What kubeconform says of the manifests that it refuses, by the stem of their file in `folder`."""
    done = subprocess.run(
        [tool("kubeconform"), "-strict", "-output=json", f"-schema-location={schema_folder()}/{LOCATION}", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    refused: dict[str, list[str]] = {}
    for found in json.loads(done.stdout)["resources"] or []:
        refused.setdefault(Path(found["filename"]).stem, []).append(f"{found['kind']} {found['name']}: {found['msg']}")
    return refused


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What kubeconform, asked once, refuses of each scenario, by its place in SCENARIOS."""
    folder = tmp_path_factory.mktemp("scenarios")
    for place, (chart, values) in enumerate(SCENARIOS):
        with contextlib.suppress(RenderError):  # its own test meets it
            (folder / f"{place}.yaml").write_text(yaml.safe_dump_all(render(chart, "pool-old", files=[values])))
    return _refused(folder)


@pytest.mark.parametrize(("chart", "values"), SCENARIOS, ids=lambda value: getattr(value, "stem", value))
def test_a_scenario_renders_only_what_the_api_takes(refused: dict[str, list[str]], chart: str, values: Path) -> None:
    assert render(chart, "pool-old", files=[values])
    assert refused.get(str(SCENARIOS.index((chart, values))), []) == []


@pytest.mark.parametrize(("chart", "values"), EVERY_OBJECT, ids=lambda value: getattr(value, "stem", value))
def test_a_release_and_a_namespace_named_by_digits_stay_names(tmp_path: Path, chart: str, values: Path) -> None:
    named = {"adopt": {"epp": {"name": "picker"}}} if chart == "inferencepool" else {}  # a Service is not of digits
    manifests = render(chart, "123", named, files=[values], namespace="456")
    (tmp_path / "rendered.yaml").write_text(yaml.safe_dump_all(manifests))
    assert _refused(tmp_path) == {}


@pytest.mark.parametrize("chart", ["inferencepool", "rollout-route"])
def test_an_unknown_field_would_be_seen(tmp_path: Path, chart: str) -> None:
    broken = [manifest for manifest in render(chart, "pool-old") if isinstance(manifest.get("spec"), dict)]
    for place, manifest in enumerate(broken):
        manifest["spec"]["noSuchField"] = 1
        (tmp_path / f"{place}.yaml").write_text(yaml.safe_dump(manifest))
    assert broken
    assert {place: len(found) for place, found in _refused(tmp_path).items()} == {str(p): 1 for p in range(len(broken))}
