"""Walks over the schema of a chart's values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]


def objects(node: Any, path: str = "#") -> Iterator[tuple[str, Schema]]:
    """Every schema of an object with properties, by its path."""
    if isinstance(node, dict) and isinstance(node.get("properties"), dict):
        yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from objects(child, f"{path}/{key}")


def resolved(node: Schema, schema: Schema) -> Schema:
    """The schema that a node refers to, or itself."""
    if "$ref" not in node:
        return node
    found = schema
    for key in node["$ref"].removeprefix("#/").split("/"):
        found = found[key]
    return found


def reached(value: Any, node: Schema, schema: Schema, path: str = "#") -> Iterator[str]:
    """Paths of the schema's properties that a value sets."""
    path, node = node.get("$ref", path), resolved(node, schema)
    for key, child in node.get("properties", {}).items():
        if isinstance(value, dict) and key in value:
            yield f"{path}/properties/{key}"
            yield from reached(value[key], child, schema, f"{path}/properties/{key}")
    for item in value if isinstance(value, list) and "items" in node else ():
        yield from reached(item, node["items"], schema, f"{path}/items")
