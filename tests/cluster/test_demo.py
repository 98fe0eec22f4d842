"""`./scripts/demo` from its first line to its last, the commands that it prints, and the clean machine in the end."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from inferencepool_lab.cluster import kind
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import STAGES
from inferencepool_lab.stage import FOOD_REVIEW
from inferencepool_rollout.traffic.answers import Answers
from inferencepool_rollout.traffic.load import Plan, background
from kit.charts import ROOT

NAME, PORT = "inferencepool-demo-test", 18082
DOWN = f"./scripts/demo --down --name {NAME}"
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Next:
    """What came of the commands that the demo prints, under load, and of the last one, which removes the cluster."""

    commands: Done
    answers: Answers
    down: Done


@pytest.fixture(scope="module")
def demo(cluster: Cluster) -> Iterator[Done]:
    """The demo, run to its end beside the tests' own cluster, whose docker it shares."""
    yield subprocess.run(
        [ROOT / "scripts/demo", "--keep", "--name", NAME, "--port", str(PORT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    subprocess.run(DOWN, shell=True, cwd=ROOT, check=False)


@pytest.fixture(scope="module")
def next_(demo: Done) -> Next:
    """The printed commands, run as they stand and in their order, under load."""
    found = re.search(rf"Next:\n(.*?)^{re.escape(DOWN)}$", demo.stdout, re.DOTALL | re.MULTILINE)
    assert found, demo.stdout
    script = f"set -e\n{found[1]}"
    with background(f"http://127.0.0.1:{PORT}", FOOD_REVIEW, Plan(rate=40, seconds=600)) as load:
        commands = subprocess.run(["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
        answers = load.answers()
    down = subprocess.run(DOWN, shell=True, cwd=ROOT, capture_output=True, text=True, check=False)
    return Next(commands, answers, down)


def test_the_demo_ends_well(demo: Done) -> None:
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "every stage was right" in demo.stdout


def test_the_demo_prints_a_row_for_every_stage(demo: Done) -> None:
    rows = [line for line in demo.stdout.splitlines() if line.startswith(tuple(stage.name for stage in STAGES))]
    assert len(rows) == len(STAGES), demo.stdout


def test_the_printed_commands_work_in_their_order(next_: Next) -> None:
    assert next_.commands.returncode == 0, next_.commands.stdout + next_.commands.stderr


def test_the_printed_commands_lose_no_request(next_: Next) -> None:
    assert len(next_.answers) > 100
    assert next_.answers.lost == 0, next_.answers.causes()


def test_the_demo_removes_its_cluster_and_leaves_others(next_: Next, cluster: Cluster) -> None:
    assert f"removed the kind cluster {NAME}" in next_.down.stdout
    assert NAME not in kind.names()
    assert cluster.name in kind.names()
    assert not cluster.docker.run("ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={NAME}").strip()
