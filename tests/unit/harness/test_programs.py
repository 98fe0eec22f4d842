import json
import os
import subprocess
from pathlib import Path

import pytest

from inferencepool_lab.builds import programs
from inferencepool_lab.builds.found import accepted_on_path
from inferencepool_lab.builds.versions import Tool
from inferencepool_rollout.failure import Failure


def _fake_command(folder: Path, prints: str) -> None:
    command = folder / "sometool"
    command.write_text(f"#!/bin/sh\necho '{prints}'\n")
    command.chmod(0o755)


@pytest.mark.parametrize(
    ("prints", "accepted"), [("v1.4.2", True), ("version 1.5", True), ("v2.0.0", False), ("?", False)]
)
def test_a_command_on_path_is_taken_only_in_its_range(
    prints: str, accepted: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_command(tmp_path, prints)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    found = accepted_on_path(Tool("sometool", ("version",), ">=1.4,<2"))
    assert (found == tmp_path / "sometool") is accepted


def test_an_unreachable_module_proxy_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERENCEPOOL_ROLLOUT_CACHE", str(tmp_path))
    monkeypatch.setenv("GOPROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("GOFLAGS", "-modcacherw")
    with pytest.raises(Failure) as caught:
        programs.compiled(["ct"])
    message = str(caught.value)
    assert "\n" not in message
    assert "connection refused" in message and "check that the Go module proxy (go env GOPROXY) is reached" in message
    assert not list((tmp_path / "programs").glob("ct-*"))


@pytest.fixture(scope="module")
def wrapper() -> Path:
    return programs.compiled(["runc-wrapper"])["runc-wrapper"]


@pytest.mark.parametrize(
    "arguments", [["create", "--bundle", "{}", "id"], ["run", "-b", "{}", "id"], ["run", "--bundle={}"]]
)
def test_the_wrapper_takes_the_missing_capability_out_of_a_bundle_and_becomes_runc(
    arguments: list[str], wrapper: Path, tmp_path: Path
) -> None:
    capabilities = {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "effective": ["CAP_SYS_RESOURCE"]}
    config = {"ociVersion": "1.0.2", "process": {"args": ["sh"], "capabilities": capabilities}, "root": {"path": "r"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    words = [word.format(tmp_path) for word in arguments]
    assert _run_wrapper(wrapper, words, tmp_path) == words
    expected = {"bounding": ["CAP_CHOWN"], "effective": []}
    config["process"]["capabilities"] = expected  # type: ignore[index]
    assert json.loads((tmp_path / "config.json").read_text()) == config


def test_the_wrapper_takes_the_missing_capability_out_of_a_process_file(wrapper: Path, tmp_path: Path) -> None:
    file = tmp_path / "process.json"
    file.write_text(json.dumps({"args": ["sh"], "capabilities": {"permitted": ["CAP_SYS_RESOURCE", "CAP_KILL"]}}))
    _run_wrapper(wrapper, ["exec", "--process", str(file), "id"], tmp_path)
    assert json.loads(file.read_text()) == {"args": ["sh"], "capabilities": {"permitted": ["CAP_KILL"]}}


def _run_wrapper(wrapper: Path, words: list[str], folder: Path) -> list[str]:
    """Run the wrapper with a runc on PATH that prints its arguments; return those."""
    runc = folder / "runc"
    runc.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    runc.chmod(0o755)
    environment = {"PATH": f"{folder}:/bin:/usr/bin"}
    done = subprocess.run([str(wrapper), *words], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()
