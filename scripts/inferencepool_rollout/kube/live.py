"""What the cluster serves: the route, the pools, their pods and models, read through the API server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes.client import ApiException, CoordinationV1Api, CoreV1Api, CustomObjectsApi
from urllib3.exceptions import HTTPError

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube import inference_pool
from inferencepool_rollout.kube.client import api_client

INSTANCE = "app.kubernetes.io/instance"
GATEWAY_GROUP = "gateway.networking.k8s.io"
POOL_APIS = (("inference.networking.k8s.io", "v1"), ("inference.networking.x-k8s.io", "v1alpha2"))
REWRITE_API = ("inference.networking.x-k8s.io", "v1alpha2")
READ_SECONDS = 20


@dataclass(frozen=True)
class Pod:
    """A pod of a release; `serving` means ready and not on its way out."""

    name: str
    release: str
    component: str
    serving: bool


@dataclass(frozen=True)
class Route:
    """The live HTTPRoute: its `spec`, how often that changed (`generation`), and its gateways' conditions."""

    spec: Mapping[str, Any]
    generation: int
    parents: Sequence[Mapping[str, Any]]

    @property
    def split(self) -> dict[str, int]:
        """Weight of every pool in the first rule that is no canary."""
        rules = [rule for rule in self.spec.get("rules", []) if ".canary-" not in rule.get("name", "")]
        refs = rules[0].get("backendRefs", []) if rules else []
        return {ref["name"]: int(ref.get("weight", 1)) for ref in refs}

    def percent(self, pool: str) -> int:
        """The share of a pool in whole percent."""
        total = sum(self.split.values())
        return round(100 * self.split.get(pool, 0) / total) if total else 0

    @property
    def followed(self) -> bool:
        """Whether every gateway has accepted the route as it is now, all references resolved."""
        return bool(self.parents) and not self.complaints()

    def complaints(self) -> list[str]:
        """What its gateways have not accepted yet, or refuse."""
        found = []
        for parent in self.parents:
            states = {each["type"]: each for each in parent.get("conditions", [])}
            for kind in ("Accepted", "ResolvedRefs"):
                state = states.get(kind, {})
                if state.get("status") != "True" or state.get("observedGeneration") != self.generation:
                    why = state.get("message") or "no word yet"
                    found.append(f"Gateway {parent['parentRef']['name']}: {kind} is {state.get('status')} ({why})")
        return found


class Live:
    """Readers of one namespace; every method raises Failure where the cluster cannot be asked."""

    def __init__(self, namespace: str, context: str = "") -> None:
        self.namespace = namespace
        client = api_client("drive", context)
        self.core, self.coordination = CoreV1Api(client), CoordinationV1Api(client)
        self._custom = CustomObjectsApi(client)

    def route(self, name: str) -> Route | None:
        """Return the live HTTPRoute, None if there is none."""
        found = self._get(GATEWAY_GROUP, "v1", "httproutes", name)
        if found is None:
            return None
        parents = found.get("status", {}).get("parents", [])
        return Route(found["spec"], int(found["metadata"]["generation"]), parents)

    def routes_to(self, pool: str) -> list[str]:
        """Return the names of the namespace's HTTPRoutes that refer to a pool, in mirrors and canaries too.

        The pool's own preview, a route of the same release, is none of them.
        """
        listed = self._list(GATEWAY_GROUP, "v1", "httproutes")
        others = [each for each in listed if each["metadata"].get("labels", {}).get(INSTANCE) != pool]
        return [route["metadata"]["name"] for route in others if _refers(route["spec"], pool)]

    def pool(self, name: str) -> Mapping[str, Any] | None:
        """Return an InferencePool, of whichever of its API groups has it."""
        return next((found for api in POOL_APIS if (found := self._get(*api, "inferencepools", name))), None)

    def pods(self, *releases: str) -> list[Pod]:
        """Return the model servers and pickers of pools, found as the pool and its picker's Service select them."""
        return [
            pod
            for release in releases
            for component, selector in self._selectors(release).items()
            for pod in self._pods(release, component, selector)
        ]

    def _selectors(self, release: str) -> dict[str, dict[str, str]]:
        """Selector of each part of a pool; none without the pool, none of its picker without a Service that selects."""
        pool = self.pool(release)
        if pool is None:
            return {}
        found = {
            "model-server": inference_pool.selector(pool),
            "epp": self._selected_by(inference_pool.picker(pool).get("name", release)),
        }
        return {component: selector for component, selector in found.items() if selector}

    def _selected_by(self, service: str) -> dict[str, str]:
        try:
            found: Any = self.core.read_namespaced_service(service, self.namespace, _request_timeout=READ_SECONDS)
        except (ApiException, HTTPError) as error:
            if isinstance(error, ApiException) and error.status == 404:
                return {}
            raise _unreadable(f"Service {service}", error) from None
        return found.spec.selector or {}

    def _pods(self, release: str, component: str, selector: Mapping[str, str]) -> list[Pod]:
        text = ",".join(f"{key}={value}" for key, value in selector.items())
        try:
            listed: list[Any] = self.core.list_namespaced_pod(
                self.namespace, label_selector=text, _request_timeout=READ_SECONDS
            ).items
        except (ApiException, HTTPError) as error:
            raise _unreadable("pods", error) from None
        return [
            Pod(
                pod.metadata.name,
                release,
                component,
                pod.metadata.deletion_timestamp is None
                and any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions or []),
            )
            for pod in listed
        ]

    def models(self, pod: str, port: int) -> tuple[set[str], set[str]]:
        """Return (base models, adapters) that a model server lists on /v1/models; adapters name their parent."""
        try:
            answer: Any = self.core.connect_get_namespaced_pod_proxy_with_path(
                f"{pod}:{port}", self.namespace, "v1/models", _preload_content=False, _request_timeout=READ_SECONDS
            )
            listed = json.loads(answer.data)["data"]
            adapters = {str(entry["id"]) for entry in listed if entry.get("parent")}
            return {str(entry["id"]) for entry in listed} - adapters, adapters
        except (ApiException, HTTPError) as error:
            raise _unreadable(f"/v1/models of {pod}", error) from None
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(f"/v1/models of {pod} is no list of models: {error!r}") from None

    def aliases(self, pool: str) -> dict[str, str]:
        """Return what the pool's InferenceModelRewrites turn each model name into."""
        listed = self._list(*REWRITE_API, "inferencemodelrewrites")
        rewrites = [each for each in listed if each["spec"]["poolRef"]["name"] == pool]
        return {
            match["model"]["value"]: ", ".join(sorted(target["modelRewrite"] for target in rule["targets"]))
            for rewrite in rewrites
            for rule in rewrite["spec"].get("rules", [])
            for match in rule.get("matches", [])
        }

    def _get(self, group: str, version: str, plural: str, name: str) -> dict[str, Any] | None:
        try:
            found: Any = self._custom.get_namespaced_custom_object(
                group, version, self.namespace, plural, name, _request_timeout=READ_SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return None
            raise _unreadable(f"{plural} {name}", error) from None
        except HTTPError as error:
            raise _unreadable(f"{plural} {name}", error) from None
        return dict(found)

    def _list(self, group: str, version: str, plural: str) -> list[dict[str, Any]]:
        try:
            listed: Any = self._custom.list_namespaced_custom_object(
                group, version, self.namespace, plural, _request_timeout=READ_SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return []
            raise _unreadable(plural, error) from None
        except HTTPError as error:
            raise _unreadable(plural, error) from None
        return list(listed["items"])


def _refers(value: Any, pool: str) -> bool:
    """Whether a reference of kind InferencePool to that pool stands anywhere in a spec."""
    if isinstance(value, dict):
        here = value.get("kind") == "InferencePool" and value.get("name") == pool
        return here or any(_refers(each, pool) for each in value.values())
    return isinstance(value, list) and any(_refers(each, pool) for each in value)


def _unreadable(what: str, error: Exception) -> Failure:
    cause = f"{error.status} {error.reason}" if isinstance(error, ApiException) else str(error)
    return Failure(f"{what} could not be read: {cause}")
