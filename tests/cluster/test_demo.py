"""`./scripts/demo` from its first line to its last, and the clean machine that it leaves."""

from __future__ import annotations

import subprocess

import pytest

from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import STAGES
from kit.charts import ROOT

NAME, PORT = "inferencepool-demo-test", "18082"


@pytest.fixture(scope="module")
def demo(cluster: Cluster) -> subprocess.CompletedProcess[str]:
    """The demo, run to its end beside the tests' own cluster, whose docker it shares."""
    return subprocess.run(
        [ROOT / "scripts/demo", "--name", NAME, "--port", PORT], capture_output=True, text=True, check=False
    )


def test_the_demo_ends_well(demo: subprocess.CompletedProcess[str]) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "every stage was right" in demo.stdout


def test_the_demo_prints_a_row_for_every_stage(demo: subprocess.CompletedProcess[str]) -> None:
    rows = [line for line in demo.stdout.splitlines() if line.startswith(tuple(stage.name for stage in STAGES))]
    assert len(rows) == len(STAGES), demo.stdout


def test_the_demo_removes_its_cluster_and_leaves_others(
    demo: subprocess.CompletedProcess[str], cluster: Cluster
) -> None:
    assert f"removed the kind cluster {NAME}" in demo.stdout
    assert NAME not in kind.names()
    assert cluster.name in kind.names()
    assert not cluster.docker.run("ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={NAME}").strip()
