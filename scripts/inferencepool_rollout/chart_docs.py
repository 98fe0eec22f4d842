"""Make of each chart's values.yaml what repeats it: README.md, and descriptions and defaults in values.schema.json.

What a value may be is written in the schema by hand; what it means and is by default, in values.yaml alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from inferencepool_rollout.failure import run_cli
from inferencepool_rollout.process import run
from inferencepool_rollout.tools import tool

CHARTS = Path(__file__).parents[2] / "charts"
KEY = re.compile(r"(?P<indent> *)(?P<name>[\w.-]+):")
TYPE = re.compile(r"^\(\w+\) ")
"""What helm-docs takes for a type at the beginning of a description."""

Node = dict[str, Any]


def main(charts: Path = CHARTS) -> int:
    """Write both files of every chart in a folder."""
    run([tool("helm-docs"), "--chart-search-root", charts])
    for values in charts.glob("*/values.yaml"):
        file = values.with_name("values.schema.json")
        schema = documented(json.loads(file.read_text()), values.read_text())
        file.write_text(json.dumps(schema, indent=2) + "\n")
    return 0


def documented(schema: Node, values: str) -> Node:
    """Return the schema with the descriptions and defaults of the text of a values.yaml, and no other.

    A definition that several values share keeps its own.
    """
    defaults = yaml.safe_load(values)
    said = dict(descriptions(values))

    def walk(node: Node, default: Any, path: tuple[str, ...]) -> Node:
        found = {key: part for key, part in node.items() if key not in ("description", "default")}
        if path in said:
            found = {"description": said[path], "default": default, **found}
        if "properties" in node:
            known = default or {}
            found["properties"] = {
                name: walk(child, known.get(name), (*path, name)) for name, child in node["properties"].items()
            }
        return found

    return walk(schema, defaults, ())


def descriptions(values: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path of each value that has a comment for helm-docs (`# -- ...`), and the comment on one line."""
    path: list[str] = []
    comment: list[str] = []
    for line in values.splitlines():
        text = line.strip()
        if text.startswith("# -- "):
            comment = [TYPE.sub("", text.removeprefix("# -- "))]
        elif text.startswith("#") and comment:
            comment += [] if text.startswith("# @") else [text.removeprefix("# ")]
        elif key := KEY.match(line):
            path = [*path[: len(key["indent"]) // 2], key["name"]]
            if comment:
                yield tuple(path), " ".join(comment)
            comment = []


if __name__ == "__main__":
    run_cli(main)
