"""values.yaml, values.schema.json, README.md and the scenarios belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from inferencepool_lab.builds.programs import module_folder
from kit.charts import CHARTS, only, render
from kit.scenarios import of
from kit.values_schema import Schema, objects, reached

CHART = CHARTS / "rollout-route"
KITCHEN_SINKS = sorted(Path(__file__).parent.glob("kitchen-sink*.yaml"))
SCENARIOS = [*of("rollout-route"), *KITCHEN_SINKS]


def test_the_schema_is_a_schema(schema: Schema) -> None:
    jsonschema.Draft7Validator.check_schema(schema)


def test_the_schema_has_the_keys_of_the_values_and_no_other(schema: Schema, defaults: dict[str, Any]) -> None:
    assert set(schema["properties"]) - {"global"} == set(defaults)
    for key in ("guards", "referenceGrants"):
        assert set(schema["properties"][key]["properties"]) == set(defaults[key])


def test_no_object_of_the_schema_takes_unknown_keys(schema: Schema) -> None:
    assert [path for path, node in objects(schema) if node.get("additionalProperties") is not False] == []


def test_the_kitchen_sinks_set_every_key_of_the_schema(schema: Schema) -> None:
    set_keys = {key for file in KITCHEN_SINKS for key in reached(yaml.safe_load(file.read_text()), schema, schema)}
    asked = {f"{path}/properties/{key}" for path, node in objects(schema) for key in node["properties"]}
    assert asked - set_keys == {"#/properties/global"}


def test_the_kitchen_sinks_set_no_value_to_its_default(defaults: dict[str, Any]) -> None:
    values: dict[str, Any] = {}
    for file in KITCHEN_SINKS:
        values |= yaml.safe_load(file.read_text())
    same = [key for key in defaults if values[key] == defaults[key]]
    same += [f"guards.{key}" for key in defaults["guards"] if values["guards"][key] == defaults["guards"][key]]
    assert same == ["kind"]


@pytest.fixture(scope="module")
def crd() -> Schema:
    """The spec of an HTTPRoute, by the channel that knows all of its fields."""
    folder = module_folder("gateway-api") / "config/crd/experimental"
    text = (folder / "gateway.networking.k8s.io_httproutes.yaml").read_text()
    served: Schema = next(v for v in yaml.load(text, yaml.CSafeLoader)["spec"]["versions"] if v["name"] == "v1")
    spec: Schema = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def undefaulted(value: Any, node: Schema, path: str = "spec") -> list[str]:
    """Paths that the API server would fill with a default, since `value` leaves them out."""
    if isinstance(value, list):
        return [p for i, item in enumerate(value) for p in undefaulted(item, node["items"], f"{path}[{i}]")]
    if not isinstance(value, dict):
        return []
    properties = node.get("properties", {})
    missing = [f"{path}.{key}" for key, child in properties.items() if "default" in child and key not in value]
    return missing + [p for key, child in value.items() for p in undefaulted(child, properties[key], f"{path}.{key}")]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_the_api_server_has_nothing_to_add_to_a_route(scenario: Path, crd: Schema) -> None:
    """So the live spec equals the rendered one, and any difference is a hand edit."""
    route = only(render("rollout-route", "route", files=[scenario]), "HTTPRoute")
    jsonschema.validate(route["spec"], crd)
    assert undefaulted(route["spec"], crd) == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_both_helms_render_the_same(scenario: Path) -> None:
    assert render("rollout-route", "route", files=[scenario], helm="helm3") == render(
        "rollout-route", "route", files=[scenario], helm="helm4"
    )


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda path: path.stem)
def test_every_rule_gives_out_one_whole_and_has_its_own_name(scenario: Path) -> None:
    rules = only(render("rollout-route", "route", files=[scenario]), "HTTPRoute")["spec"]["rules"]
    assert all(sum(ref["weight"] for ref in rule["backendRefs"]) in (1, 100) for rule in rules)
    assert len({rule["name"] for rule in rules}) == len(rules)


def test_every_value_is_documented(defaults: dict[str, Any]) -> None:
    text = (CHART / "values.yaml").read_text()
    leaves = len(defaults) - 3 + sum(len(defaults[key]) for key in ("weights", "guards", "referenceGrants"))
    assert text.count("# -- ") == leaves
