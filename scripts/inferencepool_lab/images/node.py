"""Building the kind node image: the root with kind's files, then the control plane's images inside, as kind does."""

from __future__ import annotations

import tempfile
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.docker import Engine
from inferencepool_lab.images.build import LABEL, image, inputs
from inferencepool_rollout.progress import step

WRAPPER_IN_NODE = "/usr/local/sbin/runc-wrapper"


def build(engine: Engine) -> None:
    """Build the node image under its published name; raises Failure with the cause of the step that failed."""
    node = versions().images["node"].name
    empty = f"{node}-empty"
    runc = WRAPPER_IN_NODE if engine.runc else "runc"
    image(engine, "node", name=empty, arguments=(f"RUNC={runc}", f"VERSION={versions().kubernetes}"))
    for key in versions().node_images:
        image(engine, key)
    with step(f"importing the control plane into {node}", "30 s"):
        container = engine.docker("run", "--detach", "--entrypoint", "sleep", empty, "infinity").strip()
        try:
            _fill(engine, container)
            engine.docker(
                "commit", "--change", 'ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]',
                "--change", f"LABEL {LABEL}={inputs(engine, 'node')}", container, node,
            )  # fmt: skip
        finally:
            engine.docker("rm", "--force", "--volumes", container)
    engine.docker("image", "rm", empty)


def _fill(engine: Engine, container: str) -> None:
    """Import the images of the control plane, unpacked later by the kubelet, into the container's containerd."""
    if engine.runc:
        engine.docker("cp", engine.runc, f"{container}:{WRAPPER_IN_NODE}")
    names = [image.name for image in versions().node_images.values()]
    with tempfile.TemporaryDirectory(dir=cache.folder("contexts")) as folder:
        archive = Path(folder) / "images.tar"
        engine.docker("save", "--output", archive, *names)
        engine.docker("cp", archive, f"{container}:/images.tar")
    engine.docker("exec", "--detach", container, "containerd")
    engine.docker("exec", container, "sh", "-c", _IMPORT)


_IMPORT = """
for attempt in $(seq 100); do ctr version >/dev/null 2>&1 && break; sleep 0.2; done
ctr --namespace k8s.io images import --no-unpack /images.tar && rm /images.tar && pkill -TERM containerd
for attempt in $(seq 100); do pgrep containerd >/dev/null || exit 0; sleep 0.2; done
exit 1
"""
