"""The page that a run of all upgrades leaves behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from long.upgrade.page import Page


@pytest.fixture(scope="session")
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page, printed, and written when every row is there and all was right."""
    made = Page()
    yield made
    if made.whole and not request.session.testsfailed:
        made.write()
    print(f"\n{made}")
