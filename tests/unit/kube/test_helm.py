"""helm is whatever $HELM or PATH names; one that is none is told in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from inferencepool_rollout.failure import Failure
from inferencepool_rollout.kube.helm import Helm


def helm(folder: Path, patch: pytest.MonkeyPatch, script: str) -> Helm:
    """A helm that is this shell script."""
    program = folder / "helm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    patch.setenv("HELM", str(program))
    return Helm("default")


def test_a_folder_is_no_helm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELM", str(tmp_path))
    with pytest.raises(Failure, match="cannot be run: Permission denied"):
        Helm("default").history("route")


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo hello", "printed no JSON .'hello'.; HELM must name Helm 3 or 4"),
        ("printf '\\377\\376'", "printed no JSON"),
        ("echo '[1]'", "printed rows that are not Helm's"),
        ('echo \'[{"revision": "x"}]\'', "printed rows that are not Helm's"),
        ("echo 'Error: Kubernetes cluster unreachable' >&2; exit 1", "cluster unreachable"),
    ],
)
def test_a_helm_that_prints_something_else_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, says: str
) -> None:
    with pytest.raises(Failure, match=says) as failure:
        helm(tmp_path, monkeypatch, script).history("route")
    assert "\n" not in str(failure.value)


def test_a_program_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Failure, match="is not Helm 3 or 4"):
        helm(tmp_path, monkeypatch, "echo v2.17.0").major()


def test_all_lines_of_a_charts_refusal_are_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = "echo 'Error: UPGRADE FAILED: refused:\n  rules: a -> b\nNothing was changed.' >&2; exit 1"
    with pytest.raises(Failure, match=r"refused:\n  rules: a -> b\nNothing was changed\."):
        helm(tmp_path, monkeypatch, script).run("upgrade", "route", "chart")
