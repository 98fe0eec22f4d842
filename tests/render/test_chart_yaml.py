"""Chart.yaml tells what a chart repository and its users need to know."""

from __future__ import annotations

from pathlib import Path

import pytest
import yamale
import yaml

from inferencepool_lab.publish.changes import ANNOTATION, annotated, newest
from kit.charts import CHARTS, NAMES

SCHEMA = Path(__file__).with_name("chart-schema.yaml")
CHANGELOG = """# Changelog

## Unreleased

### Added

- `charts/a`: one thing, told
  on two lines.
- `charts/b`: another.

### Changed

- `charts/a`: a value.

## 0.1.0

### Added

- `charts/a`: old.
"""


def test_the_newest_changes_of_a_chart_are_those_of_its_name() -> None:
    assert newest("a", CHANGELOG) == [
        {"kind": "added", "description": "one thing, told on two lines."},
        {"kind": "changed", "description": "a value."},
    ]


@pytest.mark.parametrize("chart", NAMES)
def test_a_package_says_its_changes_and_all_that_its_chart_says(chart: str, tmp_path: Path) -> None:
    changelog = tmp_path / "CHANGELOG.md"
    changelog.write_text(CHANGELOG.replace("charts/a", f"charts/{chart}"))
    said = yaml.safe_load((annotated(CHARTS / chart, changelog, tmp_path) / "Chart.yaml").read_text())
    assert len(yaml.safe_load(said["annotations"].pop(ANNOTATION))) == 2
    assert said == yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())


@pytest.mark.parametrize("chart", NAMES)
def test_a_chart_describes_itself(chart: str) -> None:
    data = yamale.make_data(CHARTS / chart / "Chart.yaml")
    yamale.validate(yamale.make_schema(SCHEMA), data)
    assert data[0][0]["name"] == chart
