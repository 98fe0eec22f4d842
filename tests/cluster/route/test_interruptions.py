"""A helm that dies, fails or meets another helm leaves a route that serves, and a way on."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from cluster.route.stalling import Stall, stalled
from inferencepool_lab.builds.tools import tool
from kit.namespace import Refused
from kit.route import CHART, Release

STALL_SECONDS = 60
IN_PROGRESS = "another operation .* is in progress"
ROLLBACK_ON_FAILURE = {"helm3": "--atomic", "helm4": "--rollback-on-failure"}
LISTENER = '"name": "inference-gateway", "sectionName": "http"'
TWICE = f'[{{{LISTENER}}}, {{{LISTENER}, "port": 80}}]'
REFUSED_BY_THE_API = ("--set-json", f"parentRefs={TWICE}")
"""Parents that the chart tells apart by their port; the API of the standard channel does not."""


def start_upgrade(release: Release, percent: int, kubeconfig: Path) -> subprocess.Popen[str]:
    """A helm that is under way to `percent`, through the API server of that kubeconfig."""
    namespace = release.namespace
    arguments = ["upgrade", "route", str(CHART), "--namespace", namespace.name, "--set", f"weights.new={percent}"]
    return subprocess.Popen(
        [tool(release.tool), *arguments],
        env={**namespace.environment, "KUBECONFIG": str(kubeconfig)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture
def at_10(release: Release) -> Release:
    release.install()
    release.upgrade("--set", "weights.new=10")
    return release


def test_a_killed_helm_leaves_the_last_split_and_a_rollback_frees_the_release(at_10: Release, tmp_path: Path) -> None:
    stall = Stall("PATCH", "/httproutes/route")
    with stalled(at_10.namespace.cluster.kubeconfig, stall, tmp_path) as kubeconfig:
        helm = start_upgrade(at_10, 20, kubeconfig)
        assert stall.reached.wait(STALL_SECONDS)
        helm.kill()
        helm.wait()
        assert at_10.status() == "pending-upgrade"
        assert at_10.split() == {"pool-old": 90, "pool-new": 10}
        with pytest.raises(Refused, match=IN_PROGRESS):
            at_10.upgrade("--set", "weights.new=30")
        at_10.rollback(2)
    at_10.upgrade("--set", "weights.new=30")
    assert at_10.split() == {"pool-old": 70, "pool-new": 30}
    assert at_10.live()["spec"] == at_10.rendered()["spec"]


def test_of_two_operators_at_once_one_is_served_and_one_is_told(at_10: Release, tmp_path: Path) -> None:
    stall = Stall("PATCH", "/httproutes/route")
    with stalled(at_10.namespace.cluster.kubeconfig, stall, tmp_path) as kubeconfig:
        first = start_upgrade(at_10, 20, kubeconfig)
        assert stall.reached.wait(STALL_SECONDS)
        with pytest.raises(Refused, match=IN_PROGRESS):
            at_10.upgrade("--set", "weights.new=30")
        stall.go.set()
        output, _ = first.communicate(timeout=STALL_SECONDS)
    assert first.returncode == 0, output
    assert at_10.split() == {"pool-old": 80, "pool-new": 20}
    assert at_10.live()["spec"] == at_10.rendered()["spec"]


def test_a_route_that_the_api_refuses_changes_nothing(at_10: Release) -> None:
    before = at_10.live()["spec"]
    with pytest.raises(Refused, match="sectionName must be unique"):
        at_10.upgrade("--set", "weights.new=10", *REFUSED_BY_THE_API)
    assert at_10.live()["spec"] == before
    at_10.upgrade("--set", "weights.new=20")
    assert at_10.split() == {"pool-old": 80, "pool-new": 20}


def test_helms_own_rollback_of_a_failed_upgrade_restores_the_last_split(at_10: Release) -> None:
    with pytest.raises(Refused, match="sectionName must be unique"):
        at_10.upgrade("--set", "weights.new=10", *REFUSED_BY_THE_API, ROLLBACK_ON_FAILURE[at_10.tool])
    assert at_10.status() == "deployed"
    assert at_10.split() == {"pool-old": 90, "pool-new": 10}
    assert at_10.live()["spec"] == at_10.rendered()["spec"]
    at_10.upgrade("--set", "weights.new=20")


def test_every_revision_can_be_gone_back_to(at_10: Release) -> None:
    for percent in (50, 99, 100):
        at_10.upgrade("--set", f"weights.new={percent}")
    seen = []
    for revision in (3, 1, 5, 2):
        at_10.rollback(revision)
        assert at_10.live()["spec"] == at_10.rendered()["spec"]
        seen.append(at_10.split().get("pool-new", 0))
    assert seen == [50, 0, 100, 10]
    at_10.upgrade("--set", "weights.new=20")


def test_a_release_of_helm_3_goes_on_with_helm_4(release: Release) -> None:
    first = release.by("helm3")
    then = release.by("helm4")
    first.install()
    first.upgrade("--set", "weights.new=10")
    then.upgrade("--set", "weights.new=20")
    assert then.split() == {"pool-old": 80, "pool-new": 20}
    with pytest.raises(Refused, match="guards.maxStep is 50"):
        then.upgrade("--set", "weights.new=100")
    then.rollback(2)
    assert then.live()["spec"] == then.rendered()["spec"]
