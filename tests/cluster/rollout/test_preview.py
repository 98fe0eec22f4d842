"""Whatever makes the route more specific than the pools' previews: the right pool answers, or the rollout is refused.

The simulators do not name their pod here, as no real model server does, so the route's mark alone says who answers.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.drive.run_log import answers_of, read_log
from inferencepool_rollout.evidence.observed import joined
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.traffic.attribution import gained, served
from inferencepool_rollout.traffic.load import Plan, send
from inferencepool_rollout.traffic.request import Completion
from kit import pools
from kit.charts import CHARTS, ROOT, only
from kit.namespace import Namespace, new_namespace
from kit.rollout import PATIENT, SECONDS, WIDE
from kit.route import Release
from kit.wait import FOLLOWED_SECONDS

POOLS = ("pool-old", "pool-new")
SIDES = {"Old": "pool-old", "New": "pool-new"}
REQUESTS = 30
UNANSWERED = "alone answer that hostname, and no rule of theirs fits"
SHADOWED = "requests with the headers of probe.toNew meet HTTPRoute"
USERS = {"x-tenant": "a", "x-tier": "gold"}
"""Headers that every request of these tests has, beside the host's name."""

Values = Mapping[str, Any]


def exactly(**match: Any) -> Values:
    return {"rules": [{"name": "all", "matches": [match]}]}


HEADERS = exactly(headers=[{"name": name, "value": value} for name, value in USERS.items()])
EXACT_PATH = exactly(path={"type": "Exact", "value": "/v1/completions"})
REACHED: dict[str, tuple[Values, Values]] = {  # values of the route, and of the pools
    "hostnames of both": ({"hostnames": ["HOST"]}, {"preview.hostnames": ["HOST"]}),
    "a shorter path of the route": ({"hostnames": ["HOST"], "paths": ["/v1"]}, {"preview.hostnames": ["HOST"]}),
}
REFUSED: dict[str, tuple[str, Values, Values]] = {  # why, and the same values
    "hostnames of the preview alone": (UNANSWERED, {}, {"preview.hostnames": ["HOST"]}),
    "hostnames of the route alone": (SHADOWED, {"hostnames": ["HOST"]}, {}),
    "a longer path of the route": (
        SHADOWED, {"hostnames": ["HOST"]}, {"preview.hostnames": ["HOST"], "preview.paths": ["/v1"]}
    ),
    "an exact path of the route": (
        SHADOWED, {"hostnames": ["HOST"], **EXACT_PATH}, {"preview.hostnames": ["HOST"]}
    ),
    "more headers of the route": (
        SHADOWED, {"hostnames": ["HOST"], **HEADERS}, {"preview.hostnames": ["HOST"]}
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def namespace(cluster: Cluster) -> Iterator[Namespace]:
    """Two pools of one simulator each, without POD_NAME, by which the simulator names its pod."""
    with new_namespace(cluster, "preview") as made:
        for pool in POOLS:
            pools.start(made, pool, {**PATIENT, **pools.PREVIEW})
            made.kubectl("set", "env", f"deployment/{pool}", "--containers=model-server", "POD_NAME-")
        made.rolled_out(*(f"{pool}{suffix}" for pool in POOLS for suffix in ("", "-epp")), seconds=300)
        yield made


def lead(namespace: Namespace, route: Values, preview: Values) -> None:
    """Install the route at weight 0, and both previews as the chart renders them with these values."""
    route, preview = yaml.safe_load(yaml.safe_dump([route, preview]).replace("HOST", namespace.host))
    namespace.helm("uninstall", "route", "--ignore-not-found", "--wait")
    values = pools.set_json({"parentRefs": pools.PARENTS, **route})
    namespace.helm("install", "route", CHARTS / "rollout-route", *values)
    for pool in POOLS:
        manifest = only(pools.rendered(namespace, pool, {**pools.PREVIEW, **preview}), "HTTPRoute")
        namespace.kubectl("replace", "--filename=-", stdin=yaml.safe_dump(manifest))
    time.sleep(FOLLOWED_SECONDS)


def driver(namespace: Namespace, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a rollout of one step whose probe asks either pool by its preview's header."""
    plan = {
        "route": {"namespace": namespace.name, "chart": str(CHARTS / "rollout-route")},
        "pools": {"old": "pool-old", "new": "pool-new"},
        "gateway": {"url": namespace.cluster.gateway_url, "headers": {"Host": namespace.host, **USERS}},
        "probe": {
            "models": ["food-review"], "rate": 60,
            **{f"to{side}": {pools.TESTERS: f"{namespace.name}/{pool}"} for side, pool in SIDES.items()},
        },
        "steps": [{"percent": 50, "burnIn": "3s", "longest": "60s"}],
        "objectives": {"errorRate": {"accept": 0.02, "detect": 0.2, "burst": 1}},
        "decision": {"alpha": 0.05, "power": 0.9},
    }  # fmt: skip
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    return subprocess.run(
        [ROOT / "scripts/rollout", "run", "--file", folder / "plan.yaml", "--log", folder / "log"],
        env={**namespace.environment, **WIDE}, capture_output=True, text=True, timeout=SECONDS, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("how", REACHED)
def test_a_preview_that_covers_the_route_is_answered_by_the_right_pool(
    namespace: Namespace, tmp_path: Path, how: str
) -> None:
    lead(namespace, *REACHED[how])
    done = driver(namespace, tmp_path)
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    seen = joined(*(answers_of(event) for event in read_log(tmp_path / "log") if event["event"] == "answers"))
    assert (seen.unattributed, seen.contradictions) == (0, 0)
    api = namespace.cluster.client()
    for pool in POOLS:
        headers = {"Host": namespace.host, **USERS, pools.TESTERS: f"{namespace.name}/{pool}"}
        before = {each: served(api, namespace.name, each) for each in POOLS}
        answers = send(namespace.cluster.gateway_url, Completion("food-review", headers=headers), Plan(count=REQUESTS))
        after = {each: served(api, namespace.name, each) for each in POOLS}
        assert set(answers.pod.tolist()) == {""}, "a pod that is named decides too"
        assert set(answers.pool.tolist()) == {f"{namespace.name}/{pool}"}
        assert gained(before, after) == {each: REQUESTS * (each == pool) for each in POOLS}


@pytest.mark.parametrize("how", REFUSED)
def test_a_route_that_shadows_the_preview_or_lacks_its_hostname_is_refused_and_no_weight_moves(
    namespace: Namespace, tmp_path: Path, how: str
) -> None:
    why, *values = REFUSED[how]
    lead(namespace, *values)
    done = driver(namespace, tmp_path)
    assert done.returncode == ExitCode.REFUSED, done.stdout + done.stderr
    assert why in done.stdout
    assert Release(namespace).split() == {"pool-old": 100}
