"""What is wrong with the environment is refused before a rollout begins, and never stands in the way back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from inferencepool_rollout.cli import Tools, app
from inferencepool_rollout.exit_codes import ExitCode
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.hooks.cloud_event import KEY
from inferencepool_rollout.notify.services import URLS
from kit.plans import TEXT
from unit.rollout.recorded_cluster import answering

WRONG = {URLS: "nosuch://hunter2@example.com", KEY: "a"}


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = tmp_path / "plan.yaml"
    file.write_text(TEXT)
    monkeypatch.setenv("HELM", "/bin/true")
    with answering(tmp_path, monkeypatch):
        yield file


@pytest.mark.parametrize("name", WRONG)
def test_run_refuses_it(plan: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, WRONG[name])
    command = typer.main.get_command(app)
    with pytest.raises(Failure, match=name) as refusal:
        command(["run", "--file", str(plan)], standalone_mode=False)
    assert refusal.value.code == ExitCode.USAGE


def test_a_driver_that_takes_the_weight_back_is_made_all_the_same(
    plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in WRONG.items():
        monkeypatch.setenv(name, value)
    assert Tools.of(plan, "").driver(tmp_path / "log").plan.old == "pool-old"
    said = capsys.readouterr().err
    assert URLS in said and KEY in said
    assert "hunter2" not in said
