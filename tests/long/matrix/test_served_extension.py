"""Both helms x the releases of the Inference Extension, on the API server of each minor that a cluster can be made of:
what helm finds there it installs, or the chart says what is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.builds.programs import downloaded, module_folder
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.failure import Failure
from kit import dry_run
from kit.charts import CHARTS, Manifest
from kit.scenarios import KIND_POOL
from kit.wait import wait_until
from long.matrix.compatibility import EXTENSION, HELMS, TAGS, Compatibility

GROUPS = ("inference.networking.k8s.io", "inference.networking.x-k8s.io")
ALONE = {"modelServer": {"preset": "simulator"}}
REFUSED = {  # what the chart says of aliases and objectives, where a release has no kinds for them
    "v0.5.1": "objectives are given, but api.version is x-k8s",
    "v1.0.0": "aliases need the InferenceModelRewrite",
    "v1.1.0": "aliases need the InferenceModelRewrite",
    "v1.6.0": "aliases need the InferenceModelRewrite",
}
EPP = {"v1.2.1": {"epp": {"image": {"tag": "v1.2.1"}}}}  # the rewrites of 1.2 are those of its own EPP
SERVED_SECONDS = 60


@pytest.fixture(scope="module")
def server(kubernetes: Cluster) -> Iterator[Cluster]:
    """An API server whose CRDs of the Inference Extension a test may change."""
    yield kubernetes
    _serve(kubernetes, module_folder("inference-extension"))


@pytest.fixture(scope="module", params=TAGS)
def tag(server: Cluster, request: pytest.FixtureRequest) -> str:
    """A release of the Inference Extension whose CRDs, and no others, the API server serves."""
    _serve(server, downloaded(f"{EXTENSION}@{request.param}"))
    return str(request.param)


def _serve(cluster: Cluster, module: Path) -> None:
    """Put the CRDs of a release in the place of those that are there, and wait until they are found."""
    folder = module / "config/crd/bases"
    wanted = {yaml.safe_load(file.read_text())["metadata"]["name"] for file in folder.glob("*.yaml")}
    cluster.kubectl("delete", "--ignore-not-found", *(f"crd/{name}" for name in _served(cluster)))
    cluster.kubectl("apply", "--server-side", "--filename", folder)
    wait_until(lambda: _served(cluster) == wanted, f"only {', '.join(sorted(wanted))} are served", SERVED_SECONDS)


def _served(cluster: Cluster) -> set[str]:
    lists = [cluster.kubectl("api-resources", f"--api-group={group}", "--output=name") for group in GROUPS]
    return set("".join(lists).split())


def _as_installed(cluster: Cluster, folder: Path, values: Mapping[str, Any], *files: Path) -> list[Manifest]:
    """What helm would install of a pool on that cluster, by what it finds there; raises Failure when it refuses."""
    (folder / "values.yaml").write_text(yaml.safe_dump(dict(values)))
    words = [word for file in (*files, folder / "values.yaml") for word in ("--values", file)]
    said = cluster.helm("install", "dry-run", CHARTS / "inferencepool", *words, "--dry-run=server", "--output=json")
    return [manifest for manifest in yaml.safe_load_all(json.loads(said)["manifest"]) if manifest]


@pytest.mark.parametrize("helm", HELMS)
def test_a_pool_alone_is_taken_by_every_release(
    server: Cluster, tag: str, helm: str, tmp_path: Path, compatibility: Compatibility
) -> None:
    cluster = replace(server, helm_tool=helm)
    taken = dry_run.taken(cluster, _as_installed(cluster, tmp_path, ALONE))
    compatibility.extension.cell(tag, helm).dry_runs.append((versions().kubernetes, taken))


@pytest.mark.parametrize("helm", HELMS)
def test_aliases_and_objectives_are_taken_too_or_refused_by_name(
    server: Cluster, tag: str, helm: str, tmp_path: Path, compatibility: Compatibility
) -> None:
    cluster, cell = replace(server, helm_tool=helm), compatibility.extension.cell(tag, helm)
    if tag in REFUSED:
        with pytest.raises(Failure, match=REFUSED[tag]):
            _as_installed(cluster, tmp_path, {}, KIND_POOL)
        cell.refused = [REFUSED[tag].split()[0]]
    else:
        manifests = _as_installed(cluster, tmp_path, EPP.get(tag, {}), KIND_POOL)
        assert {"InferenceModelRewrite", "InferenceObjective"} <= {manifest["kind"] for manifest in manifests}
        cell.dry_runs.append((versions().kubernetes, dry_run.taken(cluster, manifests)))
