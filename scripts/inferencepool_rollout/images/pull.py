"""The images that a cluster needs, in the engine: published first, built where they can't be pulled."""

from __future__ import annotations

from collections.abc import Iterable

from inferencepool_rollout.engine import Engine
from inferencepool_rollout.failure import Failure
from inferencepool_rollout.images import build, node
from inferencepool_rollout.progress import step
from inferencepool_rollout.versions import versions

PULL_SECONDS = 900


def ensure(engine: Engine, keys: Iterable[str]) -> None:
    """Make each image of versions.toml stand in the engine under its published name.

    An image that stands there as pulled, or as built from today's inputs, is left as it is. Raises Failure when
    an image can be neither pulled nor built, with both causes.
    """
    for key in keys:
        name = versions().images[key].name
        label = build.inputs_label(engine, name)
        if label == "" or (label is not None and label == build.inputs(engine, key)):
            continue
        refused = _pull_refused(engine, name)
        if refused:
            try:
                node.build(engine) if key == "node" else build.image(engine, key)
            except Failure as failure:
                raise Failure(f"{name} can't be pulled ({refused}), nor built here: {failure}") from failure


def _pull_refused(engine: Engine, name: str) -> str:
    """Pull the image; return "" when that worked, else the registry's or the network's cause."""
    try:
        with step(f"pulling {name}", "seconds to minutes"):
            engine.docker("pull", "--quiet", name, timeout=PULL_SECONDS)
    except Failure as failure:
        return str(failure)
    return ""
