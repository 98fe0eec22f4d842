"""Every command of the README does what the README says, in its order."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.charts import ROOT
from kit.namespace import Namespace

README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
EVERYDAY = [line for line in BLOCKS[2].splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def environment(cluster: Cluster) -> Iterator[dict[str, str]]:
    """An operator's shell, whose namespace is that of the Gateway; what the commands install goes in the end."""
    default = Namespace(cluster, "default")
    yield default.environment
    default.helm("uninstall", "route", "pool-old", "pool-new", "--ignore-not-found", "--wait")


def test_the_first_two_blocks_are_the_two_commands() -> None:
    assert [block.strip() for block in BLOCKS[:2]] == ["./scripts/demo", "./scripts/test"]
    assert len(BLOCKS) == 3


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert "./scripts/test" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("command", EVERYDAY)
def test_an_everyday_command_works(command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_everyday_commands_end_with_the_new_pool_alone(cluster: Cluster, environment: dict[str, str]) -> None:
    refs = cluster.kubectl("get", "httproute", "route", "--output=jsonpath={.spec.rules[*].backendRefs[*].name}")
    assert refs == "pool-new"
    assert cluster.kubectl("get", "inferencepools", "--output=name").split() == [
        "inferencepool.inference.networking.k8s.io/pool-new"
    ]
