"""A live pod template without what the API server fills in by itself, so that values files stay readable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Defaults of pods by the key under which they stand, or "*" for any (Kubernetes, pkg/apis/core/v1/defaults.go). What
# is left out by mistake changes nothing unnoticed: the import compares what the API server makes of the rest.
PROBE = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
DEFAULTS: dict[str, Mapping[str, Any]] = {
    "spec": {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
             "securityContext": {}, "serviceAccount": None},
    "containers": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                   "resources": {}},
    "initContainers": {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                       "resources": {}},
    "ports": {"protocol": "TCP"},
    "httpGet": {"scheme": "HTTP"},
    "fieldRef": {"apiVersion": "v1"},
    "configMap": {"defaultMode": 420},
    "secret": {"defaultMode": 420},
    "startupProbe": PROBE,
    "readinessProbe": PROBE,
    "livenessProbe": PROBE,
}  # fmt: skip


def without_defaults(node: Any, key: str = "") -> Any:
    """Return a template, or the part of one that stands under `key`, without defaults and without nulls."""
    if isinstance(node, list):
        return [without_defaults(item, key) for item in node]
    if not isinstance(node, dict):
        return node
    defaults = DEFAULTS.get(key, {})
    kept = {name: value for name, value in node.items() if value is not None and not _is_default(defaults, name, value)}
    return {name: without_defaults(value, name) for name, value in kept.items()}


def _is_default(defaults: Mapping[str, Any], name: str, value: Any) -> bool:
    """A default of None stands for any value: the field follows another one."""
    return name in defaults and defaults[name] in (None, value)
