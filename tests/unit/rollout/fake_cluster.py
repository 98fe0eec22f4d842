"""A cluster and a helm in memory, which behave as the recorded ones do: for sequences too long and odd for real ones.

What is modelled of helm is what decides where weight goes: a history of revisions; Helm 3 sends the difference of two
manifests, so that it leaves alone what did not change between them; Helm 4 applies as a field manager and is refused
by fields that somebody else has written; either overwrites with its flag; a killed one leaves its revision pending,
written or not. (Seen on kind with helm 3.22.0 and 4.3.1: tests/cluster/route/.)
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from inferencepool_rollout.drive.position import pool_refs
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.apis import PODS, POOLS, ROUTES, SERVICES, Api
from inferencepool_rollout.kube.client import ApiFault, Client, Manifest
from inferencepool_rollout.kube.helm import OVERWRITE, Helm
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.traffic import load
from inferencepool_rollout.traffic.answers import Answer, Answers, Cause
from inferencepool_rollout.traffic.request import Completion
from unit.rollout.live_routes import GATEWAY, route, rule

HEAD = {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute"}


@dataclass
class Revision:
    """A revision of the route's release."""

    status: str
    description: str
    weight: int
    spec: Manifest


@dataclass
class FakeCluster:
    """The objects of a namespace; `away` requests are not answered before the API server is back."""

    plan: Plan
    objects: dict[str, Manifest] = field(default_factory=dict)
    manager: str = "helm"
    """Who wrote the route's spec last: a Helm 4 that does not force is refused by anybody else."""
    away: int = 0
    slow: int = 0
    """How often the route is read before its gateway has taken it up."""
    fails: set[str] = field(default_factory=set)
    """Pools whose answers are lost."""
    silent: bool = False
    """Answers do not name their pod."""
    writes: int = 0
    """How often objects other than the route were written."""

    def route(self) -> Route | None:
        """The live route."""
        found = self.objects.get(ROUTES.path("default", "route"))
        return Route(found) if found else None

    def write(self, spec: Manifest, manager: str) -> None:
        """Write the route's spec, as `manager`."""
        made = self.objects.get(ROUTES.path("default", "route")) or copy.deepcopy(route(rule({})).manifest)
        generation = made["metadata"]["generation"] + (made["spec"] != spec)
        self.objects[ROUTES.path("default", "route")] = {
            **made, "spec": copy.deepcopy(spec), "metadata": {**made["metadata"], "generation": generation},
        }  # fmt: skip
        self.manager = manager

    def stored(self, path: str, body: Manifest) -> Manifest:
        """Store an object under a new resourceVersion, and return it."""
        self.writes += 1
        made = {**copy.deepcopy(body), "metadata": {**body["metadata"], "resourceVersion": str(self.writes)}}
        self.objects[path] = made
        return copy.deepcopy(made)

    def pool(self, name: str, ready: bool = True) -> None:
        """Install a pool with one model server and one picker, or change whether its pods are ready."""
        head = {"apiVersion": POOLS[0].api_version, "kind": "InferencePool"}
        spec = {"selector": {"matchLabels": {"pool": name}}, "targetPorts": [{"number": 8000}]}
        picker = {"endpointPickerRef": {"name": f"{name}-epp", "port": {"number": 9002}}}
        meta = {"name": name, "namespace": "default"}
        self.objects[POOLS[0].path("default", name)] = {**head, "metadata": meta, "spec": {**spec, **picker}}
        service = {"spec": {"selector": {"picker": name}, "ports": [{"name": "http-metrics", "port": 9090}]}}
        self.objects[SERVICES.path("default", f"{name}-epp")] = {"metadata": {"name": f"{name}-epp"}, **service}
        for pod, labels in ((f"{name}-1", {"pool": name}), (f"{name}-epp-1", {"picker": name})):
            status = {"conditions": [{"type": "Ready", "status": str(ready)}]}
            self.objects[PODS.path("default", pod)] = {"metadata": {"name": pod, "labels": labels}, "status": status}

    def delete_pool(self, name: str) -> None:
        """Uninstall a pool."""
        for path in (
            POOLS[0].path("default", name), SERVICES.path("default", f"{name}-epp"),
            PODS.path("default", f"{name}-1"), PODS.path("default", f"{name}-epp-1"),
        ):  # fmt: skip
            self.objects.pop(path, None)

    def send(self, url: str, request: Completion, plan: load.Plan) -> Answers:
        """Answer requests as the gateway would: by the live route's shares, and an error where no pool is."""
        live = self.route()
        shares = live.shares()[0] if live and live.shares() else {}
        rows = []
        for number in range(plan.count or 0):
            pool, upto = "", 0.0
            for ref, share in shares.items():
                upto += share
                if not pool and share and (number + 0.5) / (plan.count or 1) <= upto:
                    pool = ref.name
            there = POOLS[0].path("default", pool) in self.objects and pool not in self.fails
            cause = Cause.NONE if there else Cause.STATUS
            pod = "" if self.silent or not there else f"{pool}-1"
            rows.append(Answer(float(number), 0.1, 0.05, 200 if there else 503, cause, pod, 1, "" if there else "none"))
        return Answers.of(rows)


class FakeClient(Client):
    """The tool's client of a FakeCluster."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster, self.context, self.patience = cluster, "", 0.0

    def get(self, api: Api, namespace: str, name: str) -> Manifest | None:
        """As the real one."""
        self._answers()
        found = self.cluster.objects.get(api.path(namespace, name))
        return self._taken_up(found) if found and api is ROUTES else copy.deepcopy(found)

    def list(self, api: Api, namespace: str | None = None) -> list[Manifest]:
        """As the real one; all objects are in one namespace."""
        self._answers()
        return [
            copy.deepcopy(each)
            for path, each in self.cluster.objects.items()
            if path.startswith(f"{api.path('default')}/")
        ]

    def apply(self, body: Manifest, manager: str, *, dry_run: bool = False) -> Manifest:
        """As the real one, for the route alone."""
        self._answers()
        self.cluster.write(body["spec"], manager)
        return body

    def create(self, api: Api, namespace: str, body: Manifest) -> Manifest:
        """As the real one."""
        self._answers()
        path = api.path("default", body["metadata"]["name"])
        if path in self.cluster.objects:
            raise ApiFault(f"{path} already exists", 409)
        return self.cluster.stored(path, body)

    def replace(self, api: Api, namespace: str, body: Manifest) -> Manifest:
        """As the real one."""
        self._answers()
        path = api.path("default", body["metadata"]["name"])
        versions = [each["metadata"].get("resourceVersion") for each in (body, self.cluster.objects[path])]
        if versions[0] and versions[0] != versions[1]:
            raise ApiFault(f"{path} has been modified", 409)
        return self.cluster.stored(path, body)

    def patch(self, api: Api, namespace: str, name: str, body: Manifest) -> Manifest:
        """As the real one."""
        self._answers()
        found = self.cluster.objects.get(api.path("default", name))
        if found is None:
            raise ApiFault(f"there is no {name}", 404)
        return self.cluster.stored(api.path("default", name), _merged(found, body))

    def whoami(self) -> str:
        """The user of all tests."""
        return "jane@example.com"

    @property
    def server(self) -> str:
        """There is none."""
        return "https://fake"

    def proxy(self, namespace: str, pod: str, port: int, path: str) -> bytes:
        """There are no pods behind these objects."""
        raise ApiFault(f"pod {pod} does not answer", 503)

    def _answers(self) -> None:
        if self.cluster.away:
            self.cluster.away -= 1
            raise ApiFault("the API server does not answer")

    def _taken_up(self, found: Manifest) -> Manifest:
        """A route with its gateway's conditions, which come `slow` readings after it was written."""
        made = copy.deepcopy(found)
        behind = int(self.cluster.slow > 0)
        self.cluster.slow = max(0, self.cluster.slow - 1)
        conditions = [
            {"type": kind, "status": "True", "observedGeneration": made["metadata"]["generation"] - behind}
            for kind in ("Accepted", "ResolvedRefs")
        ]
        made["status"] = {"parents": [{"parentRef": {"name": GATEWAY}, "conditions": conditions}]}
        return made


@dataclass
class FakeHelm(Helm):
    """The tool's helm, of a major version; `broken` fails at whatever it is asked to write."""

    def __init__(self, cluster: FakeCluster, version: int) -> None:
        super().__init__("default")
        self.cluster, self.version = cluster, version
        self.revisions: list[Revision] = []
        self.broken = False
        self.killed: Callable[[], bool] | None = None
        """Whether the next write is killed before (False) or after (True) it reached the cluster."""

    def major(self) -> int:
        """As the real one."""
        return self.version

    def run(self, *words: str, timeout: float = 0) -> str:
        """Do what a helm command does, as far as the tool uses it."""
        match words[:2]:
            case ("history", _):
                if not self.revisions:
                    raise Failure("Error: release: not found")
                return json.dumps([self._row(number, each) for number, each in enumerate(self.revisions, 1)])
            case ("get", "values"):
                return json.dumps({"weights": {"new": self._named(words).weight}})
            case ("get", "manifest"):
                return yaml.safe_dump({**HEAD, "metadata": {"name": "route"}, "spec": self._named(words).spec})
            case ("upgrade", _):
                settings = dict(word.split("=") for word in words if "=" in word and not word.startswith("--"))
                weight = int(settings["weights.new"])
                self._guard(weight, settings)
                self._write(weight, spec_of(self.cluster.plan, weight), "Upgrade complete", words)
            case ("rollback", _):
                target = self.revisions[int(words[2]) - 1]
                self._write(target.weight, target.spec, f"Rollback to {words[2]}", words)
        return ""

    def install(self) -> None:
        """Install the route's release with weight 0."""
        spec = spec_of(self.cluster.plan, 0)
        self.revisions = [Revision("deployed", "Install complete", 0, spec)]
        self.cluster.write(spec, "helm")

    def _guard(self, weight: int, settings: Mapping[str, str]) -> None:
        """What charts/rollout-route refuses: a hand edit that this revision does not ask for."""
        live = self.cluster.route()
        asked = next(each for each in reversed(self.revisions) if each.status in ("deployed", "superseded"))
        edited = live and live.spec != asked.spec and live.spec != spec_of(self.cluster.plan, weight)
        if edited and settings.get("guards.drift") != "overwrite":
            raise Failure("Error: the live HTTPRoute route is not what the last revision asked for")

    def _write(self, weight: int, spec: Manifest, description: str, words: tuple[str, ...]) -> None:
        if self.broken:
            raise Failure("Error: the release's Secret could not be written")
        forced = set(OVERWRITE[self.version]) <= set(words)
        last = next(each for each in reversed(self.revisions) if each.status in ("deployed", "superseded"))
        kind = "rollback" if description.startswith("Rollback") else "upgrade"
        self.revisions.append(made := Revision(f"pending-{kind}", f"Preparing {kind}", weight, spec))
        killed, self.killed = self.killed, None
        if killed and not killed():
            raise Failure("helm was killed")
        live = self.cluster.route()
        assert live
        if self.version == 4 and self.cluster.manager != "helm" and not forced:
            made.status, made.description = "failed", f"{kind} failed"
            raise Failure("Error: conflict occurred while applying object: conflict with kubectl-patch")
        whole = self.version == 4 or forced
        changed = {key: value for key, value in spec.items() if whole or last.spec.get(key) != value}
        self.cluster.write({**live.spec, **changed}, "helm" if whole else self.cluster.manager)
        if killed:
            raise Failure("helm was killed")
        for each in self.revisions[:-1]:
            each.status = "superseded" if each.status == "deployed" else each.status
        made.status, made.description = "deployed", description

    def _named(self, words: tuple[str, ...]) -> Revision:
        if "--revision" in words:
            return self.revisions[int(words[words.index("--revision") + 1]) - 1]
        return self.revisions[-1]

    def _row(self, number: int, each: Revision) -> dict[str, Any]:
        updated = "2026-11-25T02:29:15.123456789Z"
        return {"revision": number, "status": each.status, "description": each.description, "updated": updated}


def spec_of(plan: Plan, weight: int) -> Manifest:
    """The spec that the route's chart renders for a weight."""
    weights = {pool: share for pool, share in ((plan.old, 100 - weight), (plan.new, weight)) if share}
    return dict(route(rule(weights)).spec)


def _merged(found: Manifest, patch: Manifest) -> Manifest:
    """A merge patch (RFC 7386)."""
    made = dict(found)
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = _merged(made.get(key) or {}, value) if isinstance(value, dict) else value
    return made


def gives_all_to_old(cluster: FakeCluster) -> bool:
    """Whether the live route gives the old pool everything."""
    live = cluster.route()
    return bool(live and live.gives_all_to(pool_refs(cluster.plan, live)[0]))
