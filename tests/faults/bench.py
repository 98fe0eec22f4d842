"""Two pools behind one route whose every answer, refusals too, names the pool that the gateway chose for it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from charts import CHARTS, VALUES, Manifest, only, render
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import POOL_HEADER, Completion

STRUCK, OTHER = "pool-old", "pool-new"
FOLLOWED_SECONDS = 2.0
REQUEST_SECONDS = 8  # the route's own limit, so that a hung server is answered for by the gateway, which names the pool
STREAM_TOKENS = 50  # at 20 ms a token a stream lasts a second at most


@dataclass(frozen=True)
class Bench:
    """pool-old, which faults strike, and pool-new, in a namespace and behind a host name of their own."""

    cluster: Cluster
    namespace: str
    failure_mode: str

    @property
    def host(self) -> str:
        """Host name of the route."""
        return f"{self.namespace}.example.com"

    def request(self, *, stream: bool = False) -> Completion:
        """A completion of the adapter: 4 tokens, or a stream of a second at most.

        By its own name: an alias is the EPP's to rewrite, and without one a server answers 404, FailOpen or not.
        """
        tokens = STREAM_TOKENS if stream else 4
        return Completion("food-review-1", max_tokens=tokens, stream=stream, headers={"Host": self.host})

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("--namespace", self.namespace, *arguments, stdin=stdin)

    def helm(self, *arguments: str | Path) -> str:
        return self.cluster.helm("--namespace", self.namespace, *arguments)

    def split(self, percent: int) -> None:
        """Give the struck pool `percent` of the requests, and wait until the gateway can follow."""
        weights = {STRUCK: percent, OTHER: 100 - percent}
        self.kubectl("apply", "--server-side", "--filename=-", stdin=yaml.safe_dump(self._route(weights)))

    def follow(self, percent: int, *, seconds: float = 60) -> None:
        """Wait until the gateway gives the struck pool about `percent`: within 12 of it, four standard deviations."""
        deadline = time.monotonic() + seconds
        while True:
            answers = send(self.cluster.gateway_url, self.request(), Plan(count=200))
            share = 100 * float(np.mean(answers.pool == STRUCK))
            if abs(share - percent) < 12:
                return
            assert time.monotonic() < deadline, f"{share:.0f} % in place of {percent} % after {seconds:g} s"

    def pods(self, component: str, pool: str = STRUCK) -> list[str]:
        """Names of the pool's pods of that component that are not ending."""
        selector = f"app.kubernetes.io/instance={pool},app.kubernetes.io/component={component}"
        pods = json.loads(self.kubectl("get", "pods", f"--selector={selector}", "--output=json"))["items"]
        return [pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def ready(self, *, seconds: int = 120) -> None:
        """Wait until all Deployments of both pools have what they ask for."""
        for name in (STRUCK, f"{STRUCK}-epp", OTHER, f"{OTHER}-epp"):
            self.kubectl("rollout", "status", f"deployment/{name}", f"--timeout={seconds}s")

    def _route(self, weights: Mapping[str, int]) -> Manifest:
        """The chart's route, in which each backend adds a response header that names it."""
        values = {
            "weights": {"new": weights[OTHER]},
            "parentRefs": [{"name": "inference-gateway", "namespace": "default"}],
            "hostnames": [self.host],
            "timeouts": {"request": f"{REQUEST_SECONDS}s"},
        }
        route = only(render("rollout-route", "route", values, namespace=self.namespace), "HTTPRoute")
        for ref in (ref for rule in route["spec"]["rules"] for ref in rule["backendRefs"]):
            header = {"set": [{"name": POOL_HEADER, "value": ref["name"]}]}
            ref["filters"] = [{"type": "ResponseHeaderModifier", "responseHeaderModifier": header}]
        return route


@contextmanager
def bench(cluster: Cluster, failure_mode: str, settings: Mapping[str, Sequence[str]] | None = None) -> Iterator[Bench]:
    """Install both pools, whose servers take 20 ms a token, and the route at 50/50; remove all of it in the end.

    `settings` are further words for helm, by pool.
    """
    made = Bench(cluster, f"faults-{secrets.token_hex(3)}", failure_mode)
    cluster.kubectl("create", "namespace", made.namespace)
    try:
        for name in (STRUCK, OTHER):
            made.helm(
                "install", name, CHARTS / "inferencepool", "--values", VALUES / "pool/kind/simulator.yaml",
                "--set", f"pool.failureMode={failure_mode}",
                "--set", "modelServer.extraArgs={--inter-token-latency,20ms}", "--wait", "--timeout", "3m",
                *(settings or {}).get(name, ()),
            )  # fmt: skip
        made.split(50)
        time.sleep(FOLLOWED_SECONDS)
        yield made
    finally:
        cluster.kubectl("delete", "namespace", made.namespace, "--wait=false")
