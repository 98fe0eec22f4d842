"""What an InferencePool of either generation of its API says, v1 or x-k8s v1alpha2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def selector(pool: Mapping[str, Any]) -> dict[str, str]:
    """Return the labels by which it selects its model servers."""
    said: dict[str, Any] = pool["spec"]["selector"]
    return dict(said.get("matchLabels", said))


def picker(pool: Mapping[str, Any]) -> dict[str, Any]:
    """Return its reference to its endpoint picker, empty if it has none."""
    spec = pool["spec"]
    found: dict[str, Any] = spec.get("endpointPickerRef") or spec.get("extensionRef") or {}
    return found


def target_ports(pool: Mapping[str, Any]) -> list[int]:
    """Return the ports of its model servers."""
    spec = pool["spec"]
    ports = spec.get("targetPorts") or [{"number": spec["targetPortNumber"]}]
    return [int(port["number"]) for port in ports]
