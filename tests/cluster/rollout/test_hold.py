"""After a hold the printed command is the one that works, and a hand edit in the meantime is seen first."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import CHARTS
from kit.rollout import SECONDS, Rollout, rollout

BY_HAND = '[{"op": "replace", "path": "/spec/rules/0/backendRefs/1/weight", "value": 33}]'


@pytest.fixture(scope="module")
def pools(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with rollout(cluster, tmp_path_factory.mktemp("hold"), "pool-old", "pool-new") as made:
        yield made


@pytest.fixture
def at_10(pools: Rollout) -> Rollout:
    """A route that gives the new pool 10 %, and no driver."""
    pools.to_old("pool-new")
    words = ("--reset-then-reuse-values", "--set", "weights.new=10")
    pools.namespace.helm("upgrade", "route", CHARTS / "rollout-route", *words)
    return pools


def test_after_a_hold_by_hand_the_driver_prints_the_command_that_goes_on(pools: Rollout) -> None:
    pools.to_old("pool-new")
    with pools.running() as driver:
        pools.moved()
        held = pools.run("hold", "--reason", "the night shift is alone")
        said, _ = driver.communicate(timeout=SECONDS)
    assert held.returncode == ExitCode.DONE, held.stdout + held.stderr
    assert driver.returncode == ExitCode.HELD, said
    assert "the night shift is alone" in said
    assert "continue with `rollout run --resume`" in said
    bare = pools.run("run")
    assert bare.returncode == ExitCode.HELD
    assert "continue with `rollout run --resume`" in bare.stderr
    resumed = pools.run("run", "--resume")
    assert resumed.returncode == ExitCode.DONE, resumed.stdout + resumed.stderr
    assert pools.percent("pool-new") == 100


def test_resuming_on_an_edited_route_sees_the_edit_first(at_10: Rollout) -> None:
    at_10.run("hold")
    at_10.namespace.kubectl("patch", "httproute", "route", "--type=json", f"--patch={BY_HAND}")
    edited = at_10.namespace.get("httproute/route")["spec"]
    said = at_10.run("run", "--resume")
    assert said.returncode == ExitCode.HELD, said.stdout + said.stderr
    assert "somebody changed it" in said.stdout
    assert " requests, " not in said.stderr, "no step was judged on a split that nobody asked for"
    assert at_10.namespace.get("httproute/route")["spec"] == edited
    assert at_10.weights() == [0, 10]


@pytest.mark.parametrize("edited", [False, True])
def test_a_dry_run_of_the_way_back_prints_a_command_that_works(at_10: Rollout, edited: bool) -> None:
    if edited:
        at_10.namespace.kubectl("patch", "httproute", "route", "--type=json", f"--patch={BY_HAND}")
    said = at_10.run("rollback", "--dry-run")
    assert said.returncode == ExitCode.DONE, said.stdout + said.stderr
    assert "None" not in said.stdout
    assert at_10.percent("pool-new") > 0
    subprocess.run(said.stdout, shell=True, env=at_10.environment, check=True, capture_output=True)
    assert (at_10.percent("pool-old"), at_10.percent("pool-new")) == (100, 0)
