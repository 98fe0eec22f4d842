"""The images that a cluster needs, in docker: published first, built where they can't be pulled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from inferencepool_lab.builds import debian
from inferencepool_lab.builds.found import vendored, wheel
from inferencepool_lab.builds.programs import compiled
from inferencepool_lab.builds.versions import versions
from inferencepool_lab.docker import Docker
from inferencepool_lab.images import build, node
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.progress import say, step

PULL_SECONDS = 900


def ensure(docker: Docker, keys: Iterable[str]) -> None:
    """Make each image of versions.toml stand in docker under its published name.

    An image that stands there as pulled, or as built from today's inputs, is left as it is. Raises Failure when
    an image can be neither pulled nor built, with both causes.
    """
    refused = {key: cause for key in keys if not _stands(docker, key) and (cause := _pull_refused(docker, key))}
    if not refused:
        return
    try:
        _prepare(list(refused))
        for key in refused:
            node.build(docker) if key == "node" else build.image(docker, key)
    except Failure as failure:
        name, cause = versions().images[next(iter(refused))].name, next(iter(refused.values()))
        raise Failure(f"{name} can't be pulled ({cause}), and building images here failed: {failure}") from failure


def _stands(docker: Docker, key: str) -> bool:
    label = build.inputs_label(docker, versions().images[key].name)
    return label == "" or (label is not None and label == build.inputs(docker, key))


def _pull_refused(docker: Docker, key: str) -> str:
    """Pull the image, or build the project's own on its published base; return "" when that worked, else the cause."""
    image = versions().images[key]
    try:
        if image.published:
            with step(f"pulling {image.name}", "seconds to minutes"):
                docker.run("pull", "--quiet", image.name, timeout=PULL_SECONDS)
        else:
            build.image(docker, key, published_base=True)
    except Failure as failure:
        say(f"{image.name if image.published else 'its base'} can't be pulled; it will be built here")
        return str(failure)
    return ""


def _prepare(keys: Sequence[str]) -> None:
    """Make everything that goes into the images: compile in few calls, and meanwhile make the Debian roots."""
    build.require_linux()
    table = versions()
    images = [table.images[key] for key in keys] + (list(table.node_images.values()) if "node" in keys else [])
    with ThreadPoolExecutor(1) as beside:
        roots = sorted({image.base for image in images if image.base})
        made = [beside.submit(debian.root_archive, table.roots[root]) for root in roots]
        made += [beside.submit(wheel, requirement) for image in images for requirement in image.wheels]
        made += [beside.submit(vendored, image.folder / image.requirements) for image in images if image.requirements]
        compiled(program for image in images for program in image.programs)
        for future in made:
            future.result()
