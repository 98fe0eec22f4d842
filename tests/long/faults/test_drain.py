"""The rows of the fault matrix that need a second node: a cluster of its own, whose worker holds the struck pool."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from clusters import standing
from faults.bench import OTHER, STRUCK, Bench, bench
from faults.matrix import Matrix
from faults.strikes import WORKER
from faults.table import CLOSE, OPEN, ROWS, Row
from inferencepool_lab.cluster.handle import Cluster


@pytest.fixture(scope="module")
def two_nodes(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with standing(request.config, "-2", 10, workers=1) as made:
        made.kubectl("uncordon", WORKER.format(made.name))
        yield made


@pytest.fixture(scope="module", params=[OPEN, CLOSE])
def pools(two_nodes: Cluster, request: pytest.FixtureRequest) -> Iterator[Bench]:
    """The struck pool on the worker as long as that takes pods, the other elsewhere."""
    name = WORKER.format(two_nodes.name)
    with bench(two_nodes, request.param, {STRUCK: _placed(name, "In"), OTHER: _placed(name, "NotIn")}) as made:
        yield made


def _placed(node: str, operator: str) -> list[str]:
    """helm's words for pods of both parts of a pool that would rather be on the node, or not."""
    matches = [{"key": "kubernetes.io/hostname", "operator": operator, "values": [node]}]
    preferred = [{"weight": 100, "preference": {"matchExpressions": matches}}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    return [w for part in ("modelServer", "epp") for w in ("--set-json", f"{part}.affinity={json.dumps(affinity)}")]


@pytest.mark.parametrize("row", [row for row in ROWS if row.workers], ids=lambda row: row.name.replace(" ", "-"))
def test_the_other_pool_loses_nothing_and_the_struck_one_what_the_row_allows(
    pools: Bench, row: Row, matrix: Matrix
) -> None:
    assert matrix.prove(pools, row) == []
