"""Objects of a namespace, looked up by kind and name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Manifest = dict[str, Any]


class Objects:
    """Manifests by (kind, namespace, name, API group); those without a namespace are in `default`."""

    def __init__(self, manifests: Iterable[Manifest]) -> None:
        self._found = {(m["kind"], namespace_of(m), m["metadata"]["name"], group_of(m)): m for m in manifests}

    def of(self, kind: str, namespace: str) -> list[Manifest]:
        """Return all of a kind in a namespace, of whichever API group."""
        return [m for key, m in self._found.items() if key[:2] == (kind, namespace)]

    def one(self, kind: str, namespace: str, name: str, group: str | None = None) -> Manifest | None:
        """Return the one of that name, None if there is none; of that API group if it is told."""
        named = [m for m in self.of(kind, namespace) if m["metadata"]["name"] == name]
        return next((m for m in named if group in (None, group_of(m))), None)


def namespace_of(manifest: Manifest) -> str:
    """Return the namespace of an object."""
    return str(manifest["metadata"].get("namespace", "default"))


def group_of(manifest: Manifest) -> str:
    """Return the API group of an object, "" for the core's."""
    return str(manifest["apiVersion"]).rpartition("/")[0]


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Whether a selector that is not empty fits labels."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pod_labels(deployment: Manifest) -> dict[str, str]:
    """Return the labels of a Deployment's pods."""
    return dict(deployment["spec"]["template"].get("metadata", {}).get("labels", {}))
