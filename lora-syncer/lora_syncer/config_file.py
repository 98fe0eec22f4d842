"""The mounted file and its last good content."""

from __future__ import annotations

import logging
from pathlib import Path

from lora_syncer.config import Config, ConfigError, parse

log = logging.getLogger(__name__)


class ConfigFile:
    """A configuration file that is read again and again; what is invalid changes nothing but `error`.

    The kubelet updates a mounted ConfigMap by swapping the symbolic link `..data`. The file is compared by its
    content, once a round: a few hundred bytes, with no native package, and no event is lost across the swap
    (inotify watches the folder that the link has left).
    """

    config: Config | None = None
    error: str | None = "has not been read yet"

    def __init__(self, path: Path, max_adapters: int | None = None) -> None:
        self._path = path
        self._max_adapters = max_adapters
        self._read: bytes | str | None = None

    def refresh(self) -> bool:
        """Read the file; return whether `config` is another one now."""
        content = self._content()
        if content == self._read:
            return False
        self._read = content
        try:
            if isinstance(content, str):
                raise ConfigError(content)
            new = parse(content.decode(), self._max_adapters)
        except (ConfigError, UnicodeDecodeError) as error:
            self.error = f"{self._path}: {error}"
            kept = "the last good one stays in force" if self.config else "there is none in force"
            log.error("configuration refused, %s: %s", kept, self.error)
            return False
        self.error = None
        changed = new != self.config
        self.config = new
        log.info(
            "configuration taken",
            extra={"adapters": [adapter.id for adapter in new.ensure_exist], "absent": sorted(new.ensure_not_exist)},
        )
        return changed

    def _content(self) -> bytes | str:
        """The bytes of the file, or why it can't be read."""
        try:
            return self._path.read_bytes()
        except OSError as error:
            return f"can't be read: {error.strerror}"
