"""Go modules of versions that only tests look at; their checksums are those of the public log, not of a go.sum."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from inferencepool_lab.builds.programs import REGISTRY, environment, go
from inferencepool_rollout.process import run


@functools.cache
def downloaded(module: str) -> Path:
    """Return the read-only folder of a module's files, by `name@version`; raises Failure when it can't be had."""
    said = run(
        [go(), "mod", "download", "-json", module], env={**environment(), "GOFLAGS": "-mod=mod"}, remedy=REGISTRY
    )
    return Path(json.loads(said)["Dir"])
