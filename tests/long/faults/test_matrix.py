"""Every row of the fault matrix that one node can show, in both failure modes; the run writes docs/fault-matrix.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.faults.matrix import Matrix
from kit.faults.table import CLOSE, OPEN, ROWS, Row
from kit.two_pools import TwoPools, two_pools


@pytest.fixture(scope="module", params=[OPEN, CLOSE])
def pools(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[TwoPools]:
    with two_pools(cluster, request.param) as made:
        yield made


@pytest.mark.parametrize("row", [row for row in ROWS if not row.workers], ids=lambda row: row.name.replace(" ", "-"))
def test_the_other_pool_loses_nothing_and_the_struck_one_what_the_row_allows(
    pools: TwoPools, row: Row, matrix: Matrix
) -> None:
    assert matrix.prove(pools, row) == []
