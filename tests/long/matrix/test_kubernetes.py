"""Both helms x every minor of Kubernetes that can be had: it takes what is rendered for it, and the demo is right on
those that a cluster can be made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from inferencepool_lab.builds.programs import downloaded
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import STAGES
from inferencepool_lab.stage import Stage, run_stage
from kit import dry_run, kubeconform
from kit.charts import RenderError, render
from kit.demo import REQUESTS, demo_pools
from kit.scenarios import OF_KIND, SCENARIOS
from kit.schemas import schema_folder
from long.matrix.compatibility import CLUSTERS, HELMS, KUBERNETES, Cell, Compatibility


@pytest.fixture(scope="module", params=HELMS)
def pools(kubernetes: Cluster, request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The pools of the guide, installed by that helm, on that cluster."""
    with demo_pools(replace(kubernetes, helm_tool=request.param)) as ready_pools:
        yield ready_pools


@pytest.fixture
def cell(pools: Cluster, compatibility: Compatibility) -> Cell:
    return compatibility.kubernetes.cell(versions().kubernetes, pools.helm_tool)


def test_the_cluster_is_of_its_minor(kubernetes: Cluster, request: pytest.FixtureRequest) -> None:
    version = f"v{CLUSTERS[request.node.callspec.params['kubernetes']]}"
    assert json.loads(kubernetes.kubectl("version", "--output=json"))["serverVersion"]["gitVersion"] == version
    nodes = json.loads(kubernetes.kubectl("get", "nodes", "--output=json"))["items"]
    assert {node["status"]["nodeInfo"]["kubeletVersion"] for node in nodes} == {version}


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name.replace(" ", "-"))
def test_a_stage_of_the_demo_is_right_on_it(pools: Cluster, stage: Stage, cell: Cell) -> None:
    seen = run_stage(pools, stage, REQUESTS)
    cell.stages.append(seen)
    assert seen.verdict.findings == ()
    assert seen.lost == 0


@pytest.mark.parametrize(("chart", "values"), OF_KIND, ids=lambda value: getattr(value, "stem", value))
def test_its_api_server_takes_every_object(pools: Cluster, chart: str, values: Path, cell: Cell) -> None:
    cell.dry_runs.append((versions().kubernetes, dry_run.scenario_taken(pools, chart, values)))


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("version", KUBERNETES)
def test_a_scenario_renders_only_what_it_takes_or_is_refused_by_name(
    version: str, helm: str, compatibility: Compatibility
) -> None:
    cell = compatibility.kubernetes.cell(version, helm)
    rendered = {}
    for place, (chart, values) in enumerate(SCENARIOS):
        try:
            manifests = render(chart, "pool-old", files=[values], arguments=["--kube-version", version], helm=helm)
        except RenderError as refusal:
            assert f"but Kubernetes v{version} " in str(refusal)
            cell.refused.append(values.stem)
        else:
            rendered[str(place)] = manifests
            cell.taken.append(len(manifests))
    assert kubeconform.refused(rendered, schema_folder(downloaded(f"k8s.io/kubernetes@v{version}"))) == {}
