"""Docker: the user's own where one answers, else one that the laboratory starts and stops itself."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from inferencepool_lab.builds import cache, debian
from inferencepool_lab.builds.programs import compiled
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.process import run, succeeds
from inferencepool_rollout.progress import step

RUN = Path("/run/inferencepool-rollout")
SOCKET = RUN / "docker.sock"
PID = RUN / "docker.pid"
OWN = f"unix://{SOCKET}"
SYS_RESOURCE_BIT = 24


@dataclass(frozen=True)
class Docker:
    """A docker daemon that answers.

    `host` is its DOCKER_HOST ("" for the user's own), `cgroup_v1` whether its containers live under cgroup v1,
    `runc` the path of the wrapper that containers need where CAP_SYS_RESOURCE is missing, else None.
    """

    host: str
    cgroup_v1: bool
    runc: Path | None

    @property
    def environment(self) -> dict[str, str]:
        """What docker and kind need in their environment to reach this daemon."""
        return {"DOCKER_HOST": self.host} if self.host else {}

    def run(self, *arguments: str | Path, timeout: float | None = None, remedy: str = "") -> str:
        """Run a docker command and return what it prints; raises Failure with docker's cause."""
        return run(["docker", *arguments], env=self.environment, timeout=timeout, remedy=remedy)

    def has(self, *arguments: str) -> bool:
        """Tell whether a docker command exits 0."""
        return succeeds(["docker", *arguments], env=self.environment)


def ensure() -> Docker:
    """Return a docker that answers, installing and starting one where none is there and this user is root.

    Raises Failure when docker is there but closed to this user, or absent and this user may not install it.
    """
    there = answering()
    if there:
        return there
    if sys.platform != "linux" or os.geteuid() != 0:
        raise Failure(_why_closed())
    debian.installed("dockerd", "docker.io")
    _start()
    return _described(OWN)


def answering() -> Docker | None:
    """Return the docker that answers now, the laboratory's own before the user's, or None."""
    for host in (OWN, ""):
        if _answers(host):
            return _described(host)
    return None


def stop() -> bool:
    """Stop the daemon if the laboratory started it; return whether there was one. Images and volumes stay cached."""
    pid = _own_pid()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    for _ in range(300):
        if _own_pid() is None:
            return True
        time.sleep(0.1)
    raise Failure(f"dockerd (pid {pid}) did not stop within 30 s; see {_log()}")


def lacks_sys_resource() -> bool:
    """Tell whether CAP_SYS_RESOURCE is missing from this machine's capability bounding set (Linux only)."""
    status = Path("/proc/self/status").read_text()
    bounding = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd:"))
    return not int(bounding, 16) >> SYS_RESOURCE_BIT & 1


def _answers(host: str) -> bool:
    return succeeds(["docker", "info"], env={"DOCKER_HOST": host} if host else {}, timeout=20)


def _described(host: str) -> Docker:
    environment = {"DOCKER_HOST": host} if host else {}
    cgroup = run(["docker", "info", "--format", "{{.CgroupVersion}}"], env=environment).strip()
    return Docker(host=host, cgroup_v1=cgroup == "1", runc=_wrapper() if host else None)


def _wrapper() -> Path | None:
    return compiled(["runc-wrapper"])["runc-wrapper"] if lacks_sys_resource() else None


def _start() -> None:
    RUN.mkdir(parents=True, exist_ok=True)
    wrapper = _wrapper()
    runtime = ["--add-runtime", f"runc-wrapper={wrapper}", "--default-runtime", "runc-wrapper"] if wrapper else []
    with step("starting dockerd", "5 s"), _log().open("ab") as log:
        daemon = subprocess.Popen(
            [
                debian.sbin("dockerd"), "--host", OWN, "--pidfile", PID, "--exec-root", RUN / "exec",
                "--data-root", cache.folder("docker"), *runtime,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )  # fmt: skip
        for _ in range(300):
            if _answers(OWN):
                return
            if daemon.poll() is not None:
                break
            time.sleep(0.2)
    daemon.kill()
    raise Failure(f"dockerd does not start: {_last_line(_log())} (all of it: {_log()})")


def _own_pid() -> int | None:
    try:
        pid = int(PID.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ValueError):
        return None
    return pid if b"dockerd" in command else None


def _why_closed() -> str:
    if shutil.which("docker") is None:
        return "docker is not on PATH; install Docker (docs.docker.com/get-docker), then start again"
    answer = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if "permission denied" in answer.stderr.lower():
        return "this user may not use docker (permission denied on its socket); join the group docker, or use root"
    return "docker does not answer; start Docker, then start again"


def _log() -> Path:
    return cache.folder("logs") / "dockerd.log"


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it wrote nothing"
