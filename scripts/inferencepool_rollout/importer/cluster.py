"""The cluster that is imported from: read, and asked what it would make of an object; never changed."""

from __future__ import annotations

from inferencepool_rollout.importer.objects import Manifest, Objects
from inferencepool_rollout.kube.apis import APIS
from inferencepool_rollout.kube.client import Client

KINDS = (
    "routes", "pools", "models", "objectives", "rewrites", "deployments", "services", "configmaps", "autoscalers",
    "destinationrules",
)  # fmt: skip
FIELD_MANAGER = "helm"
"""What Helm 4 applies as."""


class Cluster:
    """An API server; every method raises ApiFault where it cannot be asked."""

    def __init__(self, context: str = "") -> None:
        self._client = Client(context)

    def read(self, *namespaces: str) -> Objects:
        """Return all objects of KINDS in namespaces; kinds that the cluster does not serve are none."""
        apis = [api for kind in KINDS for api in APIS[kind]]
        return Objects(found for api in apis for namespace in namespaces for found in self._client.list(api, namespace))

    def get(self, manifest: Manifest) -> Manifest | None:
        """Return the live object of the same kind, namespace and name, None if there is none."""
        return self._client.live(manifest)

    def applied(self, manifest: Manifest) -> Manifest:
        """Return what the API server would make of an object, applied as Helm 4 applies it, without doing it."""
        return self._client.apply(manifest, FIELD_MANAGER, dry_run=True)
