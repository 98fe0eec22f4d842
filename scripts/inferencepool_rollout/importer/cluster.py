"""The cluster that is imported from: read, and asked what it would make of an object; never changed."""

from __future__ import annotations

from typing import Any

from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError, ResourceNotFoundError
from urllib3.exceptions import HTTPError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.objects import Manifest, Objects
from inferencepool_rollout.kube.client import api_client

OLD_POOL_API, NEW_API = "inference.networking.x-k8s.io/v1alpha2", "llm-d.ai/v1alpha2"
KINDS = (
    ("gateway.networking.k8s.io/v1", "HTTPRoute"),
    ("inference.networking.k8s.io/v1", "InferencePool"),
    (OLD_POOL_API, "InferencePool"),
    (OLD_POOL_API, "InferenceModel"),
    (OLD_POOL_API, "InferenceObjective"),
    (OLD_POOL_API, "InferenceModelRewrite"),
    (NEW_API, "InferenceObjective"),
    (NEW_API, "InferenceModelRewrite"),
    ("apps/v1", "Deployment"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("keda.sh/v1alpha1", "ScaledObject"),
    ("networking.istio.io/v1", "DestinationRule"),
)


class Cluster:
    """An API server; every method raises Failure where it cannot be asked."""

    def __init__(self, context: str = "") -> None:
        try:
            self._client = DynamicClient(api_client("import from", context))  # type: ignore[no-untyped-call]
        except (HTTPError, ApiException) as error:
            raise Failure(f"the cluster to import from can't be read: {error}") from None

    def read(self, *namespaces: str) -> Objects:
        """Return all objects of KINDS in namespaces; kinds that the cluster does not serve are none."""
        found: list[Manifest] = []
        for api, kind in KINDS:
            for namespace in namespaces:
                found += self._list(api, kind, namespace)
        return Objects(found)

    def get(self, manifest: Manifest) -> Manifest | None:
        """Return the live object of the same kind, namespace and name, None if there is none."""
        meta = manifest["metadata"]
        try:
            found = self._resource(manifest).get(name=meta["name"], namespace=meta.get("namespace"))
        except NotFoundError:
            return None
        except (DynamicApiError, HTTPError) as error:
            raise _refused(manifest, error) from None
        return dict(found.to_dict())

    def applied(self, manifest: Manifest) -> Manifest:
        """Return what the API server would make of an object, applied as Helm 4 applies it, without doing it."""
        resource = self._resource(manifest)
        try:
            made = self._client.server_side_apply(  # type: ignore[no-untyped-call]
                resource, body=manifest, namespace=manifest["metadata"].get("namespace"), field_manager="helm",
                force_conflicts=True, dry_run="All",
            )  # fmt: skip
        except (DynamicApiError, HTTPError) as error:
            raise _refused(manifest, error) from None
        return dict(made.to_dict())

    def _list(self, api: str, kind: str, namespace: str) -> list[Manifest]:
        try:
            resource = self._client.resources.get(api_version=api, kind=kind)
            items = resource.get(namespace=namespace).to_dict()["items"]
        except ResourceNotFoundError:
            return []
        except (DynamicApiError, HTTPError) as error:
            raise Failure(f"{kind} of {namespace} can't be read: {_cause(error)}") from None
        return [{**item, "apiVersion": api, "kind": kind} for item in items]

    def _resource(self, manifest: Manifest) -> Any:
        try:
            return self._client.resources.get(api_version=manifest["apiVersion"], kind=manifest["kind"])
        except ResourceNotFoundError:
            raise Failure(f"the cluster does not serve {manifest['kind']} of {manifest['apiVersion']}") from None


def _refused(manifest: Manifest, error: Exception) -> Failure:
    return Failure(f"{manifest['kind']} {manifest['metadata']['name']}: {_cause(error)}")


def _cause(error: Exception) -> str:
    return str(getattr(error, "summary", lambda: error)()).splitlines()[0]
