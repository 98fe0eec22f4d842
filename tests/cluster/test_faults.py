"""The faults of every day, under load: the other pool loses nothing, the faulted one what the row of the matrix allows.

The whole matrix is `./scripts/test faults`.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from inferencepool_lab.cluster.handle import Cluster
from kit.faults.run import run, wrongs
from kit.faults.table import OPEN, ROWS, Row
from kit.two_pools import TwoPools, two_pools

QUICK = ("EPP killed", "a model server of two killed", "pool upgraded: image, argument, plugins")


@pytest.fixture(scope="module")
def pools(cluster: Cluster) -> Iterator[TwoPools]:
    with two_pools(cluster, OPEN) as made:
        yield made


@pytest.mark.parametrize("row", [row for row in ROWS if row.name in QUICK], ids=lambda row: row.name.replace(" ", "-"))
def test_a_fault_costs_no_more_than_its_row_allows(pools: TwoPools, row: Row) -> None:
    seen = run(pools, row)
    assert wrongs(seen, row.loss[pools.failure_mode]) == []
