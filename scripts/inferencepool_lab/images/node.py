"""Building the kind node image: the root with kind's files, then the control plane's images inside, as kind does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.docker import Docker
from inferencepool_lab.images.build import LABEL, image, inputs
from inferencepool_rollout.progress import step

WRAPPER_IN_NODE = "/usr/local/sbin/runc-wrapper"


def build(docker: Docker) -> None:
    """Build the node image under its published name; raises Failure with the cause of the step that failed."""
    node = versions().images["node"].name
    empty = f"{node}-empty"
    runc = WRAPPER_IN_NODE if docker.runc else "runc"
    image(docker, "node", name=empty, arguments=(f"RUNC={runc}", f"VERSION={versions().kubernetes}"))
    for key in versions().node_images:
        image(docker, key)
    with step(f"importing the control plane into {node}", "30 s"):
        container = docker.run("run", "--detach", "--entrypoint", "sleep", empty, "infinity").strip()
        try:
            _fill(docker, container)
            docker.run(
                "commit", "--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
                "--change", f"LABEL {LABEL}={inputs(docker, 'node')}", container, node,
            )  # fmt: skip
        finally:
            docker.run("rm", "--force", "--volumes", container)
    docker.run("image", "rm", empty)


def _fill(docker: Docker, container: str) -> None:
    """Import the images of the control plane, unpacked later by the kubelet, into the container's containerd."""
    if docker.runc:
        docker.run("cp", docker.runc, f"{container}:{WRAPPER_IN_NODE}")
    names = [image.name for image in versions().node_images.values()]
    with tempfile.TemporaryDirectory(dir=cache.folder("contexts")) as folder:
        archive = Path(folder) / "images.tar"
        docker.run("save", "--output", archive, *names)
        docker.run("cp", archive, f"{container}:/images.tar")
    docker.run("exec", "--detach", container, "containerd")
    docker.run("exec", container, "sh", "-c", _IMPORT)


_IMPORT = """
for attempt in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.2; done
ctr --namespace k8s.io images import --no-unpack /images.tar && rm /images.tar && pkill -TERM containerd
for attempt in $(seq 100); do pgrep containerd >/dev/null || exit 0; sleep 0.2; done
exit 1
"""
