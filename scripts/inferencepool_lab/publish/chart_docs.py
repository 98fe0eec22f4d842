"""Make of each chart's values.yaml what repeats it: README.md, values.schema.json and files/defaults.txt.

A comment `# @schema` above a value says in JSON Schema (YAML, without the outer braces) what it may be, where that is
more than the type of its default. In an `enum` a folder, as `files/plugins`, stands for the presets in it. Shapes that
are long or shared are definitions in values.schema.yaml.

files/defaults.txt holds the path of each value with a default, one a line. The charts refuse an upgrade in which one of
them is missing (templates/checks/_missing.tpl). The schema does not: its message could not name the way.

The syntax is this project's own, since no registry that the harness reaches has dadav/helm-schema or
losisin/helm-values-schema-json (Go module proxy, PyPI, npm). What follows `# @schema` is JSON Schema, as theirs is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from inferencepool_lab.builds.tools import tool
from inferencepool_rollout.failure import Failure, run_cli
from inferencepool_rollout.process import run

CHARTS = Path(__file__).parents[3] / "charts"
KEY = re.compile(r"(?P<indent> *)(?P<name>[\w.-]+):")
TYPE = re.compile(r"^\(\w+\) ")
"""What helm-docs takes for a type at the beginning of a description."""
LARGEST = 2**31 - 1
"""Of the integers of Kubernetes' objects: the API server refuses larger ones."""
ALLOWED = "# @schema "
FOLDER = "files/"
DEFAULTS = "files/defaults.txt"
TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}
TYPED = {"$ref", "type", "enum", "anyOf"}
"""Keywords that say of what type a value is."""

Node = dict[str, Any]


@dataclass
class Comment:
    """What stands above a value: its description, and what it may be."""

    description: list[str] = field(default_factory=list)
    allowed: Node = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether it says of a map all that there is to say: what its keys hold is said above none of them."""
        keys = self.allowed.get("$ref"), self.allowed.get("additionalProperties")
        return bool(self.description) or any(isinstance(said, str | dict) for said in keys)


def main(charts: Path = CHARTS) -> int:
    """Write the files of every chart in a folder."""
    run([tool("helm-docs"), "--chart-search-root", charts])
    for values in charts.glob("*/values.yaml"):
        text = values.read_text()
        rest = yaml.safe_load(values.with_name("values.schema.yaml").read_text())
        made = with_presets(schema(f"Values of charts/{values.parent.name}", text, rest), values.parent)
        values.with_name("values.schema.json").write_text(json.dumps(bounded(made), indent=2) + "\n")
        (values.parent / DEFAULTS).write_text(
            "".join(f"{path}\n" for path in defaults(yaml.safe_load(text), made, made))
        )
    return 0


def schema(title: str, values: str, rest: Node) -> Node:
    """Return the schema of the text of a values.yaml, with `rest`: definitions, and what no single value says.

    Raises KeyError for a value without a default whose comment does not say its type.
    """
    comments = dict(commented(values))

    def node(value: Any, path: tuple[str, ...]) -> Node:
        comment = comments.get(path, Comment())
        if isinstance(value, dict) and not comment.is_whole:
            group = {
                "type": "object",
                "additionalProperties": False,
                "properties": {name: node(child, (*path, name)) for name, child in value.items()},
            }
            return {**group, **comment.allowed}
        said = {"description": " ".join(comment.description), "default": value} if comment.description else {}
        typed = {} if TYPED & set(comment.allowed) else {"type": TYPES[type(value)]}
        return {**said, **typed, **comment.allowed}

    made = node(yaml.safe_load(values), ())
    head = {"$schema": "http://json-schema.org/draft-07/schema#", "title": title}
    return {**head, **made, **rest, "properties": {**made["properties"], **rest.get("properties", {})}}


def defaults(values: Any, node: Node, schema: Node) -> Iterator[str]:
    """Yield the dotted path of each of the values that has a default, and of each group, in the schema of a chart."""
    found = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    for name, child in found.get("properties", {}).items():
        if isinstance(values, dict) and values.get(name) is not None:
            yield name
            yield from (f"{name}.{path}" for path in defaults(values[name], child, schema))


def bounded(node: Any) -> Any:
    """Return a schema in which every integer without a maximum has that of Kubernetes' integers."""
    if isinstance(node, list):
        return [bounded(child) for child in node]
    if not isinstance(node, dict):
        return node
    found = {key: bounded(child) for key, child in node.items()}
    kinds = [found["type"]] if isinstance(found.get("type"), str) else found.get("type", ())
    return {**found, "maximum": LARGEST} if "integer" in kinds and "maximum" not in found else found


def with_presets(node: Any, chart: Path) -> Any:
    """Return a schema with the names of the presets in the place of each folder of presets that an `enum` names."""
    if isinstance(node, list):
        return [with_presets(child, chart) for child in node]
    if not isinstance(node, dict):
        return node
    named = {key: with_presets(child, chart) for key, child in node.items()}
    if isinstance(named.get("enum"), list):
        named["enum"] = [name for entry in named["enum"] for name in _names(entry, chart)]
    return named


def _names(entry: Any, chart: Path) -> Iterator[Any]:
    """Yield an entry of an `enum`, or the presets of the folder that it is: keys of `presets`, else names of files."""
    if not str(entry).startswith(FOLDER):
        yield entry
        return
    for file in sorted((chart / entry).glob("*.yaml")):
        text = file.read_text()
        yield from yaml.safe_load(text)["presets"] if "\npresets:\n" in text else [file.stem]


def commented(values: str) -> Iterator[tuple[tuple[str, ...], Comment]]:
    """Yield the path of each value that has a comment for helm-docs (`# -- ...`) or the schema, and what that says."""
    path: list[str] = []
    comment = Comment()
    for line in values.splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comment.description = [TYPE.sub("", text.removeprefix("# -- "))]
        elif text.startswith(ALLOWED):
            comment.allowed = _allowed(text)
        elif text.startswith("#") and comment.description:
            comment.description += [] if text.startswith("# @") else [text.removeprefix("# ")]
        elif key := KEY.match(line):
            path = [*path[: len(key["indent"]) // 2], key["name"]]
            if comment != Comment():
                yield tuple(path), comment
            comment = Comment()


def _allowed(text: str) -> Node:
    try:
        said = yaml.safe_load(f"{{{text.removeprefix(ALLOWED)}}}")
    except yaml.YAMLError as error:
        raise Failure(f"this is not YAML, quote what has signs of YAML's own: {text}") from error
    found: Node = said
    return found


if __name__ == "__main__":
    run_cli(main)
