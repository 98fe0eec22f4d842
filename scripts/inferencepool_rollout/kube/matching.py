"""Which rule of which HTTPRoute a request meets, by the precedence that Gateway API prescribes.

Source: Gateway API v1, HTTPRouteRule.matches and HTTPRouteSpec.hostnames: the most specific hostname wins, then an
exact path, the longest prefix, a method, the most headers, the most query parameters, the oldest route, and the first
by namespace and name. What an implementation decides for itself is taken for a match, so that a route which may win is
named: a path's regular expression always, as more specific than a prefix; a header's where it is found in the value.

A request that meets no rule of the routes with the most specific hostname gets 404: Envoy, and so Istio and most other
gateways, choose a virtual host by its name alone and do not fall back to routes with a wildcard or without hostnames.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from inferencepool_rollout.kube.client import Manifest
from inferencepool_rollout.kube.route import Route


@dataclass(frozen=True)
class Request:
    """A request as a gateway sees it."""

    host: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"


@dataclass(frozen=True)
class Met:
    """The rule that answers a request."""

    route: Route
    rule: Manifest


Rank = tuple[int, int, int, int, int, int]


def met(request: Request, routes: Iterable[Route], gateways: Sequence[tuple[str, str]]) -> Met | None:
    """Return the rule that answers a request at one of the `gateways` (namespace, name); None if no route does."""
    found: list[tuple[Rank, str, str, str, int, Met]] = []
    for route in with_hostname(request.host, routes, gateways):
        for number, rule in enumerate(route.spec.get("rules") or []):
            ranks = [rank for match in rule.get("matches") or [{}] if (rank := _rank(request, match))]
            if ranks:
                made = str(route.manifest["metadata"].get("creationTimestamp", ""))
                found.append((max(ranks), made, route.namespace, route.name, number, Met(route, rule)))
    if not found:
        return None
    highest = max(each[0] for each in found)
    return min((each for each in found if each[0] == highest), key=lambda each: each[1:5])[5]


def with_hostname(host: str, routes: Iterable[Route], gateways: Sequence[tuple[str, str]]) -> list[Route]:
    """Return the routes with the most specific hostname that fits, which alone answer requests to that host."""
    ranked = [(_host_rank(host, each.hostnames), each) for each in routes if set(attached(each)) & set(gateways)]
    highest = max((rank for rank, _ in ranked), default=0)
    return [each for rank, each in ranked if rank == highest > 0]


def attached(route: Route) -> list[tuple[str, str]]:
    """Return namespace and name of the Gateways that a route wants to be served by."""
    return [
        (str(ref.get("namespace") or route.namespace), str(ref["name"]))
        for ref in route.spec.get("parentRefs") or []
        if ref.get("kind", "Gateway") == "Gateway"
    ]


def _host_rank(host: str, hostnames: Sequence[str]) -> int:
    """How specific the best hostname is that a host fits: 0 if none does, 1 where the route names none."""
    if not hostnames:
        return 1
    name = host.partition(":")[0].lower()
    ranks = [0]
    for each in hostnames:
        wanted = each.lower()
        if wanted == name:
            ranks.append(1_000_000)
        elif wanted.startswith("*.") and name.endswith(wanted[1:]) and len(name) > len(wanted) - 1:
            ranks.append(1 + len(wanted))
    return max(ranks)


def _rank(request: Request, match: Manifest) -> Rank | None:
    """How specific a match is (exact, regex, prefix, method, headers, query); None if the request does not fit."""
    path = {"type": "PathPrefix", "value": "/", **(match.get("path") or {})}
    kind, value = path["type"], path["value"]
    if kind == "Exact" and request.path != value:
        return None
    if kind == "PathPrefix" and not _below(request.path, value):
        return None
    if match.get("method") not in (None, request.method):
        return None
    headers = {name.lower(): text for name, text in request.headers.items()}
    for header in match.get("headers") or []:
        given = headers.get(header["name"].lower())
        if given is None or not _fits(header, given):
            return None
    if match.get("queryParams"):
        return None  # the probe sends none
    return (
        int(kind == "Exact"), int(kind == "RegularExpression"), len(value) if kind == "PathPrefix" else 0,
        int("method" in match), len(match.get("headers") or []), 0,
    )  # fmt: skip


def _fits(header: Manifest, given: str) -> bool:
    """Whether a header's value fits its match; what Python cannot read as a regular expression may fit."""
    if header.get("type", "Exact") == "Exact":
        return bool(given == header["value"])
    try:
        return re.search(header["value"], given) is not None
    except re.error:
        return True


def _below(path: str, prefix: str) -> bool:
    """Whether a path is the prefix or lies below it, element by element."""
    wanted = prefix.rstrip("/")
    return path == wanted or path.startswith(f"{wanted}/")
