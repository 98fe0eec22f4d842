"""Whatever it is given, the command line ends with one line and the right code, never with a traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from inferencepool_rollout import cli
from inferencepool_rollout.cli import main
from kit.kubeconfig import kubeconfig
from kit.plans import TEXT

NOWHERE = "http://127.0.0.1:1"
VERBS = ("preflight", "run", "status", "promote", "hold", "rollback", "finish")

Rollout = Callable[..., None]
"""Run the command line with words, and see that it ends with one line that says `says`."""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "plan.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Rollout:
    """The command line with some of the environment changed; no helm is on PATH unless HELM names one."""

    def run(*words: str | Path, says: str, **environment: str) -> None:
        monkeypatch.setenv("PATH", "/usr/bin:/bin")
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        if "KUBECONFIG" in environment:
            where = "kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION"
            monkeypatch.setattr(where, environment["KUBECONFIG"])
        monkeypatch.setattr(sys, "argv", ["rollout", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert says in captured.err
        assert captured.err.startswith("error: ")
        assert captured.err.count("\n") == 1 or "the plan is refused" in captured.err, captured.err
        assert "Traceback" not in captured.out + captured.err
        assert "a fault of the program" not in captured.err
        assert ended.value.code == 1

    return run


def program(folder: Path, prints: str) -> Path:
    """A program that prints that, whatever it is asked."""
    made = folder / "helm"
    made.write_text(f"#!/bin/sh\nprintf '%s' '{prints}'\n")
    made.chmod(0o755)
    return made


@pytest.mark.parametrize("verb", VERBS)
def test_without_helm(plan: Path, fails: Rollout, verb: str) -> None:
    fails(verb, "--file", plan, says="error: helm is not on PATH; install Helm 3 or 4")


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_cluster(
    plan: Path, tmp_path: Path, fails: Rollout, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setattr(cli, "PATIENCE_SECONDS", 0.0)
    helm, config = program(tmp_path, "[]"), kubeconfig(tmp_path, NOWHERE)
    fails(verb, "--file", plan, says="http://127.0.0.1:1 does not answer", HELM=str(helm), KUBECONFIG=str(config))


@pytest.mark.parametrize("verb", VERBS)
def test_with_a_kubeconfig_that_is_no_yaml(plan: Path, tmp_path: Path, fails: Rollout, verb: str) -> None:
    helm, config = program(tmp_path, "[]"), tmp_path / "config"
    config.write_text("a: [")
    fails(verb, "--file", plan, says="no cluster to work with", HELM=str(helm), KUBECONFIG=str(config))


@pytest.mark.parametrize(
    "text", ["", "[" * 800, "a: {" * 800, "route: !!python/object:os.system {}\n", "\x00", "&a [*a]\n"]
)
def test_with_a_plan_that_is_none(tmp_path: Path, fails: Rollout, text: str) -> None:
    file = tmp_path / "plan.yaml"
    file.write_text(text)
    fails("plan", "--file", file, says="plan")
