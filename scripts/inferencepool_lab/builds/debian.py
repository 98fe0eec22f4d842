"""What the fall-back takes from Debian: its packages on this machine, and a root file system made of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_lab.builds.versions import Root
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.process import run
from inferencepool_rollout.progress import step

MIRROR_REMEDY = "check that Debian's packages are reached (apt-get update), then start again"


def installed(command: str, *packages: str) -> str:
    """Return the path of a command, installing `packages` with apt-get where it is missing.

    Raises Failure on a machine that is not Debian's or where this user is not root.
    """
    found = _which(command)
    if found is None:
        if os.geteuid() != 0 or _which("apt-get") is None:
            raise Failure(f"{command} is missing; install it ({' '.join(packages)} on Debian), then start again")
        with step(f"installing {' '.join(packages)} with apt-get", "under a minute"):
            _apt("install", "--yes", "--no-install-recommends", *packages)
    return sbin(command)


def sbin(command: str) -> str:
    """Return the path of a command that may stand in an sbin folder; raises Failure if it is missing."""
    found = _which(command)
    if found is None:
        raise Failure(f"{command} is missing")
    return found


def unpacked(package: str) -> Path:
    """Return a folder of the cache with a package's files, of which nothing is installed or started.

    Raises Failure on a machine that is not Debian's.
    """
    target = cache.folder("debian") / package
    with cache.made(target) as scratch:
        if scratch:
            if _which("apt-get") is None:
                raise Failure(f"{package} is missing; install it, then start again")
            with step(f"fetching {package} from Debian", "under a minute"):
                scratch.mkdir()
                _apt("download", package, folder=scratch)
                (archive,) = scratch.glob("*.deb")
                run(["dpkg-deb", "--extract", archive, scratch])
                archive.unlink()
    return target


def root_archive(root: Root) -> Path:
    """Return a tar file of a minimal Debian root with its packages, made by debootstrap once."""
    target = cache.folder("debian") / f"{root.suite}-{cache.fingerprint(root.suite, *root.packages)}.tar"
    with cache.made(target) as scratch:
        if scratch:
            debootstrap = installed("debootstrap", "debootstrap")
            folder = cache.folder("debian") / f".{target.name}.root"
            shutil.rmtree(folder, ignore_errors=True)
            with step(f"making a Debian {root.suite} root", "1 to 3 minutes"):
                run(
                    [
                        debootstrap,
                        "--variant=minbase",
                        f"--include={','.join(root.packages)}",
                        root.suite,
                        folder,
                    ],
                    remedy=MIRROR_REMEDY,
                )
                shutil.rmtree(folder / "var/cache/apt")
                shutil.rmtree(folder / "var/lib/apt/lists")
                shutil.rmtree(folder / "usr/share/doc")
                run(["tar", "--create", "--file", scratch, "--directory", folder, "."])
            shutil.rmtree(folder)
    return target


def _apt(*words: str, folder: Path | None = None) -> None:
    """Run apt-get with fresh lists, one process at a time: it does not wait for its own locks."""
    with cache.locked("apt"):
        environment = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update"], env=environment, remedy=MIRROR_REMEDY)
        run(["apt-get", *words], env=environment, cwd=folder, remedy=MIRROR_REMEDY)


def _which(command: str) -> str | None:
    return shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
