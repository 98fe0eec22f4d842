"""Chart.yaml tells what a chart repository and its users need to know."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yamale
import yaml

from kit.charts import CHARTS, NAMES, ROOT

SCHEMA = Path(__file__).with_name("chart-schema.yaml")


def newest_changes(chart: str) -> list[dict[str, str]]:
    """The items of the changelog's newest section that begin with the chart, in Artifact Hub's form."""
    section = (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1]
    found = []
    for kind, items in re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", section, re.DOTALL | re.MULTILINE):
        for text in re.findall(rf"^- `charts/{chart}`: (.*?)(?=^- |\Z)", items, re.DOTALL | re.MULTILINE):
            found.append({"kind": kind.lower(), "description": " ".join(text.split())})
    return found


@pytest.mark.parametrize("chart", NAMES)
def test_artifact_hub_is_told_the_changes_of_the_changelog(chart: str) -> None:
    metadata = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())
    changes = newest_changes(chart)
    assert changes
    assert yaml.safe_load(metadata["annotations"]["artifacthub.io/changes"]) == changes


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_describes_itself(chart: str) -> None:
    data = yamale.make_data(CHARTS / chart / "Chart.yaml")
    yamale.validate(yamale.make_schema(SCHEMA), data)
    assert data[0][0]["name"] == chart
