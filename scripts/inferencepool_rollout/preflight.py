"""What has to be right before weight moves: one row a check, with the reason and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from inferencepool_rollout.drive.probe import streams
from inferencepool_rollout.drive.prometheus import ask, written
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.kube.inference_pool import target_ports
from inferencepool_rollout.kube.live import Live, Route
from inferencepool_rollout.plan import Plan, Step
from inferencepool_rollout.traffic.load import Plan as LoadPlan
from inferencepool_rollout.traffic.load import send

WITNESS_SECONDS = 60.0


@dataclass(frozen=True)
class Check:
    """One row; `remedy` is empty where nothing is wrong."""

    name: str
    why: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.remedy

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"


def preflight(plan: Plan, helm: Helm | None, live: Live, step: Step | None) -> list[Check]:
    """Run every check before `step` (None: before nothing moves); without helm those of its releases are left out.

    Raises Failure only if the cluster cannot be asked at all.
    """
    route = live.route(plan.route.release)
    if route is None:
        return [Check("route", f"there is no HTTPRoute {plan.route.release}", f"helm install {plan.route.release} ...")]
    checks = [_accepted(route), *_serving(plan, live), *_conditions(plan, live), _models(plan, live)]
    if helm:
        checks = [*_releases(plan, helm), *checks, _drift(plan, helm, route)]
    if step and plan.capacity:
        checks += _capacity(plan, live, step)
    return [*checks, *_answers(plan), *_witness(plan)]


def print_checks(console: Console, checks: list[Check]) -> None:
    """Print the checks as a table."""
    table = Table("check", "", "why", "remedy")
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[bold red]FAIL[/]"
        table.add_row(check.name, mark, check.why, check.remedy)
    console.print(table)


def _releases(plan: Plan, helm: Helm) -> Iterator[Check]:
    for release in (plan.route.release, plan.old, plan.new):
        history = helm.history(release)
        status = history[-1].status if history else "not installed"
        why = f"revision {history[-1].number} is {status}" if history else status
        remedy = "" if status == "deployed" else f"helm status {release}; install, repair or roll it back first"
        yield Check(f"release {release}", why, remedy)


def _accepted(route: Route) -> Check:
    if route.followed:
        return Check("route", "accepted by its gateway as it is")
    why = "; ".join(route.complaints()) or "no gateway has taken it up"
    return Check("route", why, "correct the route's parentRefs, or the gateway's allowedRoutes")


def _serving(plan: Plan, live: Live) -> Iterator[Check]:
    pods = live.pods(plan.old, plan.new)
    for release in (plan.old, plan.new):
        for component, what in (("model-server", "replicas"), ("epp", "endpoint picker")):
            found = [pod for pod in pods if (pod.release, pod.component) == (release, component)]
            ready = sum(pod.serving for pod in found)
            # With several EPP replicas only the leader is ready.
            enough = ready == len(found) if component == "model-server" else ready > 0
            remedy = (
                "" if found and enough else f"kubectl describe inferencepool {release}, and the pods that it selects"
            )
            yield Check(f"{what} of {release}", f"{ready} of {len(found)} ready", remedy)


def _conditions(plan: Plan, live: Live) -> Iterator[Check]:
    for name in (plan.old, plan.new):
        pool = live.pool(name)
        if pool is None:
            yield Check(f"pool {name}", "there is no such InferencePool", f"helm install {name} charts/inferencepool")
            continue
        bad = [
            f"{parent['parentRef']['name']}: {each['type']} is False ({each.get('message', each.get('reason'))})"
            for parent in pool.get("status", {}).get("parents", [])
            for each in parent.get("conditions", [])
            if each["type"] in ("Accepted", "ResolvedRefs") and each["status"] == "False"
        ]
        judged = len(pool.get("status", {}).get("parents", []))
        why = "; ".join(bad) or ("accepted by its gateway" if judged else "not judged before a route leads there")
        yield Check(f"pool {name}", why, "repair the pool before it gets requests" if bad else "")


def _models(plan: Plan, live: Live) -> Check:
    remedy = "make the adapters and aliases of both releases equal"
    names: dict[str, set[str]] = {}
    offered: dict[str, set[str]] = {}
    try:
        for release in (plan.old, plan.new):
            port = _port(live.pool(release))
            pods = [pod for pod in live.pods(release) if pod.component == "model-server" and pod.serving]
            listed = [live.models(pod.name, port) for pod in pods]
            aliases = live.aliases(release)
            names[release] = {
                *(set.intersection(*(adapters for _, adapters in listed)) if listed else set()),
                *(f"{alias} -> {target}" for alias, target in aliases.items()),
            }
            bases = set.intersection(*(base for base, _ in listed)) if listed else set()
            offered[release] = bases | set(aliases) | names[release]
    except Failure as failure:
        return Check("models", str(failure), "let the driver read pods/proxy, and see that the model servers answer")
    differ = names[plan.old] ^ names[plan.new]
    missing = {f"{model} in {pool}" for pool in offered for model in plan.probe.models if model not in offered[pool]}
    if differ:
        only = "; ".join(
            f"{name} in {plan.old if name in names[plan.old] else plan.new} only" for name in sorted(differ)
        )
        return Check("models", only, remedy)
    if missing:
        return Check("models", f"not served: {', '.join(sorted(missing))}", "correct probe.models, or the pool")
    return Check("models", f"both pools have {', '.join(sorted(names[plan.new])) or 'no adapters'}")


def _drift(plan: Plan, helm: Helm, route: Route) -> Check:
    asked = helm.route(plan.route.release)["spec"]
    if asked.get("rules") == route.spec.get("rules") and asked.get("parentRefs") == route.spec.get("parentRefs"):
        return Check("drift", "the live route is what Helm's manifest says")
    remedy = "ask for the live state in the values, or overwrite it (charts/rollout-route/README.md, After a hand edit)"
    return Check("drift", f"somebody changed the live route by hand: {route.split}", remedy)


def _capacity(plan: Plan, live: Live, step: Step) -> Iterator[Check]:
    assert plan.capacity
    pods = live.pods(plan.old, plan.new)
    shares = {plan.new: step.percent / 100, plan.old: 1.0}
    for release, each in ((plan.new, plan.capacity.new), (plan.old, plan.capacity.old)):
        ready = sum(pod.serving for pod in pods if (pod.release, pod.component) == (release, "model-server"))
        need = shares[release] * plan.capacity.peak
        why = f"{ready} x {each:g} = {ready * each:g} requests/s, needed {need:g}"
        why += f" at {step.percent} %" if release == plan.new else " to take everything back"
        remedy = "" if ready * each >= need else f"scale {release} to {replicas(need, each)} replicas"
        yield Check(f"capacity of {release}", why, remedy)


def replicas(need: float, each: float) -> int:
    """Return how many replicas that serve `each` requests/s it takes for `need` requests/s."""
    return max(1, int(-(-need // each)))


def _answers(plan: Plan) -> Iterator[Check]:
    for stream in streams(plan.probe):
        answers = send(plan.probe.url, stream.request, LoadPlan(count=1, workers=1, timeout=plan.probe.timeout))
        bad = f"{answers.cause[0]}: {answers.detail[0]}" if answers.lost else ""
        remedy = f"ask {plan.probe.url} yourself; correct gateway and probe" if bad else ""
        yield Check(
            f"gateway, {stream.request.model}{f', to {stream.pool}' if stream.pool else ''}", bad or "answers", remedy
        )


def _witness(plan: Plan) -> Iterator[Check]:
    for query in plan.prometheus.queries if plan.prometheus else ():
        assert plan.prometheus
        try:
            value = ask(plan.prometheus, written(plan, query, WITNESS_SECONDS))
        except Failure as failure:
            yield Check(f"prometheus, {query.name}", str(failure), "correct prometheus.url or the query")
        else:
            yield Check(f"prometheus, {query.name}", f"is {value:g} in the last {WITNESS_SECONDS:.0f} s")


def _port(pool: Mapping[str, Any] | None) -> int:
    """The first port of a pool's model servers; one that is not there has none that is asked."""
    return target_ports(pool)[0] if pool else 0
