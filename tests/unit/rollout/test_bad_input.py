"""Whatever it is given, the command line ends with one line and the right code, never with a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from unit.kube.test_client import kubeconfig
from unit.rollout.plans import ROOT, TEXT

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(TEXT)
    return file


def rollout(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the tool with some of the environment changed; no helm is on PATH unless HELM names one."""
    given: Mapping[str, str] = {
        **os.environ,
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT / "scripts"),
        **environment,
    }
    command = [sys.executable, "-m", "inferencepool_rollout", *map(str, words)]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


def program(folder: Path, prints: str) -> Path:
    """A program that prints that, whatever it is asked."""
    made = folder / "helm"
    made.write_text(f"#!/bin/sh\nprintf '%s' '{prints}'\n")
    made.chmod(0o755)
    return made


def one_line(done: subprocess.CompletedProcess[str], says: str, code: int = 1) -> None:
    assert says in done.stderr, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert done.returncode == code


VERBS = ("preflight", "run", "status", "promote", "hold", "rollback", "finish")


@pytest.mark.parametrize("verb", VERBS)
def test_without_helm(plan: Path, verb: str) -> None:
    one_line(rollout(verb, "--file", plan), "error: helm is not on PATH; install Helm 3 or 4")


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_cluster(plan: Path, tmp_path: Path, verb: str) -> None:
    done = rollout(
        verb, "--file", plan, HELM=str(program(tmp_path, "[]")), KUBECONFIG=str(kubeconfig(tmp_path, NOWHERE))
    )
    one_line(done, "http://127.0.0.1:1 does not answer")


@pytest.mark.parametrize("verb", VERBS)
def test_with_a_kubeconfig_that_is_no_yaml(plan: Path, tmp_path: Path, verb: str) -> None:
    file = tmp_path / "config"
    file.write_text("a: [")
    one_line(
        rollout(verb, "--file", plan, HELM=str(program(tmp_path, "[]")), KUBECONFIG=str(file)),
        "no cluster to work with",
    )


@pytest.mark.parametrize(
    "text", ["", "[" * 5000, "a: {" * 5000, "route: !!python/object:os.system {}\n", "\x00", "&a [*a]\n"]
)
def test_with_a_plan_that_is_none(tmp_path: Path, text: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    one_line(rollout("plan", "--file", file), "plan")
