"""A driver killed with SIGKILL at whatever moment, and started again, ends where an undisturbed one does."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.rollout import STEPS, Rollout, rollout

KILLS = 10
SEED = 20261125


@dataclass(frozen=True)
class Undisturbed:
    """A rollout that nobody killed: its time in s, and what it left."""

    rollout: Rollout
    seconds: float
    left: Any


def left(rollout: Rollout) -> Any:
    """The route in the end, and the weights of its revisions."""
    return rollout.namespace.get("httproute/route")["spec"], rollout.weights()


@pytest.fixture(scope="module")
def undisturbed(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Undisturbed]:
    with rollout(cluster, tmp_path_factory.mktemp("driver"), "pool-old", "pool-new", rate=40, burn_in=4) as made:
        made.to_old("pool-new")
        began = time.monotonic()
        done = made.run("run")
        assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
        yield Undisturbed(made, time.monotonic() - began, left(made))


def test_an_undisturbed_rollout_moves_once_to_every_step(undisturbed: Undisturbed) -> None:
    assert undisturbed.left[1] == [0, *STEPS]


@pytest.mark.parametrize("share", sorted(random.Random(SEED).random() for _ in range(KILLS)), ids="{:.2f}".format)
def test_a_killed_driver_started_again_ends_alike(undisturbed: Undisturbed, share: float) -> None:
    """Killed after that share of the time that an undisturbed rollout takes."""
    rollout = undisturbed.rollout
    rollout.to_old("pool-new")
    with rollout.running() as driver:
        time.sleep(share * undisturbed.seconds)
        driver.kill()
    rollout.lease_ended()
    done = rollout.run("run")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert left(rollout) == undisturbed.left
    assert all(line.endswith(" 0 lost") for line in done.stderr.splitlines() if " requests, " in line), done.stderr
