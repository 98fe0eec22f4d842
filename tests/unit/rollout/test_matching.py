"""A request meets the rule that Gateway API's precedence says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from inferencepool_rollout.kube.matching import Request, met
from inferencepool_rollout.kube.route import Route
from unit.rollout.live_routes import GATEWAY, route, rule

OURS = route(rule({"pool-old": 100}))
HEADER = {"name": "x-inferencepool", "type": "Exact", "value": "default/pool-new"}


def winner(*routes: Route, host: str = "llm.example.com", **headers: str) -> str:
    """Name of the route that answers POST /v1/completions."""
    request = Request(host, "/v1/completions", headers)
    found = met(request, routes, [("default", GATEWAY)])
    return found.route.name if found else ""


def other(
    hostnames: Sequence[str] = (), made: str = "2026-11-02T00:00:00Z", gateway: str = GATEWAY, **match: Any
) -> Route:
    """A younger route of somebody else, which would win a tie by its name."""
    return route(rule({"pool-x": 100}, **match), name="a", hostnames=hostnames, made=made, gateway=gateway)


def path(kind: str, value: str) -> dict[str, str]:
    return {"type": kind, "value": value}


@pytest.mark.parametrize(
    "theirs",
    [
        other(path=path("PathPrefix", "/v1")),
        other(path=path("Exact", "/v1/completions")),
        other(path=path("RegularExpression", ".*")),
        other(path=path("PathPrefix", "/"), method="POST"),
        other(path=path("PathPrefix", "/"), headers=[HEADER]),
        other(hostnames=["llm.example.com"]),
        other(hostnames=["*.example.com"]),
        other(made="2026-10-01T00:00:00Z"),
    ],
)
def test_the_more_specific_or_older_route_wins(theirs: Route) -> None:
    assert winner(OURS, theirs, **{"x-inferencepool": "default/pool-new"}) == "a"


@pytest.mark.parametrize(
    "theirs",
    [
        other(path=path("PathPrefix", "/v2")),
        other(path=path("PathPrefix", "/v1/comp")),
        other(path=path("Exact", "/v1/completions/")),
        other(path=path("PathPrefix", "/v1"), method="GET"),
        other(path=path("PathPrefix", "/v1"), headers=[HEADER]),
        other(path=path("PathPrefix", "/v1"), queryParams=[{"name": "a", "value": "b"}]),
        other(hostnames=["other.example.com"]),
        other(hostnames=["*.llm.example.com"]),
        other(path=path("PathPrefix", "/v1"), gateway="another-gateway"),
        other(),
    ],
)
def test_a_route_that_does_not_fit_or_is_younger_takes_nothing(theirs: Route) -> None:
    assert winner(OURS, theirs) == "route"


def test_a_hostname_wins_before_headers_are_compared() -> None:
    """Why a preview route without hostnames is never reached beside a main route that has some."""
    main = route(rule({"pool-old": 100}), hostnames=["llm.example.com"])
    preview = route(rule({"pool-new": 1}, headers=[HEADER]), name="pool-new-preview")
    asked = {"x-inferencepool": "default/pool-new"}
    assert winner(main, preview, **asked) == "route"
    with_host = route(rule({"pool-new": 1}, headers=[HEADER]), name="pool-new-preview", hostnames=["llm.example.com"])
    assert winner(main, with_host, **asked) == "pool-new-preview"


def test_header_names_have_no_case_and_a_host_has_no_port() -> None:
    main = route(rule({"pool-old": 100}), hostnames=["LLM.example.com"])
    preview = route(rule({"pool-new": 1}, headers=[HEADER]), name="preview", hostnames=["llm.example.com"])
    assert winner(main, preview, host="llm.EXAMPLE.com:8080", **{"X-InferencePool": "default/pool-new"}) == "preview"


def test_without_a_route_for_the_host_nothing_answers() -> None:
    assert winner(route(rule({"pool-old": 1}), hostnames=["other.example.com"])) == ""


def test_a_hostname_keeps_requests_that_meet_no_rule_of_its_routes() -> None:
    """A gateway of Envoy answers 404, so a preview with a hostname that the main route lacks takes users' requests."""
    preview = route(rule({"pool-new": 1}, headers=[HEADER]), name="preview", hostnames=["llm.example.com"])
    assert winner(OURS, preview) == ""
    assert winner(OURS, preview, host="other.example.com") == "route"
    assert winner(OURS, preview, **{"x-inferencepool": "default/pool-new"}) == "preview"
