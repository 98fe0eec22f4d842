"""Chart.yaml tells what a chart repository and its users need to know."""

from __future__ import annotations

from pathlib import Path

import pytest
import yamale
import yaml

from inferencepool_lab.publish.changes import ANNOTATION, annotated, newest
from inferencepool_lab.publish.sbom import images_of
from kit.charts import CHARTS, NAMES, ROOT

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


def annotation(chart: str, name: str) -> list[dict[str, str]]:
    """An annotation of Chart.yaml that holds a list; none if there is no such annotation."""
    said = yaml.safe_load((CHARTS / chart / "Chart.yaml").read_text())["annotations"]
    return list(yaml.safe_load(said.get(f"artifacthub.io/{name}", "[]")))


@pytest.mark.parametrize("chart", NAMES)
def test_artifact_hub_is_told_the_images_that_the_chart_runs_by_default(chart: str) -> None:
    assert sorted(each["image"] for each in annotation(chart, "images")) == images_of(CHARTS / chart)


@pytest.mark.parametrize("chart", NAMES)
def test_artifact_hub_is_told_a_screenshot_that_is_in_the_repository(chart: str) -> None:
    shots = annotation(chart, "screenshots")
    assert shots
    assert [shot["url"] for shot in shots if not (ROOT / shot["url"].partition("/main/")[2]).is_file()] == []


def test_artifact_hub_ignores_release_candidates_of_every_chart() -> None:
    ignored = yaml.safe_load((CHARTS / "artifacthub-repo.yml").read_text())["ignore"]
    assert sorted(each["name"] for each in ignored) == sorted(NAMES)
    assert all(each["version"] in "0.2.0-rc.1" and each["version"] not in "0.2.0" for each in ignored)
