"""A ConfigMap mounted as the kubelet mounts it."""

from __future__ import annotations

import itertools
from pathlib import Path

import yaml


class Volume:
    """A folder whose files are links through `..data`, which one rename swaps (kubelet's AtomicWriter)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = itertools.count()
        self.path = folder / "configmap.yaml"

    def write(self, content: str | bytes) -> None:
        """Publish another content of the ConfigMap."""
        data = self._folder / f"..2026_11_24_{next(self._versions)}"
        data.mkdir()
        (data / self.path.name).write_bytes(content.encode() if isinstance(content, str) else content)
        (self._folder / "..data_tmp").symlink_to(data.name)
        old = (self._folder / "..data").resolve() if (self._folder / "..data").exists() else None
        (self._folder / "..data_tmp").rename(self._folder / "..data")
        if not self.path.is_symlink():
            self.path.symlink_to(Path("..data") / self.path.name)
        if old is not None:
            (old / self.path.name).unlink()
            old.rmdir()

    def configure(self, port: int, exist: dict[str, str], absent: tuple[str, ...] = (), **more: str) -> None:
        """Publish a configuration: in `exist` ids and their sources, in `absent` the ids of ensureNotExist."""
        self.write(
            configuration(port, [{"id": id_, "source": source} for id_, source in exist.items()], absent, **more)
        )


def configuration(port: int, exist: list[dict[str, str]], absent: tuple[str, ...] = (), **more: str) -> str:
    """The guide's shape as YAML, for a model server on this host."""
    root = {
        "host": "127.0.0.1",
        "port": port,
        **more,
        "ensureExist": {"models": exist},
        "ensureNotExist": {"models": [{"id": id_} for id_ in absent]},
    }
    return yaml.safe_dump({"vLLMLoRAConfig": root})
