"""The cluster as a rollout sees it at one moment: route, pools, pods, aliases and models, each read once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube import inference_pool, model_server
from inferencepool_rollout.kube.apis import MODELS, PODS, POOLS, REWRITES, ROUTES, SERVICES
from inferencepool_rollout.kube.client import ApiFault, Client, Manifest
from inferencepool_rollout.kube.route import PoolRef, Route

FORBIDDEN = (401, 403)


@dataclass(frozen=True)
class Pod:
    """A pod; `ports` are the ports that its containers name."""

    name: str
    uid: str
    labels: Mapping[str, str]
    ready: bool
    leaving: bool
    ports: Mapping[str, int] = field(default_factory=dict)
    image: str = ""
    """Of its first container, as all that follows."""
    model: str = ""
    revision: str = ""
    accelerator: str = ""
    unscheduled: str = ""
    """Why the scheduler has found no node for it; empty where it has one."""
    started_in: float = 0.0
    """Time (s) from its creation until it got ready last; 0 for one that is not ready."""

    @property
    def serving(self) -> bool:
        """Whether it is ready and not on its way out."""
        return self.ready and not self.leaving


@dataclass(frozen=True)
class Models:
    """What a model server lists on /v1/models; `fault` says why that is not known."""

    base: frozenset[str] = frozenset()
    adapters: frozenset[str] = frozenset()
    context: int | None = None
    """Most tokens of a request and its answer, as vLLM and SGLang list it (max_model_len); None where not listed."""
    fault: str = ""
    locked: bool = False
    """Whether the server asks for an API key. The API server's proxy passes none on: it takes the header Authorization
    for itself and deletes it (k8s.io/apiserver, pkg/endpoints/filters/authentication.go)."""

    @classmethod
    def listed(cls, answer: bytes, by: str) -> Models:
        """Return what an answer lists; an adapter names its parent (vLLM, entrypoints/openai/serving_models.py)."""
        try:
            entries: list[Any] = json.loads(answer)["data"]
            adapters = frozenset(str(entry["id"]) for entry in entries if entry.get("parent"))
            contexts = [int(entry["max_model_len"]) for entry in entries if entry.get("max_model_len")]
            base = frozenset(str(entry["id"]) for entry in entries) - adapters
            return cls(base, adapters, min(contexts, default=None))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return cls(fault=f"/v1/models of {by} is not a list of models ({type(error).__name__})")


@dataclass(frozen=True)
class Pool:
    """An InferencePool with the pods that it selects and those of its endpoint picker's Service."""

    manifest: Manifest
    servers: tuple[Pod, ...] = ()
    pickers: tuple[Pod, ...] = ()
    picker_service: Manifest | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Model names of clients, each with what it is turned into."""
    models: Mapping[str, Models] = field(default_factory=dict)
    """Models by server pod; empty unless they were asked for."""

    @property
    def ref(self) -> PoolRef:
        """The pool as a route refers to it."""
        meta = self.manifest["metadata"]
        group = str(self.manifest["apiVersion"]).rpartition("/")[0]
        return PoolRef(str(meta.get("namespace", "default")), str(meta["name"]), group)

    @property
    def ports(self) -> Sequence[int]:
        """The ports of its model servers."""
        return inference_pool.target_ports(self.manifest)

    @property
    def staying(self) -> tuple[Pod, ...]:
        """Its model servers, without those on their way out: they take nothing new, and others replace them."""
        return tuple(pod for pod in self.servers if not pod.leaving)

    @property
    def staying_pickers(self) -> tuple[Pod, ...]:
        """The pods of its endpoint picker, in the same way."""
        return tuple(pod for pod in self.pickers if not pod.leaving)

    @property
    def serving(self) -> tuple[Pod, ...]:
        """Its model servers that are ready."""
        return tuple(pod for pod in self.servers if pod.serving)

    @property
    def can_serve(self) -> bool:
        """Whether a model server and an endpoint picker are ready."""
        return bool(self.serving) and any(pod.serving for pod in self.pickers)

    def description(self) -> dict[str, Any]:
        """Return what the pool is, for people: models, their revisions, images and accelerators of its model servers,
        and how many there are."""
        kinds = {"models": "model", "revisions": "revision", "images": "image", "accelerators": "accelerator"}
        found = {kind: sorted({getattr(pod, name) for pod in self.staying} - {""}) for kind, name in kinds.items()}
        return {**found, "replicas": len(self.staying)}

    def metrics_port(self, pod: Pod) -> int | None:
        """Return the port of an endpoint picker's metrics: its Service's port or its container's that is named so."""
        spec = (self.picker_service or {}).get("spec") or {}
        for port in spec.get("ports") or []:
            if "metrics" in port.get("name", ""):
                target = port.get("targetPort", port["port"])
                return target if isinstance(target, int) else pod.ports.get(target)
        return next((number for name, number in pod.ports.items() if "metrics" in name), None)


@dataclass(frozen=True)
class Snapshot:
    """What was read of a namespace at one moment."""

    namespace: str
    route: Route | None
    pools: Mapping[str, Pool | None]
    """The pools that were asked for, by name; None where there is none."""
    routes: tuple[Route, ...] = ()
    """All HTTPRoutes that could be read, this one included."""
    everywhere: bool = True
    """Whether `routes` has those of all namespaces, or only of this one because the others may not be read."""

    def shared_pods(self) -> list[str]:
        """Return the pods that more than one of the pools select."""
        names = [name for pool in self.pools.values() if pool for name in _names(pool.servers)]
        return sorted({name for name in names if names.count(name) > 1})

    def others_to(self, pool: PoolRef) -> list[Route]:
        """Return the routes that refer to a pool, but for the pool's own preview: a route of the pool's release."""
        return [
            route for route in self.routes if route.refers_to(pool) and route.release != (pool.namespace, pool.name)
        ]


def read_route(client: Client, namespace: str, name: str) -> Route | None:
    """Return the live HTTPRoute, None if there is none."""
    live = client.get(ROUTES, namespace, name)
    return Route(live) if live else None


def live_route(client: Client, namespace: str, name: str) -> Route:
    """Return the live HTTPRoute; raises Failure if there is none."""
    found = read_route(client, namespace, name)
    if found is None:
        raise Failure(f"there is no HTTPRoute {namespace}/{name}; install its release first")
    return found


def read_snapshot(
    client: Client, namespace: str, route: str, pools: Iterable[str], *, models: bool = False, routes: bool = False
) -> Snapshot:
    """Read the cluster; `models` asks every ready server for its models, `routes` reads the other routes too.

    Raises ApiFault where the API server does not answer or what is needed may not be read.
    """
    found_routes, everywhere = _all_routes(client, namespace) if routes else ((), True)
    live = read_route(client, namespace, route)
    read = _pools(client, namespace, pools, live)
    if models:
        read = {name: _with_models(client, namespace, pool) if pool else None for name, pool in read.items()}
    return Snapshot(namespace, live, read, found_routes, everywhere)


def read_pools(client: Client, namespace: str, pools: Iterable[str] | None = None) -> dict[str, Pool | None]:
    """Read pools with their pods, or all pools of a namespace."""
    names = pools if pools is not None else [
        each["metadata"]["name"] for api in POOLS for each in client.list(api, namespace)
    ]  # fmt: skip
    return _pools(client, namespace, names, None)


def _all_routes(client: Client, namespace: str) -> tuple[tuple[Route, ...], bool]:
    try:
        return tuple(map(Route, client.list(ROUTES))), True
    except ApiFault as fault:
        if fault.status not in FORBIDDEN:
            raise
    return tuple(map(Route, client.list(ROUTES, namespace))), False


def _pools(client: Client, namespace: str, names: Iterable[str], route: Route | None) -> dict[str, Pool | None]:
    manifests = {name: _manifest(client, namespace, name, route) for name in names}
    if not any(manifests.values()):
        return dict.fromkeys(manifests)
    pods = client.list(PODS, namespace)
    aliases = [(each, _rewrites) for api in REWRITES for each in client.list(api, namespace)]
    aliases += [(each, _model) for each in client.list(MODELS, namespace)]
    return {
        name: _pool(client, namespace, manifest, pods, aliases) if manifest else None
        for name, manifest in manifests.items()
    }


def _manifest(client: Client, namespace: str, name: str, route: Route | None) -> Manifest | None:
    """The pool of that name: of the API group that the route names, else of the first that has one."""
    named = {ref.group for shares in (route.shares() if route else []) for ref in shares if ref.name == name}
    found = [manifest for api in POOLS if (manifest := client.get(api, namespace, name))]
    return next((each for each in found if each["apiVersion"].rpartition("/")[0] in named), found[0] if found else None)


def _pool(
    client: Client, namespace: str, manifest: Manifest, pods: Sequence[Manifest],
    aliases: Sequence[tuple[Manifest, Callable[[Manifest], dict[str, str]]]],
) -> Pool:  # fmt: skip
    name = manifest["metadata"]["name"]
    service = client.get(SERVICES, namespace, inference_pool.picker(manifest).get("name", name))
    selector = ((service or {}).get("spec") or {}).get("selector") or {}
    return Pool(
        manifest,
        servers=_selected(pods, inference_pool.selector(manifest)),
        pickers=_selected(pods, selector),
        picker_service=service,
        aliases={
            alias: target
            for each, targets in aliases
            if (each.get("spec") or {}).get("poolRef", {}).get("name") == name
            for alias, target in targets(each["spec"]).items()
        },
    )


def _selected(pods: Sequence[Manifest], selector: Mapping[str, str]) -> tuple[Pod, ...]:
    """The pods with all labels of a selector; an empty selector selects none."""
    return tuple(
        _pod(pod) for pod in pods if selector and selector.items() <= (pod["metadata"].get("labels") or {}).items()
    )


def _pod(pod: Manifest) -> Pod:
    meta, status = pod["metadata"], pod.get("status") or {}
    conditions = {each["type"]: each for each in status.get("conditions") or []}
    ready = conditions.get("Ready", {})
    scheduled = conditions.get("PodScheduled", {})
    containers = (pod.get("spec") or {}).get("containers") or []
    return Pod(
        name=meta["name"],
        uid=meta.get("uid", ""),
        labels=meta.get("labels") or {},
        ready=ready.get("status") == "True",
        leaving=bool(meta.get("deletionTimestamp")) or status.get("phase") in ("Succeeded", "Failed"),
        ports={
            port["name"]: int(port["containerPort"])
            for container in containers
            for port in container.get("ports") or []
            if "name" in port
        },
        image=str(containers[0].get("image", "")) if containers else "",
        model=model_server.model(pod.get("spec") or {}),
        revision=model_server.revision(pod.get("spec") or {}),
        accelerator=model_server.accelerator(pod.get("spec") or {}),
        unscheduled=str(scheduled.get("message", "")) if scheduled.get("status") == "False" else "",
        started_in=_seconds_between(meta.get("creationTimestamp"), ready.get("lastTransitionTime")),
    )


def _seconds_between(began: str | None, ended: str | None) -> float:
    """Seconds between two times of Kubernetes (RFC 3339); 0 where one is not known."""
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(began)).total_seconds() if began and ended else 0.0


def _rewrites(spec: Manifest) -> dict[str, str]:
    """Aliases of an InferenceModelRewrite."""
    return {
        match["model"]["value"]: ", ".join(sorted(target["modelRewrite"] for target in rule.get("targets") or []))
        for rule in spec.get("rules") or []
        for match in rule.get("matches") or []
        if match.get("model")
    }


def _model(spec: Manifest) -> dict[str, str]:
    """The alias of an InferenceModel; one without targets is served under its own name."""
    targets = spec.get("targetModels") or []
    if not targets:
        return {}
    return {spec["modelName"]: ", ".join(sorted(target["name"] for target in targets))}


def _with_models(client: Client, namespace: str, pool: Pool) -> Pool:
    port = pool.ports[0]
    listed = {pod.name: _listed(client, namespace, pod.name, port) for pod in pool.serving}
    return Pool(pool.manifest, pool.servers, pool.pickers, pool.picker_service, pool.aliases, listed)


def _listed(client: Client, namespace: str, pod: str, port: int) -> Models:
    """What a model server lists. The API server has answered before, so that 401 is the model server's own."""
    try:
        return Models.listed(client.proxy(namespace, pod, port, "v1/models"), f"pod {pod}")
    except ApiFault as fault:
        if fault.status == 401:
            why = f"pod {pod} asks for an API key, which the API server's proxy does not pass on"
            return Models(fault=why, locked=True)
        return Models(fault=str(fault))


def _names(pods: Iterable[Pod]) -> list[str]:
    return [pod.name for pod in pods]
