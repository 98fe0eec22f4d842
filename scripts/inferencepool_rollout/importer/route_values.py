"""The values of charts/rollout-route by which a release renders a live HTTPRoute as it stands."""

from __future__ import annotations

from typing import Any

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.importer.objects import Manifest
from inferencepool_rollout.kube.apis import POOL_GROUP

KEPT = ("timeouts", "retry", "sessionPersistence")
HEADERS = {"RequestHeaderModifier": "requestHeaders", "ResponseHeaderModifier": "responseHeaders"}
Values = dict[str, Any]


def pool_refs(route: Manifest) -> list[Manifest]:
    """Return the backendRefs that all rules of a route share; raises Failure if they are not pools, or not shared."""
    name = route["metadata"]["name"]
    rules = route["spec"].get("rules") or [{}]
    shared: list[Manifest] = rules[0].get("backendRefs") or []
    if any((rule.get("backendRefs") or []) != shared for rule in rules):
        raise Failure(
            f"the rules of HTTPRoute {name} have different backendRefs; the chart's rules share theirs, so split "
            "the route first"
        )
    others = [f"{ref.get('kind', 'Service')} {ref['name']}" for ref in shared if ref.get("kind") != "InferencePool"]
    if others or not shared:
        raise Failure(
            f"HTTPRoute {name} leads to {', '.join(others) or 'nothing'}; the chart's leads to InferencePools"
        )
    return shared


def route_values(route: Manifest) -> Values:
    """Return the values of a route; raises Failure that names what the chart can't say."""
    name, spec = route["metadata"]["name"], route["spec"]
    refs = pool_refs(route)
    backends = [_backend(index, ref) for index, ref in enumerate(refs)]
    names = {ref["name"]: backend["name"] for ref, backend in zip(refs, backends, strict=True)}
    if len(backends) == 1:
        backends.append({**backends[0], "name": "new", "pool": f"{refs[0]['name']}-new"})
    values: Values = {
        "parentRefs": parent_refs(route),
        "backends": backends,
        "weights": _weights(name, refs, names),
        "rules": [_rule(name, rule, index, names) for index, rule in enumerate(spec["rules"])],
        "poolHeader": _pool_header(route, refs),
    }
    if hostnames := spec.get("hostnames"):
        values["hostnames"] = hostnames
    if any(ref.get("weight", 1) == 0 for ref in refs):
        values["keepIdleBackend"] = True
    return values


def parent_refs(route: Manifest) -> list[Manifest]:
    """Return the parentRefs of a route without the defaults; raises Failure for one that is no Gateway."""
    refs = route["spec"].get("parentRefs", [])
    if any(ref.get("kind", "Gateway") != "Gateway" for ref in refs):
        raise Failure(
            f"HTTPRoute {route['metadata']['name']} has a parent that is no Gateway, which the chart cannot express"
        )
    return [{key: value for key, value in ref.items() if key not in ("group", "kind")} for ref in refs]


def _backend(index: int, ref: Manifest) -> Values:
    name = ("old", "new")[index] if index < 2 else f"new-{index}"
    group = {"group": ref["group"]} if ref.get("group", "") != POOL_GROUP else {}
    namespace = {"namespace": ref["namespace"]} if ref.get("namespace") else {}
    return {"name": name, "pool": ref["name"], **namespace, **group}


def _pool_header(route: Manifest, refs: list[Manifest]) -> str:
    """The header in which filters of the backendRefs name their pool, as the chart's do; empty without filters."""
    name, namespace = route["metadata"]["name"], route["metadata"].get("namespace", "default")
    headers = {_marked_in(ref, namespace) for ref in refs}
    if len(headers) > 1 or None in headers:
        raise Failure(
            f"HTTPRoute {name} has filters in its backendRefs, which the chart cannot express: it has one there, or "
            "none, that sets the same response header of every pool to the pool's namespace/name"
        )
    return next(iter(headers)) or ""


def _marked_in(ref: Manifest, namespace: str) -> str | None:
    """The header that a backendRef sets to its pool's namespace/name, empty without filters; None for other filters."""
    match ref.get("filters") or []:
        case []:
            return ""
        case [{"type": "ResponseHeaderModifier", "responseHeaderModifier": {"set": [{"name": name, "value": value}]}}]:
            pool = f"{ref.get('namespace') or namespace}/{ref['name']}"
            return str(name) if value == pool else None
    return None


def _weights(route: str, refs: list[Manifest], names: dict[str, str]) -> dict[str, int]:
    """Whole percents of all backends but the first; a ratio that is none can't be kept."""
    weights = {names[ref["name"]]: int(ref.get("weight", 1)) for ref in refs}
    total = sum(weights.values())
    if not total or any(100 * weight % total for weight in weights.values()):
        said = ", ".join(f"{ref['name']} {ref.get('weight', 1)}" for ref in refs)
        raise Failure(f"the weights of HTTPRoute {route} ({said}) are not whole percents; change them first")
    percents = {name: 100 * weight // total for name, weight in weights.items()}
    return {"new": 0, **{name: percent for name, percent in percents.items() if name != "old"}}


def _rule(route: str, rule: Manifest, index: int, names: dict[str, str]) -> Values:
    known = {"name", "matches", "backendRefs", "filters", *KEPT}
    if further := sorted(rule.keys() - known):
        raise Failure(f"HTTPRoute {route} has {', '.join(further)} in a rule, which the chart cannot express")
    matches = [{"path": {"type": "PathPrefix", "value": "/"}, **match} for match in rule.get("matches") or [{}]]
    values: Values = {"name": "all" if index == 0 else f"rule-{index}", "matches": matches}
    for each in rule.get("filters", []):
        values |= _filter(route, each, names)
    return {**values, **{key: rule[key] for key in KEPT if rule.get(key)}}


def _filter(route: str, each: Manifest, names: dict[str, str]) -> Values:
    kind = each["type"]
    if kind in HEADERS:
        return {HEADERS[kind]: each[kind[0].lower() + kind[1:]]}
    mirror = each.get("requestMirror", {})
    if kind == "RequestMirror" and mirror["backendRef"]["name"] in names and "fraction" not in mirror:
        return {"mirror": {"backend": names[mirror["backendRef"]["name"]], "percent": mirror.get("percent", 100)}}
    raise Failure(f"HTTPRoute {route} has a filter {kind}, which the chart cannot express")
