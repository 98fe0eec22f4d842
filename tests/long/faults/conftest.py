"""The matrix that all rows of the run go into, on whatever cluster they need."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kit.faults.matrix import Matrix
from kit.faults.table import ROWS


@pytest.fixture(scope="session")
def matrix() -> Iterator[Matrix]:
    """The matrix, written and printed when all rows have run; a run of some rows prints only."""
    made = Matrix()
    yield made
    if len(made.rows) == 2 * len(ROWS):
        made.write()
    print("\n".join(["", *map(" | ".join, made.rows)]))
