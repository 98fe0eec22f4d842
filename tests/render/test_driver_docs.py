"""docs/driver.md says what the driver does: its commands, its exit codes, and YAML that can be copied."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from inferencepool_rollout.cli import app
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.plan_file import read_plan
from kit.charts import ROOT
from kit.plans import TEXT, plan_of

PAGE = (ROOT / "docs" / "driver.md").read_text()
YAML = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = sorted(set(re.findall(r"^.*?(\./scripts/rollout [^|\n]*?)(?: \|\| .*)?$", PAGE, re.MULTILINE)))
GROUP: Any = typer.main.get_command(app)


def block(key: str) -> Any:
    """The one YAML block of the page with that key at its top."""
    (found,) = [parsed for parsed in map(yaml.safe_load, YAML) if key in parsed]
    return found


def test_the_table_of_exit_codes_is_the_programs() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \| (.*) \|$", PAGE, re.MULTILINE)
    assert rows == [(str(code.value), code.name.lower(), code.meaning) for code in ExitCode]


def test_help_tells_every_exit_code() -> None:
    assert all(f"{code.value} {code.name.lower()}" in GROUP.help for code in ExitCode)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_the_driver_takes(command: str) -> None:
    _, name, *words = shlex.split(command)
    GROUP.commands[name].make_context(name, words)


def test_every_command_of_the_driver_is_told_of() -> None:
    assert all(f"rollout {name}" in PAGE for name in GROUP.commands)


@pytest.mark.parametrize("command", [command for command in COMMANDS if "values/" in command])
def test_a_plan_that_a_command_names_is_there(command: str) -> None:
    words = shlex.split(command)
    read_plan(ROOT / words[words.index("-f") + 1])


@pytest.mark.parametrize("text", YAML)
def test_every_block_of_yaml_is_a_map(text: str) -> None:
    assert isinstance(yaml.safe_load(text), dict)


def test_the_queries_are_ones_that_a_plan_takes(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TEXT + yaml.safe_dump({"prometheus": block("prometheus")["prometheus"]}))
    assert plan.prometheus
    assert len(plan.prometheus.queries) == 2


def test_gitlab_lets_a_held_rollout_pass_as_a_warning() -> None:
    assert block("rollout")["rollout"]["allow_failure"]["exit_codes"] == [ExitCode.HELD]


def test_the_gitops_job_goes_on_where_the_last_move_is_not_applied_yet() -> None:
    (gitops,) = [text for text in YAML if "--gitops" in text]
    accepted = re.findall(r"^ *([\d |]+)\) ;;", gitops, re.MULTILINE)
    assert accepted == [f"{ExitCode.DONE.value} | {ExitCode.HELD.value}"]
