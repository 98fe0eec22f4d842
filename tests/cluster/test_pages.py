"""The site's first page can be followed from its first line to its last, on what the demo leaves."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_lab.demo import POOL, POOL_VALUES, ROUTE
from kit.charts import ROOT
from kit.namespace import Namespace

DEMO = "./scripts/demo --keep"
COMMANDS = [
    line
    for block in re.findall(r"```bash\n(.*?)```", (ROOT / "docs/first-rollout.md").read_text(), re.DOTALL)
    for line in block.splitlines()
]


@pytest.fixture(scope="module")
def default(cluster: Cluster) -> Iterator[Namespace]:
    """The Gateway's namespace with the releases that the page's first command, `./scripts/demo --keep`, leaves."""
    namespace = Namespace(cluster, "default")
    namespace.helm("install", "pool-new", POOL, "--values", POOL_VALUES, "--wait", "--timeout=3m")
    namespace.helm("install", "route", ROUTE, "--set", "weights.new=100")
    yield namespace
    namespace.helm("uninstall", "route", "pool-old", "pool-new", "--ignore-not-found", "--wait")


def test_the_page_begins_with_the_demo() -> None:
    assert COMMANDS[0] == DEMO


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_a_command_of_the_page_works_where_it_stands(command: str, default: Namespace) -> None:
    done = subprocess.run(
        command, shell=True, cwd=ROOT, env=default.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_page_ends_with_the_new_pool_alone(default: Namespace) -> None:
    assert default.kubectl("get", "inferencepools", "--output=jsonpath={.items[*].metadata.name}") == "pool-new"
    refs = default.get("httproute/route")["spec"]["rules"][-1]["backendRefs"]
    assert [ref["name"] for ref in refs] == ["pool-new"]
