"""What an import changes of a live object, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from inferencepool_rollout.importer.objects import Manifest

ABSENT = "(absent)"
SERVERS_OWN = ("metadata", "status", "apiVersion", "kind")
POD_TEMPLATE = "spec.template."


@dataclass(frozen=True)
class Change:
    """What becomes of one object; `fields` are (path, live value, value after), beside labels and annotations."""

    kind: str
    name: str
    is_new: bool
    fields: tuple[tuple[str, Any, Any], ...] = ()

    @property
    def restarts(self) -> list[str]:
        """The fields whose change replaces the pods."""
        return [path for path, _, _ in self.fields if self.kind == "Deployment" and path.startswith(POD_TEMPLATE)]

    def lines(self) -> Iterator[str]:
        """What becomes of it, for people."""
        if self.is_new:
            verdict = "new"
        elif self.kind == "Deployment":
            verdict = "PODS RESTART" if self.restarts else "adopted, no pod restarts"
        else:
            verdict = "adopted"
        yield f"{self.kind} {self.name}: {verdict}"
        for path, before, after in self.fields:
            yield f"    {path}: {before} -> {after}"


def change(live: Manifest | None, after: Manifest) -> Change:
    """Compare a live object (None: there is none) with what the API server makes of the rendered one."""
    kind, name = after["kind"], after["metadata"]["name"]
    if live is None:
        return Change(kind, name, is_new=True)
    before, then = _fields(live), _fields(after)
    paths = sorted(before.keys() | then.keys())
    differing = [(path, before.get(path, ABSENT), then.get(path, ABSENT)) for path in paths]
    return Change(kind, name, False, tuple(field for field in differing if field[1] != field[2]))


def _fields(manifest: Manifest) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in manifest.items():
        if key not in SERVERS_OWN:
            fields |= _leaves(value, key)
    return fields


def _leaves(node: Any, path: str) -> dict[str, Any]:
    """Every leaf by its path, items of a list by their name; an empty map or list, or null, is none.

    Texts of a ConfigMap are taken for the YAML that they hold, so that another layout is no change.
    """
    if isinstance(node, str) and path.startswith("data."):
        node = _parsed(node)
    if isinstance(node, list) and any(isinstance(item, dict) for item in node):
        node = {_name(item, index): item for index, item in enumerate(node)}
    if isinstance(node, dict):
        return {leaf: value for key, child in node.items() for leaf, value in _leaves(child, f"{path}.{key}").items()}
    return {} if node in (None, []) else {path: node}


def _parsed(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _name(item: Any, index: int) -> str:
    """Name of an item; a route's rule has none of its own before it is adopted."""
    known = () if "backendRefs" in item else ("port", "containerPort", "name")
    found = [str(item[key]) for key in known if key in item]
    return f"[{found[0] if found else index}]"
