"""Answers judged on a real cluster: before any weight moves, by each pool's preview route."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from inferencepool_lab.cluster.handle import Cluster
from inferencepool_rollout.exit_codes import ExitCode
from kit.charts import ROOT
from kit.rollout import Rollout
from kit.rollout import rollout as new_rollout

REPORT_SCHEMA = ROOT / "scripts/inferencepool_rollout/report/report.schema.json"
PROMPTS = [
    {"name": f"word-{n}", "prompt": f"say word{n} again", "maxTokens": 32, "expect": {"contains": f"word{n}"}}
    for n in range(100)
]


@pytest.fixture(scope="module")
def rollout(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rollout]:
    """pool-echo serves: it and pool-echo-2 say prompts again, pool-new answers something else."""
    folder = tmp_path_factory.mktemp("quality")
    with new_rollout(cluster, folder, "pool-echo", "pool-echo-2", "pool-new", rate=20, burn_in=5) as made:
        yield replace(made, old="pool-echo", prompts=PROMPTS)


def report(rollout: Rollout, new: str, *more: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(rollout.run("report", "--json", *more, new=new).stdout)
    return told


def test_pools_with_the_same_answers_go_on_and_are_judged_again_at_the_step(rollout: Rollout) -> None:
    rollout.to_old("pool-echo-2")
    done = rollout.run("run", new="pool-echo-2", steps=(10,))
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    told = report(rollout, "pool-echo-2")
    Draft202012Validator(json.loads(REPORT_SCHEMA.read_text())).validate(told)
    assert [(gate["percent"], gate["action"], gate["differing"]) for gate in told["answers"]] == [
        (0, "promote", 0), (10, "promote", 0),
    ]  # fmt: skip


def test_a_pool_that_is_fast_answers_200_and_is_wrong_is_refused_before_any_weight_moves(rollout: Rollout) -> None:
    rollout.to_old("pool-new")
    done = rollout.run("run", new="pool-new", steps=(10,))
    assert done.returncode == ExitCode.REFUSED, done.stdout + done.stderr
    assert "refused, nothing was moved: pass rate drop violated" in done.stdout
    assert rollout.percent("pool-new") == 0
    assert rollout.weights() == [0]
    [gate] = report(rollout, "pool-new", "--texts")["answers"]
    example = gate["examples"][0]
    assert example["old"]["problem"] == example["new"]["problem"] == ""
    assert "does not contain" in example["unmet"]["new"]


def test_answers_are_judged_alone_without_moving_weight(rollout: Rollout) -> None:
    rollout.to_old("pool-echo-2")
    done = rollout.run("quality", new="pool-echo-2")
    assert done.returncode == ExitCode.DONE, done.stdout + done.stderr
    assert "every objective for answers is kept after 100 prompts" in done.stdout
    assert rollout.percent("pool-echo-2") == 0
