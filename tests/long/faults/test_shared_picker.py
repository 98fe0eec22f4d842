"""The harness finds the shared-picker fault in an Istio that has it, and nothing in one that has not."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from inferencepool_lab.builds.programs import compiled
from inferencepool_lab.builds.tools import tool
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.gateways.gateway import chosen
from inferencepool_rollout.process import run
from inferencepool_rollout.traffic.verdict import Fault
from kit.faults.run import judge_split
from kit.faults.table import OPEN
from kit.two_pools import TwoPools, two_pools
from kit.wait import FOLLOWED_SECONDS, wait_until

UNPATCHED = "inferencepool-rollout/pilot:unpatched"
ISTIOD = chosen().controller


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[TwoPools]:
    with two_pools(cluster, OPEN) as made:
        made.split(70)
        time.sleep(FOLLOWED_SECONDS)
        yield made


@contextmanager
def istiod(cluster: Cluster, image: str) -> Iterator[None]:
    """Run istiod from another image while the block runs."""
    _deploy(cluster, image)
    try:
        yield
    finally:
        _deploy(cluster, versions().images["pilot"].name)


def _deploy(cluster: Cluster, image: str) -> None:
    """Replace istiod, and wait until the gateway can only have what the new one says."""
    pods = ("get", *ISTIOD.pods, "--output=name")
    before = set(cluster.kubectl(*pods).split())
    cluster.kubectl("set", "image", *ISTIOD.words, f"discovery={image}")
    cluster.kubectl("rollout", "status", *ISTIOD.words, "--timeout=180s")
    wait_until(lambda: not before & set(cluster.kubectl(*pods).split()), "the istiod before is gone", 120, 1)
    time.sleep(FOLLOWED_SECONDS)


def _build_unpatched(cluster: Cluster) -> None:
    """Put the unpatched program into the cluster's own image of istiod, and that into the node."""
    program = compiled(["pilot-discovery-unpatched"])["pilot-discovery-unpatched"]
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        shutil.copy(program, context / "pilot-discovery")
        (context / "Dockerfile").write_text(
            f"FROM {versions().images['pilot'].name}\nCOPY pilot-discovery /usr/local/bin/pilot-discovery\n"
        )
        cluster.docker.run("build", "--quiet", "--tag", UNPATCHED, context)
    run(
        [tool("kind"), "load", "docker-image", "--name", cluster.name, UNPATCHED],
        env=cluster.docker.environment,
        timeout=600,
    )


def test_an_istio_with_the_fix_passes(pools: TwoPools) -> None:
    assert judge_split(pools, 70) == ()


def test_an_istio_without_the_fix_fails_and_the_finding_names_the_issue(pools: TwoPools) -> None:
    _build_unpatched(pools.namespace.cluster)
    with istiod(pools.namespace.cluster, UNPATCHED):
        findings = judge_split(pools, 70)
    assert [finding.fault for finding in findings] == [Fault.SHARED_PICKER]
    assert "istio#61594" in str(findings[0])
