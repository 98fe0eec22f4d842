"""Every row of the fault matrix in both failure modes; the run writes docs/fault-matrix.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from faults.bench import Bench, bench
from faults.matrix import Matrix
from faults.run import run, wrongs
from faults.table import CLOSE, OPEN, ROWS, Row
from inferencepool_rollout.cluster.kind import Cluster


@pytest.fixture(scope="module", params=[OPEN, CLOSE])
def pools(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench(cluster, request.param) as made:
        yield made


@pytest.fixture(scope="module")
def matrix(request: pytest.FixtureRequest) -> Iterator[Matrix]:
    """The matrix, written and printed when all rows have run; a run of some rows prints only."""
    made = Matrix()
    yield made
    if len(made.lines) == 2 * len(ROWS):
        made.write()
    print("\n".join(["", *made.lines]))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name.replace(" ", "-"))
def test_the_other_pool_loses_nothing_and_the_struck_one_what_the_row_allows(
    pools: Bench, row: Row, matrix: Matrix
) -> None:
    seen = run(pools, row)
    matrix.add(row, pools.failure_mode, seen)
    assert wrongs(seen, row.loss[pools.failure_mode]) == []
