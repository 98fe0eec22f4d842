"""The page that all tests of the matrix fill."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compatibility import Compatibility


@pytest.fixture(scope="session")
def compatibility(request: pytest.FixtureRequest) -> Iterator[Compatibility]:
    """The page, printed, and written when all has run and all was right."""
    made = Compatibility()
    yield made
    if made.whole and not request.session.testsfailed:
        made.write()
    print(f"\n{made}")
