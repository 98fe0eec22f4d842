"""A rollout goes through between pools of two releases of the chart, in both directions."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import CHARTS
from kit.namespace import new_namespace
from kit.pools import PARENTS, set_json, wait_until_ready
from kit.released import released
from kit.rollout import Rollout
from long.upgrade.habit import VERSION
from long.upgrade.page import HELMS, Page

NOW = "this checkout"
WAYS = ((VERSION, NOW), (NOW, VERSION))
"""The releases of the old and the new pool's charts."""


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"from {way[0]}")
def test_a_rollout_between_pools_of_two_releases_ends_at_100_without_a_loss(
    cluster: Cluster, page: Page, tmp_path: Path, helm: str, way: tuple[str, str]
) -> None:
    old = released(VERSION)
    charts = {VERSION: old / "charts/inferencepool", NOW: CHARTS / "inferencepool"}
    with new_namespace(cluster, "releases", uninstall=True) as made:
        namespace = made.by(helm)
        values = set_json({"preview.parentRefs": PARENTS, "preview.hostnames": [namespace.host]})
        for pool, version in zip(("pool-old", "pool-new"), way, strict=True):
            namespace.helm("install", pool, charts[version], "--values", old / "values/kind/pool.yaml", *values)
        for pool in ("pool-old", "pool-new"):
            wait_until_ready(namespace, pool)
        rollout = Rollout(namespace, tmp_path, rate=40, burn_in=4)
        rollout.to_old("pool-new")
        done = rollout.run("run")
        verdicts = [line for line in done.stderr.splitlines() if " requests, " in line]
        requests = sum(int(line.rpartition(" requests, ")[0].split()[-1].replace(",", "")) for line in verdicts)
        lossless = bool(verdicts) and all(line.endswith(" 0 lost") for line in verdicts)
        ended = "done" if done.returncode == ExitCode.DONE else str(done.returncode)
        page.rollouts[way[0], helm] = (helm, *way, ended, f"0 of {requests}" if lossless else "**some**")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert lossless, done.stderr
