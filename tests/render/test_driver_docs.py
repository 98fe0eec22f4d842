"""The pages about `rollout` have its commands, and YAML that can be copied."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer
import yaml

from inferencepool_rollout.cli import app
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.in_cluster.manifests import OBJECTS
from inferencepool_rollout.plan_file import read_plan
from kit.charts import ROOT

PAGES = {page: page.read_text() for page in sorted((ROOT / "docs").rglob("*.md"))}
ROLLOUT = re.compile(
    r"^(?: *| *- (?:run: )?)(?:\./scripts/)?(rollout [a-z]+(?: [^|\n]*?)?)(?: \|\| .*)?$", re.MULTILINE
)
BLOCK = re.compile(r"```(?:bash|yaml)\n(.*?)```", re.DOTALL)
COMMANDS = sorted({line for page in PAGES.values() for block in BLOCK.findall(page) for line in ROLLOUT.findall(block)})
GROUP: Any = typer.main.get_command(app)


def block(page: str, key: str) -> Any:
    """The one YAML block of a page with that key at its top."""
    texts = re.findall(r"```yaml\n(.*?)```", PAGES[ROOT / "docs" / page], re.DOTALL)
    (found,) = [parsed for parsed in map(yaml.safe_load, texts) if key in parsed]
    return found


def test_help_names_every_exit_code() -> None:
    assert all(f"{code.value} {code.name.lower()}" in GROUP.epilog for code in ExitCode)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_is_one_that_the_driver_takes(command: str) -> None:
    _, name, *words = shlex.split(command)
    GROUP.commands[name].make_context(name, words)


def test_the_pages_use_every_command_of_the_driver() -> None:
    assert {shlex.split(command)[1] for command in COMMANDS} >= set(GROUP.commands)


@pytest.mark.parametrize("command", [command for command in COMMANDS if "values/" in command])
def test_a_plan_that_a_command_names_can_be_read(command: str) -> None:
    words = shlex.split(command)
    read_plan(ROOT / words[words.index("-f") + 1])


def test_gitlab_lets_a_held_rollout_pass_as_a_warning() -> None:
    assert block("how-to/pipeline.md", "rollout")["rollout"]["allow_failure"]["exit_codes"] == [ExitCode.HELD]


def test_the_gitops_job_goes_on_where_the_last_move_is_not_applied_yet() -> None:
    accepted = re.findall(r"^ *([\d |]+)\) ;;", PAGES[ROOT / "docs/how-to/gitops.md"], re.MULTILINE)
    assert accepted == [f"{ExitCode.DONE.value} | {ExitCode.HELD.value}"]


def test_the_pod_monitor_of_the_page_finds_the_jobs_pod() -> None:
    spec = block("how-to/unattended.md", "kind")["spec"]
    pod = yaml.safe_load((OBJECTS / "job.yaml").read_text())["spec"]["template"]
    assert spec["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    ports = [port["name"] for container in pod["spec"]["containers"] for port in container["ports"]]
    assert [endpoint["port"] for endpoint in spec["podMetricsEndpoints"]] == ports
