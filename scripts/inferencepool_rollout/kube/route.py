"""What an HTTPRoute says: its split by pool, and what its gateways say of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inferencepool_rollout.kube import cohort
from inferencepool_rollout.kube.apis import POOL_GROUP
from inferencepool_rollout.kube.client import Manifest

CANARY = ".canary-"
"""Stands in the name of a rule by which testers reach one pool at any weight."""


@dataclass(frozen=True)
class PoolRef:
    """An InferencePool that a route refers to."""

    namespace: str
    name: str
    group: str = POOL_GROUP

    def __str__(self) -> str:
        of = "" if self.group == POOL_GROUP else f" of {self.group}"
        return f"{self.namespace}/{self.name}{of}"


@dataclass(frozen=True)
class Route:
    """A live HTTPRoute."""

    manifest: Manifest

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.manifest["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace."""
        return str(self.manifest["metadata"].get("namespace", "default"))

    @property
    def uid(self) -> str:
        """Its unique id: another one after it was deleted and made anew."""
        return str(self.manifest["metadata"].get("uid", ""))

    @property
    def generation(self) -> int:
        """How often its spec was written."""
        return int(self.manifest["metadata"].get("generation", 0))

    @property
    def release(self) -> tuple[str, str]:
        """Namespace and name of the Helm release that owns it, as Helm's annotations say; empty without one."""
        annotations = self.manifest["metadata"].get("annotations") or {}
        kinds = ("meta.helm.sh/release-namespace", "meta.helm.sh/release-name")
        namespace, name = (str(annotations.get(kind, "")) for kind in kinds)
        return namespace, name

    @property
    def spec(self) -> Mapping[str, Any]:
        """Its spec."""
        return dict(self.manifest.get("spec") or {})

    @property
    def hostnames(self) -> Sequence[str]:
        """The host names that it answers to; none: all of its listeners'."""
        return list(self.spec.get("hostnames") or [])

    @property
    def weighted(self) -> list[Manifest]:
        """The rules that split requests, by weight or by an id: all but those for testers."""
        return [rule for rule in self.spec.get("rules") or [] if CANARY not in rule.get("name", "")]

    def shares(self) -> list[dict[PoolRef, float]]:
        """Return the share (0 to 1) of each backend in every weighted rule; empty for a rule without any weight.

        The cohort rules of one rule count as one: the ids that lead to each backend, in the whole percents of which the
        chart makes buckets.
        """
        ids: dict[str, dict[PoolRef, float]] = {}
        found = []
        for rule in self.weighted:
            shares = self._shares(rule)
            if not cohort.is_cohort(rule):
                found.append(shares)
                continue
            together = ids.setdefault(cohort.split_of(rule), {})
            part = len(cohort.buckets(rule)) / cohort.BUCKETS
            for pool, share in shares.items():
                together[pool] = together.get(pool, 0) + share * part
        return found + [{pool: round(share, 2) for pool, share in shares.items()} for shares in ids.values()]

    def _shares(self, rule: Manifest) -> dict[PoolRef, float]:
        """The share (0 to 1) of each backend of one rule; empty without any weight."""
        weights: dict[PoolRef, float] = {}
        for ref in rule.get("backendRefs") or []:
            pool = self.reference(ref)
            weights[pool] = weights.get(pool, 0) + float(ref.get("weight", 1))
        total = sum(weights.values())
        return {pool: weight / total for pool, weight in weights.items()} if total else {}

    def reference(self, ref: Manifest) -> PoolRef:
        """Return the pool that a backendRef names; a Service is one of the empty group."""
        return PoolRef(ref.get("namespace") or self.namespace, str(ref.get("name", "")), ref.get("group", ""))

    def percent(self, pool: PoolRef) -> float:
        """Return the percent of the requests that a pool gets, the largest where rules differ."""
        return round(max((100 * shares.get(pool, 0.0) for shares in self.shares()), default=0.0), 6)

    def least(self, pool: PoolRef) -> float:
        """Return the percent of the requests that a pool gets, the smallest where rules differ."""
        return round(min((100 * shares.get(pool, 0.0) for shares in self.shares()), default=0.0), 6)

    def gives_all_to(self, pool: PoolRef) -> bool:
        """Tell whether every weighted rule leads to that pool alone."""
        return self.least(pool) == 100

    def split(self) -> str:
        """Return the split in words, for example `90 % default/pool-old, 10 % default/pool-new`."""
        texts = {
            ", ".join(f"{100 * share:g} % {pool}" for pool, share in shares.items()) or "no backend has weight"
            for shares in self.shares()
        }
        return " | ".join(sorted(texts)) or "it has no rules"

    @property
    def parents(self) -> Sequence[Manifest]:
        """What each gateway says of it."""
        return list((self.manifest.get("status") or {}).get("parents") or [])

    @property
    def followed(self) -> bool:
        """Whether every gateway has accepted the route as it is now, all references resolved."""
        return bool(self.parents) and not self.complaints()

    def complaints(self) -> list[str]:
        """Return what its gateways have not accepted yet, or refuse."""
        found = []
        for parent in self.parents:
            states = {each["type"]: each for each in parent.get("conditions") or []}
            for kind in ("Accepted", "ResolvedRefs"):
                state = states.get(kind, {})
                if state.get("status") != "True" or state.get("observedGeneration") != self.generation:
                    why = state.get("message") or "not reported yet"
                    found.append(f"Gateway {parent['parentRef']['name']}: {kind} is {state.get('status')} ({why})")
        return found

    def refers_to(self, pool: PoolRef) -> bool:
        """Tell whether it refers to a pool anywhere, in mirrors and in testers' rules too."""
        return any(self.reference(ref) == pool for ref in _references(self.spec))


def _references(value: Any) -> Iterator[Manifest]:
    """All references of kind InferencePool in a spec."""
    if isinstance(value, dict):
        if value.get("kind") == "InferencePool" and "name" in value:
            yield value
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)
