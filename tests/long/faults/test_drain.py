"""The rows of the fault matrix that need a second node: a cluster of its own, whose worker holds the faulted pool."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.cluster import standing
from kit.faults.inject import WORKER
from kit.faults.matrix import Matrix
from kit.faults.table import CLOSE, OPEN, ROWS, Row
from kit.two_pools import FAULTED, OTHER, TwoPools, two_pools


@pytest.fixture(scope="module")
def two_nodes(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with standing(request.config, "-2", 10, workers=1) as made:
        made.kubectl("uncordon", WORKER.format(made.name))
        yield made


@pytest.fixture(scope="module", params=[OPEN, CLOSE])
def pools(two_nodes: Cluster, request: pytest.FixtureRequest) -> Iterator[TwoPools]:
    """The faulted pool on the worker as long as that takes pods, the other elsewhere."""
    name = WORKER.format(two_nodes.name)
    with two_pools(two_nodes, request.param, {FAULTED: _placed(name, "In"), OTHER: _placed(name, "NotIn")}) as made:
        yield made


def _placed(node: str, operator: str) -> dict[str, Any]:
    """Values for pods of both parts of a pool that would rather be on the node, or not."""
    matches = [{"key": "kubernetes.io/hostname", "operator": operator, "values": [node]}]
    preferred = [{"weight": 100, "preference": {"matchExpressions": matches}}]
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}
    return {f"{part}.affinity": affinity for part in ("modelServer", "epp")}


@pytest.mark.parametrize("row", [row for row in ROWS if row.workers], ids=lambda row: row.name.replace(" ", "-"))
def test_the_other_pool_loses_nothing_and_the_struck_one_what_the_row_allows(
    pools: TwoPools, row: Row, matrix: Matrix
) -> None:
    assert matrix.prove(pools, row) == []
