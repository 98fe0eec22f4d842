"""chart-testing (ct) with its helpers on PATH, and throw-away git repositories that it finds charts' versions in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from kit.charts import CHARTS, ROOT, Manifest, render
from kit.scenarios import alone

AUTHOR = {"NAME": "tests", "EMAIL": "tests@example.com"}


def ct(folder: Path, *arguments: str, kubeconfig: Path | None = None, helm: str = "helm4") -> tuple[bool, str]:
    """Run ct in a checkout; whether it was content, and all that it wrote itself.

    Of what its helpers write, the end may be missing: it waits for them before it reads them, which on a busy machine
    loses what is not read yet (chart-testing v3.14, pkg/exec).
    """
    programs = [tool(helm).parent, tool("kubectl").parent, Path(sys.executable).parent]  # yamale and yamllint are there
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(kubeconfig or "/nowhere")}
    done = subprocess.run(
        [tool("ct"), *arguments, "--config", "ct.yaml"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode == 0, done.stdout


def released(folder: Path, scenarios: Mapping[str, Sequence[Path]]) -> Path:
    """Make a repository whose `origin/main` holds the charts with those scenarios; return it on a branch."""
    shutil.copytree(ROOT / ".ct", folder / ".ct")
    shutil.copy(ROOT / "ct.yaml", folder)
    for chart, files in scenarios.items():
        target = folder / "charts" / chart
        shutil.copytree(CHARTS / chart, target, ignore=shutil.ignore_patterns("ci"))
        (target / "ci").mkdir()
        for file in files:
            shutil.copy(file, target / "ci" / f"{file.stem.removesuffix('-values')}-values.yaml")
    git(folder, "init", "--initial-branch=main")
    commit(folder)
    git(folder, "remote", "add", "origin", str(folder))
    git(folder, "fetch", "origin")
    git(folder, "switch", "--create", "work")
    return folder


def bump(chart: Path) -> str:
    """Raise the patch level of a chart, and return its new version."""
    file = chart / "Chart.yaml"
    old = yaml.safe_load(file.read_text())["version"]
    major, minor, patch = old.split(".")
    new = f"{major}.{minor}.{int(patch) + 1}"
    file.write_text(file.read_text().replace(f"version: {old}\n", f"version: {new}\n", 1))
    return new


def commit(folder: Path) -> None:
    """Commit all that a repository holds."""
    git(folder, "add", "--all")
    git(folder, "commit", "--message", "Change the charts")


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder as somebody; it must succeed."""
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    environment = {**os.environ, **people, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=environment, check=True, capture_output=True)


def scenarios_for(cluster: Cluster, chart: str) -> list[Path]:
    """The scenarios of a chart that a node of the cluster can schedule."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "--output=json"))["items"]
    return [scenario for scenario in alone(chart) if schedulable(chart, scenario, nodes)]


def installed_and_upgraded(cluster: Cluster, folder: Path, chart: str, scenarios: Sequence[Path]) -> None:
    """Have ct install a chart anew, and over its last released version, with each scenario; all must become ready."""
    assert scenarios
    repository = released(folder, {chart: scenarios})
    old = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["version"]
    new = bump(repository / "charts" / chart)
    commit(repository)
    content, output = ct(repository, "install", "--upgrade", kubeconfig=cluster.kubeconfig)
    assert content, output
    chart_of = (f'{chart} => (version: \\"{version}\\"' for version in (new, old))
    assert f'upgrades of chart "{next(chart_of)}, path: \\"charts' in output
    assert f'relative to previous revision "{next(chart_of)}, path: \\"ct-previous' in output
    assert "skipped because" not in output
    assert output.count(" with values file ") == 3 * len(scenarios)  # two upgrades with their installs, and an install


def schedulable(chart: str, scenario: Path, nodes: Sequence[Manifest]) -> bool:
    """Whether pods of a scenario fit on one of those nodes: its images are there, its resources, its labels."""
    manifests = render(chart, "pool-old", files=[scenario])
    pods = [manifest["spec"]["template"]["spec"] for manifest in manifests if "template" in manifest.get("spec", {})]
    return all(any(_fits(pod, node) for node in nodes) for pod in pods)


def _fits(pod: Manifest, node: Manifest) -> bool:
    containers = [*pod["containers"], *pod.get("initContainers", [])]
    images = {name for image in node["status"]["images"] for name in image.get("names", [])}
    asked = {name for container in containers for name in _asked(container)}
    return (
        {container["image"] for container in containers} <= images
        and asked <= set(node["status"]["allocatable"])
        and (pod.get("nodeSelector") or {}).items() <= node["metadata"]["labels"].items()
    )


def _asked(container: Manifest) -> set[str]:
    resources = container.get("resources", {})
    return {*resources.get("limits", {}), *resources.get("requests", {})}
