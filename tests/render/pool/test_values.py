"""values.yaml, values.schema.json, README.md and the scenarios belong together."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from kit.charts import CHARTS, RenderError, render
from kit.scenarios import of
from kit.values_schema import Schema, objects, reached, resolved

CHART = CHARTS / "inferencepool"
KITCHEN_SINKS = sorted(Path(__file__).parent.glob("kitchen-sink*.yaml"))
SCENARIOS = [*of("inferencepool"), *KITCHEN_SINKS]

MISSING = object()
CUSTOM = ("modelServer.custom.securityContext", "modelServer.securityContext")


def leaves(values: Any, node: Schema, schema: Schema, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that has no keys of the chart's own below it, by its path."""
    properties = resolved(node, schema).get("properties")
    if properties and values and isinstance(values, dict):
        for key, child in values.items():
            yield from leaves(child, properties[key], schema, f"{path}.{key}" if path else key)
    else:
        yield path, values


def at(values: Any, path: str) -> Any:
    for key in path.split("."):
        values = values.get(key, MISSING) if isinstance(values, dict) else MISSING
    return values


def test_the_schema_is_a_schema(schema: Schema) -> None:
    jsonschema.Draft7Validator.check_schema(schema)


def test_the_schema_has_the_keys_of_the_values_and_no_other(schema: Schema, defaults: dict[str, Any]) -> None:
    missing: list[str] = []
    further: list[str] = []

    def compare(node: Schema, values: Any, path: str) -> None:
        node = resolved(node, schema)
        if values and isinstance(values, dict) and "properties" in node:  # {} has keys that may all be left out
            missing.extend(f"{path}.{key}" for key in values.keys() - node["properties"].keys())
            further.extend(f"{path}.{key}" for key in node["properties"].keys() - values.keys())
            for key in values.keys() & node["properties"].keys():
                compare(node["properties"][key], values[key], f"{path}.{key}")

    compare(schema, defaults, "")
    assert (missing, further) == ([], [])


def test_no_object_of_the_schema_but_global_takes_unknown_keys(schema: Schema) -> None:
    taking = [path for path, node in objects(schema) if node.get("additionalProperties") is not False]
    assert taking == ["#/properties/global"]


def test_the_kitchen_sinks_set_every_key_of_the_schema(schema: Schema) -> None:
    set_keys = {key for file in KITCHEN_SINKS for key in reached(yaml.safe_load(file.read_text()), schema, schema)}
    asked = {f"{path}/properties/{key}" for path, node in objects(schema) for key in node["properties"]}
    assert sorted(asked - set_keys) == []


def test_the_kitchen_sinks_set_every_value_to_another_than_its_default(
    schema: Schema, defaults: dict[str, Any]
) -> None:
    sinks = [yaml.safe_load(file.read_text()) for file in KITCHEN_SINKS]
    same = [
        path
        for path, default in leaves(defaults, schema, schema)
        if not any(at(sink, path) not in (MISSING, default) for sink in sinks)
    ]
    assert same == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_both_helms_render_the_same(scenario: Path) -> None:
    assert render("inferencepool", "pool-new", files=[scenario], helm="helm3") == render(
        "inferencepool", "pool-new", files=[scenario], helm="helm4"
    )


def test_every_value_is_documented_where_it_is_declared(schema: Schema, defaults: dict[str, Any]) -> None:
    lines = (CHART / "values.yaml").read_text().splitlines()
    assert sum(line.strip().startswith("# -- ") for line in lines) == len(list(leaves(defaults, schema, schema)))


@pytest.mark.parametrize("helm", ["helm3", "helm4"])
@pytest.mark.parametrize(("old", "new"), [("api.generation", "api.version"), ("epp.generation", "epp.family"), CUSTOM])
def test_a_renamed_key_is_refused_with_its_new_name(old: str, new: str, helm: str) -> None:
    with pytest.raises(RenderError, match=f": {old} is now called {new}; rename the key in your values"):
        render("inferencepool", "pool-new", arguments=[f"--set={old}=v1"], helm=helm)
