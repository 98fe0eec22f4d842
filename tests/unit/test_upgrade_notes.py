"""The upgrade notes have each change of a chart, under every chart that it is of, and each renamed value."""

from __future__ import annotations

import re

import pytest

from inferencepool_lab.publish.upgrade_notes import CHARTS, RENAMED, ROOT, page, renamed


def of(chart: str) -> str:
    """The part of the page about a chart, on one line."""
    return " ".join(page().partition(f"### charts/{chart}\n")[2].partition("\n### ")[0].split())


@pytest.mark.parametrize("chart", CHARTS)
def test_the_notes_have_every_changed_item_of_the_chart(chart: str) -> None:
    changed = (ROOT / "CHANGELOG.md").read_text().partition("### Changed\n")[2].partition("\n### ")[0]
    items = [" ".join(item.split()) for item in re.split(r"^- ", changed, flags=re.MULTILINE)]
    wanted = [
        item for item in items if f"`charts/{chart}`" in item.partition(": ")[0] or item.startswith("Both charts: ")
    ]
    assert len(wanted) > 2
    assert [item for item in wanted if item.partition(": ")[2][1:] not in of(chart)] == []


def test_the_notes_have_every_renamed_value() -> None:
    pairs = list(renamed())
    assert len(pairs) == RENAMED.read_text().count('" "') > 2
    assert [pair for pair in pairs if f"| {pair[0]} | {pair[1]} |" not in page()] == []


def test_a_name_that_begins_small_stays_small() -> None:
    assert "- vLLM gets" in page()
