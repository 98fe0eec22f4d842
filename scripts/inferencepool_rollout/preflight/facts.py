"""What preflight judges by, gathered once: the cluster, Helm's releases, rights, answers and Prometheus's values."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from inferencepool_rollout.evidence.observed import observe
from inferencepool_rollout.evidence.probe import Stream, completion, marks, pods_by_side, streams
from inferencepool_rollout.evidence.prometheus import ask, filled
from inferencepool_rollout.evidence.scraped import Page
from inferencepool_rollout.evidence.users import read_pool
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.helm import Helm, Revision
from inferencepool_rollout.kube.matching import Request, attached, met
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.kube.snapshot import Models, Pool, Snapshot, read_snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.steps import Step
from inferencepool_rollout.preflight.needs import needs
from inferencepool_rollout.traffic.load import Plan as LoadPlan
from inferencepool_rollout.traffic.load import send

PROMETHEUS_SECONDS = 60.0


MOST_ASKED = 10
"""Requests of a kind that are sent until one is answered. A pool that loses a third of them is taken for one that
answers none once in 59,000 times."""


@dataclass(frozen=True)
class Right:
    """Something that a rollout does with the cluster, and whether the user may."""

    verb: str
    resource: str
    allowed: bool


@dataclass(frozen=True)
class Asked:
    """One kind of the probe's requests: who was to answer (empty: either pool), who did (empty: not known), or why
    nobody; `failed` were lost before one was answered."""

    name: str
    to: str
    by: str
    lost: str = ""
    failed: int = 0


@dataclass(frozen=True)
class Facts:
    """Everything that the checks judge by; a test makes it by hand."""

    plan: Plan
    snapshot: Snapshot
    step: Step | None = None
    """The step that is to be moved to, None where nothing moves."""
    releases: Mapping[str, Revision | None] | None = None
    """The last revision of each release; None as a whole where somebody else owns the releases."""
    rendered: Route | None = None
    """The route in the manifest of the last revision, None where it is not known."""
    values: Mapping[str, object] = field(default_factory=dict)
    """Values of the route's last revision."""
    rights: Sequence[Right] = ()
    asked: Sequence[Asked] = ()
    prometheus: Mapping[str, float | str] = field(default_factory=dict)
    """Value of each query, or why there is none."""
    users: Mapping[str, tuple[Mapping[str, Page], str]] = field(default_factory=dict)
    """The pages of metrics by pool and pod, and why one was not read."""
    measured: float | None = None
    """Requests/s that one model server of the new pool held at step 0, None where that was not measured."""


def gather(plan: Plan, client: Client, helm: Helm | None, step: Step | None, measured: float | None = None) -> Facts:
    """Gather the facts before `step`; `measured` is what step 0 found.

    Raises Failure only if the cluster cannot be asked at all.
    """
    snapshot = read_snapshot(
        client, plan.route.namespace, plan.route.release, (plan.old, plan.new), models=True, routes=True
    )
    snapshot = unlocked(plan, snapshot)
    releases: dict[str, Revision | None] | None = None
    rendered, values = None, {}
    if helm:
        history = {name: helm.history(name) for name in (plan.route.release, plan.old, plan.new)}
        releases = {name: revisions[-1] if revisions else None for name, revisions in history.items()}
        if (last := releases[plan.route.release]) and snapshot.route:
            rendered, values = helm.route(plan.route.release), helm.values(plan.route.release, last.number)
    return Facts(
        plan, snapshot, step, releases, rendered, values, measured=measured,
        rights=list(_rights(plan, client, with_helm=helm is not None)),
        asked=list(_asked(plan, snapshot)) if snapshot.route else (),
        prometheus=dict(_values(plan)),
        users={name: read_pool(client, pool) for name, pool in snapshot.pools.items() if pool and plan.users},
    )  # fmt: skip


def unlocked(plan: Plan, snapshot: Snapshot) -> Snapshot:
    """Return the snapshot with the models of servers that ask for an API key, as the gateway is told them by one pod.

    The key is in the plan's `gateway.headers`; the pool's own preview route leads to it.
    """
    pools = {name: _unlocked(plan, snapshot, name, pool) if pool else None for name, pool in snapshot.pools.items()}
    return replace(snapshot, pools=pools)


def _unlocked(plan: Plan, snapshot: Snapshot, name: str, pool: Pool) -> Pool:
    has_key = any(header.lower() == "authorization" for header in plan.gateway.headers)
    if not (has_key and any(models.locked for models in pool.models.values())):
        return pool
    headers = {"old": plan.probe.to_old, "new": plan.probe.to_new}["new" if name == plan.new else "old"]
    headers = headers or preview_headers(plan, snapshot, name)
    return replace(pool, models={"the gateway": _told(plan, headers)}) if headers else pool


def _told(plan: Plan, headers: Mapping[str, str]) -> Models:
    """The models of the pool that a request with these headers reaches through the gateway."""
    url = f"{plan.gateway.url.rstrip('/')}/v1/models"
    request = urllib.request.Request(url, headers={**plan.gateway.headers, **headers})
    try:
        with urllib.request.urlopen(request, timeout=plan.probe.timeout) as answer:
            return Models.listed(answer.read(), url)
    except urllib.error.HTTPError as error:
        return Models(fault=f"{url} is answered with {error.code}", locked=error.code == 401)
    except (OSError, ValueError) as error:
        return Models(fault=f"{url} is not answered ({type(error).__name__})")


def _rights(plan: Plan, client: Client, with_helm: bool) -> list[Right]:
    return [
        Right(verb, need.resource, client.may(verb, need.api, plan.route.namespace, need.sub, name))
        for need in needs(plan, with_helm=with_helm)
        for verb in need.verbs
        for name in need.names or ("",)
    ]


def _asked(plan: Plan, snapshot: Snapshot) -> list[Asked]:
    """One request by each of the probe's streams, and one to each pool by itself where its preview route leads."""
    found = [_one(plan, snapshot, stream) for stream in streams(plan)]
    if not plan.probe.to_new:
        for side, name in (("old", plan.old), ("new", plan.new)):
            headers = preview_headers(plan, snapshot, name)
            if headers:
                request = completion(plan, plan.probe.models[0], headers)
                found.append(_one(plan, snapshot, Stream(request, 1, side)))
    return found


def preview_headers(plan: Plan, snapshot: Snapshot, pool: str) -> dict[str, str]:
    """Return the headers by which a route of the pool's own release leads to it alone; empty if none is reached."""
    for route in snapshot.routes:
        if route.release != (snapshot.namespace, pool):
            continue
        for rule in route.spec.get("rules") or []:
            for match in rule.get("matches") or []:
                headers = {header["name"]: header["value"] for header in match.get("headers") or []}
                found = met(request_of(plan, headers), snapshot.routes, attached(route)) if headers else None
                if found and found.route.uid == route.uid:
                    return headers
    return {}


def request_of(plan: Plan, headers: Mapping[str, str]) -> Request:
    """Return a request of the probe, with further headers, as a gateway sees it."""
    every = {**plan.gateway.headers, **headers}
    base = urlsplit(plan.gateway.url)
    host = next((value for name, value in every.items() if name.lower() == "host"), base.netloc)
    kind = "chat/completions" if plan.probe.chat else "completions"
    return Request(host, f"{base.path.rstrip('/')}/v1/{kind}", every)


def _one(plan: Plan, snapshot: Snapshot, stream: Stream) -> Asked:
    """Ask until a request is answered: whether too many are lost is for the steps to judge."""
    load = LoadPlan(count=1, workers=1, timeout=plan.probe.timeout, varied=stream.workload)
    until = time.monotonic() + plan.probe.timeout
    for failed in range(MOST_ASKED):
        answers = send(plan.gateway.url, stream.request, load)
        if not answers.lost:
            (by,) = observe([(answers, "")], pods_by_side(plan, snapshot.pools), marks(plan)).pool.tolist()
            return Asked(stream.name, stream.pool, by, failed=failed)
        if time.monotonic() > until:
            break
    return Asked(stream.name, stream.pool, "", f"{answers.reason[0]}: {answers.detail[0]}", failed + 1)


def _values(plan: Plan) -> list[tuple[str, float | str]]:
    found: list[tuple[str, float | str]] = []
    for query in plan.prometheus.queries if plan.prometheus else ():
        assert plan.prometheus
        try:
            found.append((query.name, ask(plan.prometheus, filled(plan, query, PROMETHEUS_SECONDS))))
        except Failure as failure:
            found.append((query.name, str(failure)))
    return found
