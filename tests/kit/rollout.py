"""The driver on a real cluster: pools of all kinds in a namespace, a route to one of them, and a plan."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.drive.lease import LASTS_SECONDS
from kit import pools
from kit.charts import CHARTS, ROOT
from kit.namespace import Namespace, new_namespace
from kit.wait import FOLLOWED_SECONDS, wait_until

PLAN = """\
route: {{namespace: {namespace}, chart: {chart}}}
pools: {{old: {old}, new: {new}}}
gateway: {{url: "{url}", headers: {headers}}}
probe: {{models: [food-review], rate: {rate}{preview}{probe}}}
steps:
{steps}
objectives:
  errorRate: {{accept: 0.02, detect: 0.2, burst: 1}}
{latency}
{answers}
decision: {{alpha: 0.05, power: 0.9, earliest: 0s}}
{more}
"""
ANSWERS = """\
  quality: {passRate: {accept: 0.02, detect: 0.1}, agreement: {accept: 0.05, detect: 0.2}}
quality: {prompts: prompts.jsonl}"""
LATENCY = "  latency: [{metric: ttft, percentile: 50, accept: 2, detect: 20}]"
STEPS = (10, 50, 100)
# A busy machine answers a probe late, and a pool of one pod then answers 503: no fault of the driver's.
PATIENT = {
    "modelServer.replicas": 1,
    "modelServer.readinessProbe.timeoutSeconds": 20,
    "modelServer.livenessProbe.timeoutSeconds": 20,
}
LOGGED = ("run", "quality", "profile", "promote", "rollback", "report", "finish", "serve")
SECONDS = 240
WIDE = {"COLUMNS": "400"}  # a terminal that is wide enough for the driver's tables
POOLS = {  # the simulator's arguments, as some pools have them
    "pool-old": (),
    "pool-new": (),
    "pool-bad": ("--failure-injection-rate", "33", "--failure-types", "server_error"),
    "pool-echo": ("--mode", "echo"),
    "pool-echo-2": ("--mode", "echo"),
    # One request alone takes 0.25 s and 8 at once take 1 s, so that it holds at most 8 requests/s.
    "pool-loaded": (
        "--time-to-first-token", "50ms", "--inter-token-latency", "10ms", "--time-factor-under-load", "4",
        "--max-num-seqs", "8",
    ),
    "pool-slow": ("--time-to-first-token", "3s", "--max-num-seqs", "64"),
}  # fmt: skip


@dataclass(frozen=True)
class Rollout:
    """Some of POOLS in a namespace, and a folder for plans and logs."""

    namespace: Namespace
    folder: Path
    rate: float = 60
    burn_in: float = 8
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further headers of the driver's requests."""
    more: str = ""
    """Further keys of the plan."""
    old: str = "pool-old"
    prompts: Sequence[Mapping[str, Any]] = ()
    """Prompts that both pools answer; none for a plan that judges no answers."""
    probe: str = ""
    """Further keys of its probe, as `, key: value`."""

    @property
    def environment(self) -> dict[str, str]:
        return {**self.namespace.environment, **WIDE}

    def command(self, *words: str, new: str = "pool-new", steps: Sequence[int] = STEPS, latency: str = "") -> list[str]:
        """A command of the driver with the plan that leads to `new`; its log is `log(new)`."""
        plan = self.folder / f"{new}.yaml"
        burn_in = f"burnIn: {self.burn_in:g}s, longest: {10 * self.burn_in:g}s"
        text = PLAN.format(
            namespace=self.namespace.name, chart=CHARTS / "rollout-route", new=new,
            url=self.namespace.cluster.gateway_url, rate=self.rate, latency=latency,
            headers=json.dumps({"Host": self.namespace.host, **self.headers}), more=self.more, probe=self.probe,
            old=self.old, preview=self._preview(new), answers=ANSWERS if self.prompts else "",
            steps="\n".join(f"  - {{percent: {percent}, {burn_in}}}" for percent in steps),
        )  # fmt: skip
        plan.write_text(text)
        (self.folder / "prompts.jsonl").write_text("".join(json.dumps(each) + "\n" for each in self.prompts))
        log = ("--log", str(self.log(new))) if words[0] in LOGGED else ()
        return [str(ROOT / "scripts/rollout"), *words, "--file", str(plan), *log]

    def _preview(self, new: str) -> str:
        """The probe's ways to each pool alone, where answers are judged."""
        keys = (("toOld", self.old), ("toNew", new)) if self.prompts else ()
        return "".join(f', {key}: {{{pools.TESTERS}: "{self.namespace.name}/{pool}"}}' for key, pool in keys)

    def log(self, new: str) -> Path:
        return self.folder / f"log-{new}"

    def run(
        self, *words: str, new: str = "pool-new", steps: Sequence[int] = STEPS, latency: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the driver to its end."""
        return self.ended(self.command(*words, new=new, steps=steps, latency=latency))

    def ended(self, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command line to its end."""
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[str]]:
        """A driver under way to pool-new; it is killed if it still is when the block ends."""
        command = self.command("run")
        with subprocess.Popen(
            command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as driver:
            try:
                yield driver
            finally:
                driver.kill()

    def percent(self, pool: str) -> int:
        """The weight of a pool in the live route."""
        refs = self.namespace.get("httproute/route")["spec"]["rules"][0]["backendRefs"]
        return sum(ref["weight"] for ref in refs if ref["name"] == pool)

    def moved(self, pool: str = "pool-new") -> None:
        """Wait until the pool has weight."""
        wait_until(lambda: self.percent(pool) > 0, f"{pool} has weight", SECONDS, 0.2)

    def lease_ended(self) -> None:
        """Wait until the Lease of a driver that was killed has run out."""
        time.sleep(LASTS_SECONDS + 2)

    def weights(self) -> list[int]:
        """What each revision of the route that was deployed asked for the new pool."""
        rows = json.loads(self.namespace.helm("history", "route", "--output", "json"))
        numbers = [row["revision"] for row in rows if row["status"] in ("deployed", "superseded")]
        values = [
            json.loads(self.namespace.helm("get", "values", "route", "--revision", str(number), "--output", "json"))
            for number in numbers
        ]
        return [int((value.get("weights") or {}).get("new", 0)) for value in values]

    def to_old(self, new: str) -> Path:
        """All weight to the old pool, beside the backend `new`, as a release of its own history; return its values."""
        self.namespace.helm("uninstall", "route", "--ignore-not-found", "--wait")
        values = self.folder / "route.yaml"
        backends = [{"name": "old", "pool": self.old}, {"name": "new", "pool": new}]
        route = {"backends": backends, "parentRefs": pools.PARENTS, "hostnames": [self.namespace.host]}
        route["guards"] = {"maxStep": 100}  # tests move any distance, again and again
        values.write_text(yaml.safe_dump(route))
        self.namespace.helm("install", "route", CHARTS / "rollout-route", "--values", values)
        time.sleep(FOLLOWED_SECONDS)
        return values


@contextmanager
def rollout(cluster: Cluster, folder: Path, *names: str, rate: float = 60, burn_in: float = 8) -> Iterator[Rollout]:
    """A rollout in a namespace with those of POOLS, all ready, while the block runs."""
    with new_namespace(cluster, "driver") as namespace:
        preview = {**pools.PREVIEW, "preview.hostnames": [namespace.host]}
        for name in names:
            pools.start(namespace, name, {**PATIENT, **preview, "modelServer.extraArgs": [*POOLS[name]]})
        namespace.rolled_out(*(f"{name}{suffix}" for name in names for suffix in ("", "-epp")), seconds=300)
        yield Rollout(namespace, folder, rate, burn_in)
