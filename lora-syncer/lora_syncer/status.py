"""What the syncer tells about itself, in one piece that never changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Status:
    """The state after a round.

    `adapters` holds every id that the configuration names; `missing` says for those of ensureExist that are not
    served as they are named, and for those of ensureNotExist that are served, why.
    """

    ready: bool = False
    server: str | None = None
    config_error: str | None = None
    adapters: Mapping[str, bool] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    unmanaged: tuple[str, ...] = ()
    reached: bool = False
