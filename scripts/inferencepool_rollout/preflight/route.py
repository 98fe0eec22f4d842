"""The route is there, accepted, as Helm rendered it, and the probe's requests meet it and no other route."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.evidence.probe import streams
from inferencepool_rollout.kube.cohort import header, is_cohort
from inferencepool_rollout.kube.matching import attached, met, with_hostname
from inferencepool_rollout.kube.route import Route
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts, request_of


def checks(facts: Facts) -> Iterator[Check]:
    """Yield the rows about the route."""
    plan, route = facts.plan, facts.snapshot.route
    if route is None:
        remedy = f"helm install {plan.route.release} {plan.route.chart} --namespace {plan.route.namespace}"
        yield Check("route", f"there is no HTTPRoute {plan.route.release} in namespace {plan.route.namespace}", remedy)
        return
    yield _accepted(route)
    if facts.rendered:
        yield _drift(route, facts.rendered)
    yield _precedence(facts, route)


def _accepted(route: Route) -> Check:
    if route.followed:
        return Check("route", "accepted by its gateway as it is")
    why = "; ".join(route.complaints()) or "no gateway has taken it up"
    return Check("route", why, "correct the route's parentRefs, or the gateway's allowedRoutes")


def _drift(route: Route, rendered: Route) -> Check:
    """The live spec is what the last revision rendered: rules, parentRefs and hostnames."""
    differ = [
        key
        for key in ("parentRefs", "hostnames", "rules")
        if (route.spec.get(key) or []) != (rendered.spec.get(key) or [])
    ]
    if not differ:
        return Check("drift", "the live route is what Helm's manifest says")
    remedy = (
        "set the live state in the release's values to keep it, or overwrite it "
        "(charts/rollout-route/README.md, After a hand edit)"
    )
    return Check("drift", f"somebody changed {', '.join(differ)} of the live route by hand: {route.split()}", remedy)


def _precedence(facts: Facts, route: Route) -> Check:
    """By Gateway API's precedence the probe's requests meet this route, and those with a pool's headers that pool."""
    routes = {(each.namespace, each.name): each for each in facts.snapshot.routes}
    routes[route.namespace, route.name] = route
    wrong = []
    for stream in streams(facts.plan):
        request = request_of(facts.plan, stream.request.headers)
        found = met(request, routes.values(), attached(route))
        if found is None:
            owners = with_hostname(request.host, routes.values(), attached(route))
            names = " and ".join(sorted(f"HTTPRoute {each.namespace}/{each.name}" for each in owners))
            why = f": {names} alone answer that hostname, and no rule of theirs fits" if owners else ""
            wrong.append(f"no route answers {request.host}{request.path} ({stream.name}){why}")
        elif not stream.pool and found.route.uid != route.uid:
            wrong.append(f"HTTPRoute {found.route.namespace}/{found.route.name} takes {request.host}{request.path}")
        elif not stream.pool and is_cohort(found.rule):
            return Check(
                "precedence",
                f"the probe's requests carry an id in the header {header(found.rule)}, so one pool answers them all",
                f"take {header(found.rule)} out of gateway.headers: a probe without an id is split by the weights",
            )
        elif stream.pool:
            name = facts.plan.old if stream.pool == "old" else facts.plan.new
            leads = {found.route.reference(ref).name for ref in found.rule.get("backendRefs") or []}
            if leads != {name}:
                wrong.append(
                    f"requests with the headers of probe.to{stream.pool.capitalize()} meet HTTPRoute "
                    f"{found.route.namespace}/{found.route.name}, which leads to {', '.join(sorted(leads))}"
                )
    if wrong:
        remedy = (
            "the more specific route wins before headers are compared: give the pools' preview the very hostnames "
            "and paths of the route, use the route's `canary`, or remove the other route (the Gateway's allowedRoutes "
            "keep such out)"
        )
        return Check("precedence", "; ".join(dict.fromkeys(wrong)), remedy)
    scope = (
        "" if facts.snapshot.everywhere else f" (routes of namespace {route.namespace} only: others may not be read)"
    )
    return Check("precedence", f"the probe's requests meet this route{scope}")
