"""`scripts/rollout` on a real cluster: through all steps without a loss, though killed, and back from a bad pool."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from inferencepool_lab.builds.tools import tool
from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import CHARTS, ROOT
from kit.node import api_server_stopped
from kit.rollout import LATENCY, SECONDS, Rollout
from kit.rollout import rollout as new_rollout

AWAY_SECONDS = 25
POOLS = ("pool-old", "pool-new", "pool-bad", "pool-slow")
REPORT_SCHEMA = ROOT / "scripts/inferencepool_rollout/report/report.schema.json"


@pytest.fixture(scope="module")
def rollout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    with new_rollout(cluster, tmp_path_factory.mktemp("driver"), *POOLS) as made:
        yield made


def test_a_killed_driver_started_again_ends_at_100_without_a_loss(rollout: Rollout) -> None:
    rollout.to_old("pool-new")
    with rollout.running() as first:
        rollout.moved()
        second = rollout.run("run")
        assert second.returncode == ExitCode.BUSY, second.stdout + second.stderr
        first.send_signal(signal.SIGKILL)
    stands = rollout.percent("pool-new")
    assert stands in (10, 50)
    rollout.lease_ended()
    assert rollout.percent("pool-new") == stands
    done = rollout.run("run")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert rollout.weights() == [0, 10, 50, 100]
    verdicts = [line for line in done.stderr.splitlines() if " requests, " in line]
    judged = [percent for percent in (10, 50, 100) if percent >= stands]
    assert len(verdicts) == len(judged), done.stderr
    assert all(line.endswith(" 0 lost") for line in verdicts), done.stderr


def test_the_report_tells_every_step_of_it(rollout: Rollout) -> None:
    said = rollout.run("report", "--json")
    assert said.returncode == 0, said.stdout + said.stderr
    told = json.loads(said.stdout)
    Draft202012Validator(json.loads(REPORT_SCHEMA.read_text())).validate(told)
    assert (told["outcome"], told["percent"]) == ("done", 100)
    passed = [step for step in told["steps"] if step["action"] == "promote"]
    assert [step["percent"] for step in passed][-1:] == [100]
    for step in passed:
        assert step["split"]["low"] <= step["percent"] / 100 <= step["split"]["high"], step
        assert {each["metric"] for each in step["latency"]} == {"ttft", "tpot", "itl", "e2e"}


def test_ctrl_c_holds_at_the_present_step_and_says_how_to_go_on_and_back(rollout: Rollout) -> None:
    rollout.to_old("pool-new")
    with rollout.running() as driver:
        rollout.moved()
        driver.send_signal(signal.SIGINT)
        said, _ = driver.communicate(timeout=SECONDS)
    assert driver.returncode == ExitCode.INTERRUPTED
    assert "held at 10 %: interrupted" in said
    for command in ("rollout run", "rollout promote", "rollout rollback"):
        assert command in said
    assert rollout.weights() == [0, 10]
    back = rollout.run("rollback")
    assert back.returncode == 0, back.stdout + back.stderr
    assert (rollout.percent("pool-old"), rollout.percent("pool-new")) == (100, 0)


def test_a_pool_whose_release_is_pending_is_refused_with_what_to_do(rollout: Rollout) -> None:
    rollout.to_old("pool-new")
    upgrade: list[str | Path] = [
        tool("helm4"), "upgrade", "pool-new", CHARTS / "inferencepool", "--namespace", rollout.namespace.name,
        "--reuse-values", "--wait", "--set", "modelServer.replicas=2",
    ]  # fmt: skip
    with subprocess.Popen(upgrade, env=rollout.environment, stdout=subprocess.DEVNULL) as helm:
        until = time.monotonic() + SECONDS
        while "pending-upgrade" not in rollout.namespace.helm("history", "pool-new") and helm.poll() is None:
            assert time.monotonic() < until
        helm.kill()
    said = rollout.run("run")
    rollout.namespace.helm("rollback", "pool-new", "1", "--wait")
    assert said.returncode == ExitCode.REFUSED, said.stdout + said.stderr
    table = " ".join(said.stdout.replace("│", " ").split())
    assert "pending-upgrade" in table
    assert "helm status pool-new" in table
    assert rollout.weights() == [0]


@pytest.mark.parametrize(
    ("new", "why"), [("pool-bad", "error rate violated"), ("pool-slow", "TTFT p50 new/old violated")]
)
def test_a_pool_that_is_worse_is_rolled_back_at_the_first_step(rollout: Rollout, new: str, why: str) -> None:
    rollout.to_old(new)
    done = rollout.run("run", new=new, latency=LATENCY)
    assert done.returncode == ExitCode.ROLLED_BACK, done.stdout + done.stderr
    assert why in " ".join(done.stdout.split())
    assert rollout.weights() == [0, 10, 0]
    assert (rollout.percent(new), rollout.percent("pool-old")) == (0, 100)


def test_an_api_server_that_is_away_for_seconds_stops_no_rollout(rollout: Rollout) -> None:
    rollout.to_old("pool-new")
    command = rollout.command("run", steps=(10,))
    with subprocess.Popen(
        command, env=rollout.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as driver:
        rollout.moved()
        with api_server_stopped(rollout.namespace.cluster):
            time.sleep(AWAY_SECONDS)
        out, err = driver.communicate(timeout=SECONDS)
    assert "Traceback" not in out + err
    assert driver.returncode == ExitCode.DONE, out + err
    assert "does not answer" in err


def test_with_a_gitops_tool_it_writes_the_weights_and_finish_then_deletes_the_old_pool(rollout: Rollout) -> None:
    # The last one of this file: it ends without pool-old.
    values = rollout.to_old("pool-new")

    def step() -> int:
        said = rollout.run("run", "--gitops", str(values), steps=(50, 100))
        assert said.returncode in (ExitCode.DONE, ExitCode.HELD), said.stdout + said.stderr
        return said.returncode

    def sync() -> None:
        rollout.namespace.helm("upgrade", "route", CHARTS / "rollout-route", "--values", values)
        time.sleep(2)

    assert step() == ExitCode.DONE
    assert "new: 50" in values.read_text()
    assert rollout.percent("pool-new") == 0, "it moves nothing itself"
    assert step() == ExitCode.HELD, "what it wrote is not applied yet"
    sync()
    assert step() == ExitCode.DONE
    assert "new: 100" in values.read_text()
    sync()
    asked = rollout.run("finish", "--dry-run", steps=(50, 100))
    assert asked.stdout.startswith("helm uninstall pool-old"), asked.stdout + asked.stderr
    done = rollout.run("finish", "--yes", steps=(50, 100))
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert "pool-old" not in rollout.namespace.helm("list", "--short")
