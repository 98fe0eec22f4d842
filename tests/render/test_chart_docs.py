"""What repeats values.yaml is what ./scripts/chart-docs makes of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from charts import CHARTS
from inferencepool_rollout import chart_docs

NAMES = sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml"))


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts' folder as ./scripts/chart-docs leaves it."""
    folder = tmp_path_factory.mktemp("made") / "charts"
    shutil.copytree(CHARTS, folder)
    chart_docs.main(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["README.md", "values.schema.json"])
def test_a_file_that_repeats_the_values_is_fresh(remade: Path, name: str, file: str) -> None:
    assert (remade / name / file).read_text() == (CHARTS / name / file).read_text()


def test_the_schema_tells_what_values_yaml_tells_and_nothing_older() -> None:
    values = "a:\n  # -- (int) What it\n  # means.\n  # @default -- 1\n  b: 1\n  c: 2\n"
    old = {"b": {"type": "integer"}, "c": {"type": "integer", "description": "what c was", "default": 3}}
    told = chart_docs.documented({"properties": {"a": {"properties": old}}}, values)
    assert told["properties"]["a"]["properties"] == {
        "b": {"description": "What it means.", "default": 1, "type": "integer"},
        "c": {"type": "integer"},
    }
