"""The cache outside the checkout: what is expensive to make, keyed by the content of what it is made from."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inferencepool_rollout.failure import Failure

COLD_BUILD_BYTES = 20 * 10**9


def root() -> Path:
    """The cache folder: $INFERENCEPOOL_ROLLOUT_CACHE, else inferencepool-rollout in $XDG_CACHE_HOME or ~/.cache."""
    chosen = os.environ.get("INFERENCEPOOL_ROLLOUT_CACHE")
    if chosen:
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "inferencepool-rollout"


def folder(*names: str) -> Path:
    """A folder of the cache, made if it is missing."""
    path = root().joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path


def fingerprint(*inputs: str | bytes | Path) -> str:
    """12 hex digits of the SHA-256 over texts, and over names and contents of files and of all files in folders."""
    digest = hashlib.sha256()
    for item in inputs:
        for part in _parts(item):
            digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


@contextmanager
def made(target: Path) -> Iterator[Path | None]:
    """Make `target` at most once: yield a scratch path to make it at, or None if it is there already.

    The scratch path becomes `target` in one rename when the block ends well and is removed when it does not,
    so what stands in the cache is always whole. A second process waits for the first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.name):
        if target.exists():
            yield None
            return
        scratch = target.with_name(f".{target.name}.partial")
        _remove(scratch)
        try:
            yield scratch
            scratch.rename(target)
        finally:
            _remove(scratch)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the lock of that name against other processes; the system frees it when this process ends."""
    with (folder("locks") / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def require_room() -> None:
    """Raise Failure unless the disk of the cache has the room that a cold build of all parts takes."""
    free = shutil.disk_usage(folder()).free
    if free < COLD_BUILD_BYTES:
        raise Failure(
            f"{free / 1e9:.0f} GB are free at {root()}, and building the cluster's parts takes "
            f"{COLD_BUILD_BYTES / 1e9:.0f} GB; free some, or set INFERENCEPOOL_ROLLOUT_CACHE to a larger disk"
        )


def _parts(item: str | bytes | Path) -> Iterator[bytes]:
    if isinstance(item, str):
        yield item.encode()
    elif isinstance(item, bytes):
        yield item
    elif item.is_dir():
        for path in sorted(item.rglob("*")):
            if path.is_file() and path.parent.name != "__pycache__":
                yield str(path.relative_to(item)).encode()
                yield path.read_bytes()
    else:
        yield item.name.encode()
        yield item.read_bytes()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
