"""The workflows run what there is to run: every change through .ci/run, and every long test once a week."""

from __future__ import annotations

from typing import Any

import yaml

from kit.charts import ROOT


def workflow(name: str) -> dict[Any, Any]:
    """A workflow of GitHub; its key `on` is read as YAML 1.1's true."""
    read: dict[Any, Any] = yaml.safe_load((ROOT / f".github/workflows/{name}.yaml").read_text())
    return read


def test_the_scheduled_workflow_runs_every_long_test() -> None:
    job = workflow("long")["jobs"]["test"]
    folders = {path.parent.name for path in (ROOT / "tests/long").glob("*/test_*.py")}
    assert sorted(job["strategy"]["matrix"]["test"]) == sorted(name.replace("_", "-") for name in folders)
    assert job["steps"][-1]["run"] == "./scripts/test ${{ matrix.test }}"
    assert job["strategy"]["fail-fast"] is False


def test_the_scheduled_workflow_has_a_schedule() -> None:
    assert [len(each["cron"].split()) for each in workflow("long")[True]["schedule"]] == [5]


def test_ci_runs_all_other_tests() -> None:
    assert any(step.get("run") == ".ci/run" for step in workflow("ci")["jobs"]["test"]["steps"])


def test_workflows_that_read_past_releases_have_the_history() -> None:
    for name in ("ci", "long"):
        (checkout,) = [s for s in workflow(name)["jobs"]["test"]["steps"] if "checkout" in s.get("uses", "")]
        assert checkout["with"]["fetch-depth"] == 0
