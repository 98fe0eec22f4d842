import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

CLOSED = """
import os, sys
from inferencepool_lab import docker
from inferencepool_rollout.failure import run_cli
docker.OWN = "unix:///nonexistent"
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
run_cli(lambda: docker.ensure() and 0)
"""


def _ask_for_docker(docker_host: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DOCKER_HOST": docker_host, "DOCKER_CONFIG": "/nonexistent"}
    return subprocess.run([sys.executable, "-c", CLOSED], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def folder_for_all() -> Iterator[Path]:
    """A folder that any user may enter; those of tmp_path are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_docker_socket_closed_to_this_user_is_one_line_with_the_remedy(folder_for_all: Path) -> None:
    path = folder_for_all / "docker.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0o000)
        done = _ask_for_docker(f"unix://{path}")
    _is_one_line(done, "this user may not use docker (permission denied on its socket); join the group docker")


def test_a_docker_that_does_not_run_is_one_line_with_the_remedy(folder_for_all: Path) -> None:
    _is_one_line(_ask_for_docker(f"unix://{folder_for_all}/docker.sock"), "docker does not answer; start Docker")


def _is_one_line(done: subprocess.CompletedProcess[str], cause: str) -> None:
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {cause}")
    assert done.stderr.count("\n") == 1
