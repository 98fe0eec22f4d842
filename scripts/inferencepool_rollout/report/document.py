"""A rollout as JSON for machines; report.schema.json says what each key is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from inferencepool_rollout.report.data import POOLS, Look, Lost, Report


def document(report: Report) -> dict[str, Any]:
    """Return the document; what is not known is NaN, which run_log.json_text writes as null."""
    plan = report.plan
    return {
        "route": {"release": plan.route.release, "namespace": plan.route.namespace},
        "cluster": {"server": report.cluster, "context": report.context, "gateway": plan.gateway.url},
        "pools": {pool: report.name(pool) for pool in POOLS},
        "stacks": {report.name(pool): report.pools.get(report.name(pool), {}) for pool in POOLS},
        "alpha": plan.alpha,
        "power": plan.power,
        "outcome": report.outcome,
        "why": report.why,
        "percent": report.weights[-1][1] if report.weights else None,
        "began": report.began,
        "ended": report.ended,
        "steps": [_step(look) for look in report.looks],
        "answers": [asdict(gate) for gate in report.answers],
        "events": [asdict(line) for line in report.lines],
    }


def _step(look: Look) -> dict[str, Any]:
    new = int((look.split.pool == "new").sum())
    return {
        "percent": look.percent,
        "command": look.command,
        "began": look.began,
        "followed": look.since,
        "ended": look.ended,
        "action": look.action,
        "why": look.why,
        "requests": look.seen.requests,
        "lost": [_lost(each) for each in look.lost],
        "split": {
            "old": look.split.requests - new, "new": new,
            "share": look.share.share, "low": look.share.low, "high": look.share.high,
        },
        "picks": {pool: look.picks.get(pool) for pool in POOLS},
        "users": look.users,
        "capacity": look.capacity and {key: value for key, value in look.capacity.items() if key != "rungs"},
        "objectives": [asdict(finding) for finding in look.findings],
        "latency": [{**asdict(each), "ratio": each.ratio} for each in look.latencies()],
    }  # fmt: skip


def _lost(each: Lost) -> Mapping[str, Any]:
    return {"pool": each.pool or None, "reason": each.reason, "requests": each.requests}
