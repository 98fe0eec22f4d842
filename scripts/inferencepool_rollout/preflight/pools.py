"""Both pools can serve: there and accepted, with ready pods of their own, and with the same models."""

from __future__ import annotations

from collections.abc import Iterator

from inferencepool_rollout.kube.snapshot import Pod, Pool
from inferencepool_rollout.preflight.check import Check
from inferencepool_rollout.preflight.facts import Facts


def checks(facts: Facts) -> Iterator[Check]:
    """Yield the rows about the pools."""
    if facts.snapshot.route is None:
        return
    for name in (facts.plan.old, facts.plan.new):
        pool = facts.snapshot.pools[name]
        if pool is None:
            remedy = f"helm install {name} charts/inferencepool -f VALUES --namespace {facts.plan.route.namespace}"
            yield Check(f"pool {name}", "there is no such InferencePool", remedy)
        else:
            yield from _ready(name, pool)
            yield _conditions(name, pool)
    yield _own_pods(facts)
    yield _models(facts)
    yield _weights(facts)


def _ready(name: str, pool: Pool) -> Iterator[Check]:
    remedy = f"kubectl --namespace {pool.ref.namespace} describe inferencepool {name}, and the pods that it selects"
    ready = len(pool.serving)
    enough = bool(ready) and ready == len(pool.staying)
    yield Check(f"replicas of {name}", f"{ready} of {len(pool.staying)} ready", "" if enough else remedy)
    picking = sum(pod.serving for pod in pool.pickers)  # of several replicas only the leader is ready
    yield Check(
        f"endpoint picker of {name}", f"{picking} of {len(pool.staying_pickers)} ready", "" if picking else remedy
    )


def _conditions(name: str, pool: Pool) -> Check:
    parents = (pool.manifest.get("status") or {}).get("parents") or []
    bad = [
        f"{(parent.get('parentRef') or {}).get('name')}: {each['type']} is False "
        f"({each.get('message', each.get('reason'))})"
        for parent in parents
        for each in parent.get("conditions") or []
        if each["type"] in ("Accepted", "ResolvedRefs") and each["status"] == "False"
    ]
    accepted = "accepted by its gateway"
    none = "no conditions yet: a gateway writes them once a route refers to the pool"
    return Check(
        f"pool {name}", "; ".join(bad) or (accepted if parents else none), "repair the pool first" if bad else ""
    )


def _own_pods(facts: Facts) -> Check:
    """No pod is a model server of both pools, since then neither weight nor `finish` means anything."""
    shared = facts.snapshot.shared_pods()
    if not shared:
        return Check("pods", "no pod belongs to both pools")
    old, new = facts.plan.old, facts.plan.new
    why = f"{', '.join(shared)} {'is' if len(shared) == 1 else 'are'} selected by both {old} and {new}"
    return Check("pods", why, f"give {new} a selector and pods of its own; `finish` would delete pods that serve both")


def _models(facts: Facts) -> Check:
    """The same adapters and aliases in both pools, on every pod, and the probe's models among what they serve."""
    plan = facts.plan
    pools = {name: pool for name in (plan.old, plan.new) if (pool := facts.snapshot.pools[name])}
    faults = [models for pool in pools.values() for models in pool.models.values() if models.fault]
    if faults:
        locked = (
            "set gateway.headers.Authorization to the key of the pools, and in their releases preview.enabled=true and "
            "preview.hostnames to the route's hostnames"
        )
        other = "allow `get pods/proxy`, and see that the model servers answer /v1/models"
        return Check("models", faults[0].fault, locked if faults[0].locked else other)
    if len(pools) < 2:
        return Check("models", "a pool is missing", "install it first")
    wrong = [text for name, pool in pools.items() for text in _uneven(name, pool)]
    names = {
        name: _adapters(pool) | {f"{alias} -> {to}" for alias, to in _aliases(pool).items()}
        for name, pool in pools.items()
    }
    for text in sorted(names[plan.old] ^ names[plan.new]):
        wrong.append(f"{text} in {plan.old if text in names[plan.old] else plan.new} only")
    if wrong:
        return Check("models", "; ".join(wrong), "make the adapters and aliases of both releases equal")
    offered = {name: _offered(pool) for name, pool in pools.items()}
    missing = [f"{model} in {name}" for name in pools for model in plan.probe.models if model not in offered[name]]
    if missing:
        return Check("models", f"not served: {', '.join(missing)}", "correct probe.models, or the pool")
    return Check("models", f"both pools have {', '.join(sorted(names[plan.new])) or 'no adapters'}")


def _weights(facts: Facts) -> Check:
    """What each pool was asked to load; all pods of a pool load the same."""
    told, uneven = [], []
    for name in (facts.plan.old, facts.plan.new):
        pool = facts.snapshot.pools[name]
        loads = sorted({_loads(pod) for pod in (pool.staying if pool else ())} - {""})
        told.append(f"{name} loads {' and '.join(loads) or 'a model that its arguments do not name'}")
        uneven += [name] if len(loads) > 1 else []
    remedy = f"wait until every pod of {' and '.join(uneven)} is of the same template" if uneven else ""
    return Check("weights", "; ".join(told), remedy)


def _loads(pod: Pod) -> str:
    """A pod's model and revision by its arguments; empty where they name none."""
    if not pod.model:
        return ""
    return f"{pod.model} at revision {pod.revision}" if pod.revision else f"{pod.model}, no revision pinned"


def _uneven(name: str, pool: Pool) -> Iterator[str]:
    """Adapters that some of a pool's pods lack, each with these pods."""
    every = {adapter for models in pool.models.values() for adapter in models.adapters}
    for adapter in sorted(every):
        lacking = [pod for pod, models in pool.models.items() if adapter not in models.adapters]
        if lacking:
            yield f"{adapter} is missing on {', '.join(lacking)} of {name}"


def _adapters(pool: Pool) -> set[str]:
    listed = [models.adapters for models in pool.models.values()]
    return set(frozenset.intersection(*listed)) if listed else set()


def _aliases(pool: Pool) -> dict[str, str]:
    """The aliases of a pool, by what they lead to; SGLang knows an adapter as base:adapter, not by its name alone."""
    known = {
        f"{base}:{adapter}": adapter
        for models in pool.models.values()
        for base in models.base
        for adapter in models.adapters
    }
    found = {alias: ", ".join(known.get(to, to) for to in each.split(", ")) for alias, each in pool.aliases.items()}
    return {alias: to for alias, to in found.items() if alias != to}


def _offered(pool: Pool) -> set[str]:
    """The names that every pod of a pool answers to."""
    bases = [models.base for models in pool.models.values()]
    return (set(frozenset.intersection(*bases)) if bases else set()) | _adapters(pool) | set(pool.aliases)
