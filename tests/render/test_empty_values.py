"""A key with nothing after it takes a default away, and is refused by its name before anything misses it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
import yaml

from kit.charts import CHARTS, NAMES, RenderError, render
from kit.values_schema import Schema, resolved


def defaulted(values: Any, node: Schema, schema: Schema, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every value of the chart's own that has a default, and of every group of them."""
    for key, child in resolved(node, schema).get("properties", {}).items():
        if isinstance(values, dict) and values.get(key) is not None:
            yield (*path, key)
            yield from defaulted(values[key], child, schema, (*path, key))


@pytest.mark.parametrize("name", NAMES)
def test_no_value_that_has_a_default_can_be_empty(name: str) -> None:
    schema = json.loads((CHARTS / name / "values.schema.json").read_text())
    defaults = yaml.safe_load((CHARTS / name / "values.yaml").read_text())
    paths = list(defaulted(defaults, schema, schema))
    assert len(paths) > len(defaults)
    validator, taken = jsonschema.Draft7Validator(schema), []
    for *above, key in paths:
        values = copy.deepcopy(defaults)
        group = values
        for each in above:
            group = group[each]
        del group[key]
        taken += [(*above, key)] if validator.is_valid(values) else []
    assert taken == []


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
def test_helm_names_the_value_that_is_empty(helm: str) -> None:
    with pytest.raises(RenderError, match="/modelServer/drain.*preStopSeconds"):
        render("inferencepool", "pool-new", {"modelServer": {"drain": {"preStopSeconds": None}}}, helm=helm)
