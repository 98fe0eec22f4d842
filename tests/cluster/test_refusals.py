"""What the harness refuses to touch or to start with: one line, and nothing half-made is left."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from kit.charts import ROOT

FOREIGN = "inferencepool-foreign"


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inferencepool_lab.demo", *arguments],
        env={**os.environ, **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def cause(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that tells why the demo refused."""
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


@pytest.fixture
def foreign_cluster(cluster: Cluster) -> Iterator[Cluster]:
    """A container that is the control plane of a kind cluster somebody else made."""
    name = f"{FOREIGN}-control-plane"
    cluster.docker.run(
        "create", "--name", name, "--label", f"io.x-k8s.kind.cluster={FOREIGN}",
        "--label", "io.x-k8s.kind.role=control-plane", versions().images["epp"].name,
    )  # fmt: skip
    yield cluster
    cluster.docker.run("rm", "--force", name)


def test_a_cluster_of_that_name_that_is_not_ours_is_left_alone(foreign_cluster: Cluster) -> None:
    refused = demo("--name", FOREIGN, "--port", "18099")
    assert f"a kind cluster named {FOREIGN} exists that this project did not make" in cause(refused)
    assert "removed" not in demo("--name", FOREIGN, "--down").stdout
    assert foreign_cluster.docker.has("inspect", f"{FOREIGN}-control-plane")


def test_a_taken_port_is_told_before_anything_is_made(cluster: Cluster) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is taken" in cause(demo("--name", "inferencepool-port", "--port", str(port)))
    assert "inferencepool-port" not in kind.names()


@pytest.mark.parametrize("arguments", [("--port", "99999"), ("--requests", "0"), ("--name", "Not_A_Name")])
def test_an_option_that_makes_no_sense_is_refused_by_name(arguments: tuple[str, str]) -> None:
    done = demo(*arguments)
    assert done.returncode == 2
    assert f"Error: Invalid value for '{arguments[0]}': " in done.stderr.splitlines()[-1]


def test_the_clusters_of_the_tests_are_the_harness_s_own(cluster: Cluster) -> None:
    assert cluster.name in kind.names()
    assert cluster.kubeconfig.is_relative_to(cache.root())
