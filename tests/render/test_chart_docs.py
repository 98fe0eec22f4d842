"""What repeats values.yaml is what ./scripts/chart-docs makes of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from inferencepool_lab.publish import chart_docs
from inferencepool_rollout.failure import Failure
from kit.charts import CHARTS, NAMES


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The charts' folder as ./scripts/chart-docs leaves it."""
    folder = tmp_path_factory.mktemp("made") / "charts"
    shutil.copytree(CHARTS, folder)
    chart_docs.main(folder)
    return folder


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("file", ["README.md", "values.schema.json", "files/defaults.txt"])
def test_a_file_that_repeats_the_values_is_fresh(remade: Path, name: str, file: str) -> None:
    assert (remade / name / file).read_text() == (CHARTS / name / file).read_text()


def test_the_schema_is_made_of_the_values_and_of_what_is_said_above_them() -> None:
    values = "a:\n  # @schema minimum: 1\n  # -- (int) What it\n  # means.\n  # @default -- 1\n  b: 1\n  c: x\n"
    made = chart_docs.schema("T", values, {"definitions": {"d": {}}})
    assert made["properties"]["a"]["properties"] == {
        "b": {"description": "What it means.", "default": 1, "type": "integer", "minimum": 1},
        "c": {"type": "string"},
    }
    assert made["properties"]["a"]["additionalProperties"] is False
    assert made["definitions"] == {"d": {}}


def test_a_folder_of_presets_in_an_enum_stands_for_their_names(tmp_path: Path) -> None:
    for file, text in {"one": "a: 1\n", "two": "b: 1\npresets:\n  two-x: {}\n  two-y: {}\n"}.items():
        path = tmp_path / f"files/kinds/{file}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    made = chart_docs.schema("T", '# @schema enum: ["", files/kinds]\na: ""\n', {})
    assert chart_docs.with_presets(made, tmp_path)["properties"]["a"]["enum"] == ["", "one", "two-x", "two-y"]


def test_an_integer_without_a_maximum_has_that_of_kubernetes() -> None:
    made = {"anyOf": [{"type": ["integer", "null"]}, {"type": "integer", "maximum": 5}, {"type": "number"}]}
    assert [choice.get("maximum") for choice in chart_docs.bounded(made)["anyOf"]] == [2147483647, 5, None]


def test_a_comment_for_the_schema_that_is_not_yaml_is_named() -> None:
    with pytest.raises(Failure, match="not YAML.*pattern"):
        chart_docs.schema("T", "# @schema pattern: ^(a,b)?$}\na: b\n", {})


@pytest.mark.parametrize("name", NAMES)
def test_every_definition_of_the_schema_is_used(name: str) -> None:
    text = (CHARTS / name / "values.schema.json").read_text()
    assert [name for name in json.loads(text)["definitions"] if f'"#/definitions/{name}"' not in text] == []
