"""`rollout report` writes a page or a picture, or prints JSON, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inferencepool_rollout.cli import app
from inferencepool_rollout.failure import Failure
from kit.plans import plan_of
from kit.run_logs import refused

Report = Callable[..., Any]


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Run the command in a folder of its own, on the log of a rollout that was refused."""
    refused(plan_of(tmp_path), tmp_path / "log")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    words = ["report", "--file", str(tmp_path / "plan.yaml"), "--log", str(tmp_path / "log")]
    return lambda *more: CliRunner().invoke(app, [*words, *more], catch_exceptions=False)


def here() -> dict[str, bytes]:
    return {file.name: file.read_bytes()[:15] for file in Path.cwd().iterdir()}


def test_a_page_is_what_it_writes_by_itself(report: Report) -> None:
    assert report().stdout == "wrote report.html\n"
    assert here() == {"report.html": b"<!doctype html>"}


def test_it_writes_a_picture_where_it_is_told(report: Report) -> None:
    assert report("--png", "--out", "rollout.png").stdout == "wrote rollout.png\n"
    assert here()["rollout.png"].startswith(b"\x89PNG")


def test_json_is_printed_and_no_file_written(report: Report) -> None:
    assert json.loads(report("--json").stdout)["outcome"] == "refused"
    assert here() == {}


def test_a_file_that_cannot_be_written_is_told(report: Report) -> None:
    with pytest.raises(Failure, match="name another file with --out"):
        report("--out", "nowhere/report.html")
