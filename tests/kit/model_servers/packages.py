"""Single files out of wheels on PyPI, read by HTTP ranges: a wheel of a model server has hundreds of megabytes.

pip's own session and its lazily read wheels do it, so index, proxy and certificates are those of pip's configuration.
They are internal to pip, but have been there since pip 20.2.
"""

from __future__ import annotations

import functools
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

from inferencepool_lab.builds import cache
from inferencepool_rollout.failure import Failure


@dataclass(frozen=True)
class Wheel:
    """A package on PyPI by name and version; what is read of it stays in the cache."""

    package: str
    version: str

    @property
    def folder(self) -> Path:
        """Where its files lie in the cache, by their paths in the wheel."""
        return cache.folder("servers", f"{self.package}-{self.version}")

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Paths of all files in the wheel."""
        listing = self.folder / ".names"
        if not listing.exists():
            _write(listing, "\n".join(self._remote.namelist()).encode())
        return frozenset(listing.read_text().splitlines())

    def file(self, name: str) -> Path:
        """Return a file of the wheel, fetched into the cache once; raises KeyError where the wheel lacks it."""
        path = self.folder / name
        if not path.exists():
            if name not in self.names:
                raise KeyError(name)
            _write(path, self._remote.read(name))
        return path

    @functools.cached_property
    def _remote(self) -> zipfile.ZipFile:
        # imported here, since it takes half a second and is not needed once the cache is full
        from pip._internal.commands import create_command
        from pip._internal.commands.download import DownloadCommand
        from pip._internal.index.collector import parse_links
        from pip._internal.models.link import Link
        from pip._internal.network.lazy_wheel import LazyZipOverHTTP

        command = create_command("download")
        assert isinstance(command, DownloadCommand)
        options, _ = command.parse_args([self.package])
        stem = f"{self.package.replace('-', '_')}-{self.version}-"
        with command.main_context():
            session = command.get_default_session(options)
            finder = command._build_package_finder(options, session)
            for index in finder.index_urls:
                page = finder._link_collector.fetch_response(Link(f"{index.rstrip('/')}/{self.package}/"))
                for link in parse_links(page) if page else ():
                    if link.filename.startswith(stem) and link.filename.endswith(("x86_64.whl", "-any.whl")):
                        return zipfile.ZipFile(LazyZipOverHTTP(link.url_without_fragment, session))
        raise Failure(
            f"PyPI has no wheel of {self.package} {self.version} for x86; correct tests/long/servers/versions.toml, or "
            "check that PyPI is reached"
        )


def _write(path: Path, content: bytes) -> None:
    """Write in one rename, so that no reader meets half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    scratch.write_bytes(content)
    scratch.rename(path)
