"""Prometheus checks: the values of the plan's queries about the users' own requests while a step is observed.

A query's value comes without the number of requests behind it, so no alpha can be promised. A value above `accept`
is a violation only once it has been so for as long as the query's `lasting`; one that is not known keeps a step open.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, field
from string import Template
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from inferencepool_rollout.evidence.decision import Finding, State
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.plan.users import Prometheus, Query, names

TIMEOUT_SECONDS = 10
EVERY_SECONDS = 5.0


def ask(prometheus: Prometheus, query: str) -> float:
    """Return the value of a query now, NaN where it has none (no series, or 0/0).

    Raises Failure if Prometheus does not answer, refuses the query, or gives more than one series.
    The answer's form is that of the instant queries of https://prometheus.io/docs/prometheus/latest/querying/api/.
    """
    url = f"{prometheus.url.rstrip('/')}/api/v1/query?{urlencode({'query': query})}"
    try:
        with urlopen(Request(url, headers=dict(prometheus.headers)), timeout=TIMEOUT_SECONDS) as answer:
            data = json.load(answer)["data"]
            kind, result = data["resultType"], data["result"]
            samples = {"scalar": [result], "vector": [each.get("value") for each in result if kind == "vector"]}[kind]
            if len(samples) > 1:
                raise Failure(
                    f"{query} gives {len(samples)} series instead of 1; aggregate them, for example with sum()"
                )
            return float(samples[0][1]) if samples else math.nan
    except HTTPError as error:
        raise Failure(f"Prometheus refuses {query}: {_reason(error)}") from None
    except (URLError, OSError) as error:
        raise Failure(f"Prometheus at {prometheus.url} does not answer: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure(
            f"{prometheus.url} did not return a Prometheus query result ({error!r}); prometheus.url must be the base "
            "address, without /api"
        ) from None


def filled(plan: Plan, query: Query, seconds: float) -> str:
    """Return a query with its names filled in; `seconds` is the length of the observation window (1 s at least)."""
    window = f"{max(1, math.ceil(seconds))}s"
    return Template(query.query).substitute(names(plan.old, plan.new, plan.route.namespace, window))


@dataclass
class Watch:
    """The queries of a plan while one step is observed; they are asked every EVERY_SECONDS."""

    plan: Plan
    _asked: float = -math.inf
    _above: dict[str, float] = field(default_factory=dict)
    _findings: tuple[Finding, ...] = ()

    def findings(self, seconds: float) -> tuple[Finding, ...]:
        """Return what is known of each query, `seconds` after the gateway followed."""
        prometheus, now = self.plan.prometheus, time.monotonic()
        if prometheus and now - self._asked >= EVERY_SECONDS:
            self._asked = now
            values = {each.name: _value(prometheus, filled(self.plan, each, seconds)) for each in prometheus.queries}
            self._findings = tuple(self._judged(each, values[each.name], now) for each in prometheus.queries)
        return self._findings

    def _judged(self, query: Query, value: float, now: float) -> Finding:
        if value > query.accept:
            since = self._above.setdefault(query.name, now)
            state = State.VIOLATED if now - since >= query.lasting else State.OPEN
        else:
            self._above.pop(query.name, None)
            state = State.OPEN if math.isnan(value) else State.KEPT
        return Finding(query.name, value, value, value, query.accept, query.accept, state, query.unit)


def _value(prometheus: Prometheus, query: str) -> float:
    """The value, NaN too where Prometheus does not answer: a step whose queries have no value is held in the end."""
    try:
        return ask(prometheus, query)
    except Failure:
        return math.nan


def _reason(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"
