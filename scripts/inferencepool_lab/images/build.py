"""Building an image from its Dockerfile in scripts/builds/images and registry packages."""

from __future__ import annotations

import platform
import shutil
import sys
import tempfile
from pathlib import Path

from inferencepool_lab.builds import cache, debian
from inferencepool_lab.builds.found import vendored, wheel
from inferencepool_lab.builds.programs import compiled, module_folder, path
from inferencepool_lab.builds.versions import ROOT, Image, versions
from inferencepool_lab.docker import Docker
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step

LABEL = "io.inferencepool-rollout.inputs"


def inputs_label(docker: Docker, name: str) -> str | None:
    """What the image in docker was built from: "" if it was not built here, None if it is not there."""
    if not docker.has("image", "inspect", name):
        return None
    return docker.run("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', name).strip()


def inputs(docker: Docker, key: str) -> str:
    """The fingerprint of everything that goes into the image; compiles nothing."""
    image = _image(key)
    sources = [ROOT / source for source in image.sources]
    parts: list[str | Path] = [image.name, image.folder, *sources, *image.files, *image.wheels]
    parts += [path(name).parent.name for name in image.programs]
    if image.base:
        root = versions().roots[image.base]
        parts += [root.suite, *root.packages]
    if key == "node":
        parts += [str(docker.runc), *(inputs(docker, name) for name in versions().node_images)]
    return cache.fingerprint(*parts)


def image(
    docker: Docker, key: str, *, name: str = "", arguments: tuple[str, ...] = (), published_base: bool = False
) -> None:
    """Build the image, under `name` where it is not the published one; `arguments` are the Dockerfile's ARGs.

    With `published_base` the base is the one that the Dockerfile names, else the Debian root made here. Raises
    Failure on a machine whose kind can't build it, and with docker's cause.
    """
    wanted = _image(key)
    made_here = wanted.base and not published_base
    base = ("--build-arg", f"BASE={root_image(docker, wanted.base)}") if made_here else ()
    programs = compiled(wanted.programs)
    with (
        tempfile.TemporaryDirectory(dir=cache.folder("contexts")) as folder,
        step(f"building {wanted.name}", "seconds to minutes"),
    ):
        context = Path(folder) / "context"
        shutil.copytree(wanted.folder, context, ignore=shutil.ignore_patterns("__pycache__"))
        for program, path in programs.items():
            shutil.copy(path, context / (versions().programs[program].file or program))
        for file in wanted.files:
            module, path_in_module = file.split(":")
            _copy(module_folder(module) / path_in_module, context)
        for requirement, path_in_wheel in wanted.wheels.items():
            _copy(wheel(requirement) / path_in_wheel, context)
        for source in wanted.sources:
            shutil.copytree(ROOT / source, context / Path(source).name, ignore=shutil.ignore_patterns("__pycache__"))
        if wanted.requirements:
            _copy(vendored(wanted.folder / wanted.requirements), context / "deps")
        docker.run(
            "build", "--quiet", "--tag", name or wanted.name, "--label", f"{LABEL}={inputs(docker, key)}",
            *base, *(word for argument in arguments for word in ("--build-arg", argument)), context,
        )  # fmt: skip


def require_linux() -> None:
    """Raise Failure on a machine that the fall-back can't build images for."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise Failure(f"images are built on x86_64 Linux only, this is {sys.platform} {platform.machine()}")


def root_image(docker: Docker, root: str) -> str:
    """Return the name, in docker, of the image of a debootstrapped root, importing it once."""
    archive = debian.root_archive(versions().roots[root])
    name = f"inferencepool-rollout/{root}:{archive.stem}"
    if not docker.has("image", "inspect", name):
        with step(f"importing the Debian root {name}", "seconds"):
            docker.run("import", archive, name)
    return name


def _image(key: str) -> Image:
    return versions().images.get(key) or versions().node_images[key]


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a folder into the folder `target`, or a folder to the new `target`."""
    if source.is_dir():
        run(["cp", "--recursive", "--no-preserve=mode", source, target])
    else:
        shutil.copy(source, target)
