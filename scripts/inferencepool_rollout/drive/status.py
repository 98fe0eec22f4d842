"""Where a rollout stands, for people and for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from inferencepool_rollout.drive.lease import Lease
from inferencepool_rollout.drive.movers import Mover
from inferencepool_rollout.drive.position import following, pool_refs, position
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube import cohort
from inferencepool_rollout.kube.client import Client
from inferencepool_rollout.kube.helm import Helm
from inferencepool_rollout.kube.snapshot import Snapshot, read_snapshot
from inferencepool_rollout.plan.plan import Plan
from inferencepool_rollout.rows import print_rows
from inferencepool_rollout.scaling.schedule import Limits

REVISIONS = 5
OF = ("staying", "serving")


def status(plan: Plan, client: Client, mover: Mover, helm: Helm, lease: Lease) -> dict[str, Any]:
    """Return where the rollout stands, by the live route; raises Failure where the cluster cannot be asked."""
    snapshot = read_snapshot(client, plan.route.namespace, plan.route.release, (plan.old, plan.new))
    route = snapshot.route
    if route is None:
        raise Failure(f"there is no HTTPRoute {plan.route.namespace}/{plan.route.release}")
    at = position(plan, route, mover.record())
    step = following(plan, at)
    return {
        "percent": at.percent,
        "next": at.next,
        "why": at.why,
        "nextPercent": step.percent if step else None,
        "nextNeedsApproval": bool(step and step.approve),
        "live": {str(ref): 100 * share for ref, share in (route.shares() or [{}])[0].items()},
        "cohort": next((cohort.header(rule) for rule in route.weighted if cohort.is_cohort(rule)), ""),
        "newPool": str(pool_refs(plan, route)[1]),
        "followed": route.followed,
        "pods": {
            name: {
                "model-server": [pod.serving for pod in (pool.staying if pool else ())],
                "epp": [pod.serving for pod in (pool.staying_pickers if pool else ())],
            }
            for name, pool in snapshot.pools.items()
        },
        "capacity": _capacity(plan, at.percent, snapshot),
        "driver": lease.living_holder(),
        "hold": lease.on_hold(),
        "history": [asdict(each) for each in helm.history(plan.route.release)],
    }


def _capacity(plan: Plan, percent: float, snapshot: Snapshot) -> dict[str, Any] | None:
    """What both pools use and can carry, for a plan that scales them."""
    if plan.capacity is None or plan.capacity.scaling is None:
        return None
    limits = Limits.of(plan.capacity)
    staying, serving = ([len(getattr(snapshot.pools[name], of, ())) for name in (plan.old, plan.new)] for of in OF)
    in_accelerators = plan.capacity.scaling.surge.accelerators is not None
    return {
        "unit": "accelerators" if in_accelerators else "replicas", "used": limits.used(*staying), "most": limits.most,
        "headroom": limits.headroom(percent, *serving) - 1,
    }  # fmt: skip


def _carried(found: dict[str, Any]) -> str:
    spare = f"{100 * found['headroom']:.0f} %"
    return f"{found['used']} of {found['most']} {found['unit']} in use; headroom over the peak {spare}"


def print_status(console: Console, seen: dict[str, Any]) -> None:
    """Print a status."""
    print_rows(console, rows(seen))


def rows(seen: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return a status as names and sentences, for people."""
    next_percent = f"{seen['nextPercent']} %" if seen["nextPercent"] else "finish"
    needs = ", which needs an approval: rollout promote" if seen["nextNeedsApproval"] else ""
    live = ", ".join(f"{share:g} % {pool}" for pool, share in seen["live"].items())
    by_id = f"; by the id in {seen['cohort']}, where a request has one" if seen["cohort"] else ""
    return [
        ("new pool", f"{seen['percent']:g} %, next {next_percent} ({seen['next']}){needs}"),
        *([("but", seen["why"])] if seen["why"] else []),
        ("live route", f"{live}{by_id}; {'accepted' if seen['followed'] else 'not accepted yet'} by its gateways"),
        *(
            (release, ", ".join(f"{name} {sum(up)}/{len(up)} ready" for name, up in parts.items()))
            for release, parts in seen["pods"].items()
        ),
        *([("capacity", _carried(seen["capacity"]))] if seen["capacity"] else []),
        ("driver", seen["driver"] or "none"),
        ("hold", seen["hold"] or "no"),
        *(
            (f"revision {each['number']}", f"{each['status']}: {each['description']}")
            for each in seen["history"][-REVISIONS:]
        ),
    ]
