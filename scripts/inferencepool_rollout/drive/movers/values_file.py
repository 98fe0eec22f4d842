"""One number in a YAML text: read, or written in its place, so that nothing else of the text changes.

A place is a list of keys and of numbers of list items. Where it leads through a text that is YAML itself, as `values`
of an Argo CD Application, it goes on in that text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from inferencepool_rollout.failure import Failure

Place = Sequence[str]

NO_YAML = (
    yaml.YAMLError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the parser raises: its own errors, and those of whatever a text made it do."""


class Unwritable(Exception):
    """The text is written in a way that cannot be changed here."""


def place_of(path: str) -> Place:
    r"""Return the place that a path names: keys with dots between them; a dot in a key is `\.`. Raises Failure."""
    keys = re.findall(r"(?:[^.\\]|\\.)+", path)
    if not keys or ".".join(keys) != path:
        raise Failure(
            f"--at {path!r} is not a path of keys; name the weight's place, for example spec.values.weights.new"
        )
    return [re.sub(r"\\(.)", r"\1", key) for key in keys]


def documents(text: str) -> list[Any]:
    """Return the documents of a text; raises Failure if it is no YAML."""
    try:
        return list(yaml.safe_load_all(text))
    except NO_YAML as error:
        cause = " ".join(str(error).split())
        raise Failure(f"is not readable YAML ({cause or type(error).__name__})") from None


def value_at(node: Any, place: Place) -> Any:
    """Return the value at a place of parsed YAML, None if there is none."""
    if isinstance(node, str) and place:
        return value_at(_inner(node), place)
    return value_at(_child(node, place[0]), place[1:]) if place else node


def with_value(node: Any, place: Place, value: float) -> Any:
    """Return parsed YAML with a value at a place, a text if one was there; texts on the way are parsed too.

    Raises Unwritable.
    """
    if isinstance(node, str):
        return with_value(_inner(node), place, value) if place else str(value)
    if not place:
        return value
    key, rest = place[0], place[1:]
    if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
        return [*node[: int(key)], with_value(node[int(key)], rest, value), *node[int(key) + 1 :]]
    if node is not None and not isinstance(node, dict):
        raise Unwritable
    known = node or {}
    return {**known, key: with_value(known.get(key), rest, value)}


def same(one: Any, other: Any, place: Place) -> bool:
    """Whether two parsed YAMLs are the same, where `other` may have parsed what `one` has as a text on the way."""
    if isinstance(one, str) and place:
        return same(_inner(one), other, place)
    if not place or not isinstance(one, dict | list) or type(one) is not type(other):
        return dumped(one) == dumped(other)
    keys = list(one) if isinstance(one, dict) else [str(i) for i in range(len(one))]
    others = list(other) if isinstance(other, dict) else [str(i) for i in range(len(other))]
    return sorted(map(str, keys)) == sorted(map(str, others)) and all(
        same(_child(one, key), _child(other, key), place[1:] if key == place[0] else ()) for key in keys
    )


def dumped(node: Any) -> str:
    """Return parsed YAML as a text to compare: aliases stay aliases, so that its length has a bound."""
    return yaml.safe_dump(node, sort_keys=False)


def written(text: str, document: int, place: Place, value: float) -> str:
    """Return the text with the value at a place of one of its documents; raises Unwritable."""
    try:
        nodes = list(yaml.compose_all(text, yaml.SafeLoader))
        return _written(text, nodes[document], place, value)
    except NO_YAML:
        raise Unwritable from None


def _written(text: str, node: Node, place: Place, value: float) -> str:
    if isinstance(node, ScalarNode):
        return _scalar(text, node, place, value)
    if not place:
        raise Unwritable
    child = _child_node(node, place[0])
    return _added(text, node, place, value) if child is None else _written(text, child, place[1:], value)


def _scalar(text: str, node: ScalarNode, place: Place, value: float) -> str:
    if place and node.style == "|":
        return _in_block(text, node, place, value)
    start, end = node.start_mark.index, node.end_mark.index
    if place and node.style is None and node.value in ("", "~", "null"):
        gap = "" if text[start - 1 : start].isspace() else " "
        return f"{text[:start]}{gap}{{{_flow(place, value)}}}{text[end:]}"
    if place or node.style not in (None, "'", '"'):
        raise Unwritable
    quote = node.style or ""
    return f"{text[:start]}{quote}{value}{quote}{text[end:]}"


def _added(text: str, node: Node, place: Place, value: float) -> str:
    """The text with one more entry of a map: its first one, or on the top level the last."""
    if not isinstance(node, MappingNode):
        raise Unwritable
    end = "\r\n" if "\r\n" in text else "\n"
    entry, start, column = _flow(place, value), node.start_mark.index, node.start_mark.column
    if node.flow_style:
        return f"{text[: start + 1]}{entry}{', ' if node.value else ''}{text[start + 1 :]}"
    if column:
        return f"{text[:start]}{entry}{end}{' ' * column}{text[start:]}"
    return f"{text}{'' if text.endswith(end) else end}{entry}{end}"


def _in_block(text: str, node: ScalarNode, place: Place, value: float) -> str:
    """The text with the value in a literal block: the lines before and after the changed ones stay as they are."""
    old = node.value.splitlines()
    new = written(node.value, 0, place, value).splitlines()
    before = _common(old, new)
    after = _common(old[:before:-1], new[:before:-1])
    lines = text.splitlines(keepends=True)
    top = node.start_mark.line + 1
    sample = next(i for i, line in enumerate(old) if line.strip())
    indent = lines[top + sample].rstrip("\r\n").removesuffix(old[sample])
    end = "\r\n" if lines[top - 1].endswith("\r\n") else "\n"
    changed = [f"{indent}{line}{end}" for line in new[before : len(new) - after]]
    return "".join([*lines[: top + before], *changed, *lines[top + len(old) - after :]])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many of the first lines are the same."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _flow(place: Place, value: float) -> str:
    """The entry of a map for a place that is not there yet."""
    *rest, last = place
    text = f"{last}: {value}"
    for key in reversed(rest):
        text = f"{key}: {{{text}}}"
    return text


def _inner(text: str) -> Any:
    """The YAML that a text holds."""
    try:
        (found,) = documents(text)
    except (Failure, ValueError):
        raise Unwritable from None
    return found


def _child(node: Any, key: str) -> Any:
    if isinstance(node, dict):
        return node.get(key)
    if isinstance(node, list) and str(key).isdecimal() and int(key) < len(node):
        return node[int(key)]
    return None


def _child_node(node: Node, key: str) -> Node | None:
    if isinstance(node, MappingNode):
        return next((value for name, value in node.value if name.value == key), None)
    if isinstance(node, SequenceNode) and key.isdecimal() and int(key) < len(node.value):
        found: Node = node.value[int(key)]
        return found
    return None
