"""A value that has a default is there, or is refused by its name with the way out before any template misses it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from kit.charts import CHARTS, NAMES, RenderError, render
from kit.values_schema import Schema, resolved


def defaulted(values: Any, node: Schema, schema: Schema, path: str = "") -> list[str]:
    """The path of every value of the chart's own that has a default, and of every group of them."""
    found = []
    for key, child in resolved(node, schema).get("properties", {}).items():
        if isinstance(values, dict) and values.get(key) is not None:
            found += [f"{path}{key}", *defaulted(values[key], child, schema, f"{path}{key}.")]
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_every_default_that_is_missing_is_named_with_the_way_out(name: str, helm: str, tmp_path: Path) -> None:
    """The chart without its defaults is what `helm upgrade --reuse-values` makes of it, which brings no new ones."""
    schema = json.loads((CHARTS / name / "values.schema.json").read_text())
    paths = defaulted(yaml.safe_load((CHARTS / name / "values.yaml").read_text()), schema, schema)
    chart = shutil.copytree(CHARTS / name, tmp_path / name)
    (chart / "values.yaml").write_text("{}\n")
    with pytest.raises(RenderError, match="values are missing: .*; write --reset-then-reuse-values") as refused:
        render(str(chart), "pool-new", helm=helm)
    named = str(refused.value).partition("values are missing: ")[2].partition(";")[0].split(", ")
    assert sorted(named) == sorted(paths)


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_a_value_that_is_null_is_named(helm: str) -> None:
    with pytest.raises(RenderError, match=r"values are missing: modelServer.drain.preStopSeconds; .* set to null"):
        render("inferencepool", "pool-new", {"modelServer": {"drain": {"preStopSeconds": None}}}, helm=helm)
